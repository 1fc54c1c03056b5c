"""Someone starts to use a row in the moment in which its last user goes, on each server engine."""

from __future__ import annotations

import subprocess
import time

import pytest
from project import Project
from test_unused import AT, MASKED, RULES, left, shop


@pytest.mark.parametrize("rules", [RULES, MASKED], ids=["deleted", "masked"])
def test_a_row_that_someone_starts_to_use_meanwhile_stays_as_it_is(
    server_project: Project, rules: str
) -> None:
    """A customer not yet committed uses the address: the batch waits for it, and then sees it."""
    shop(server_project, rules)
    with server_project.engine.connect() as other:
        with other.begin():
            other.exec_driver_sql("insert into customers values (9, 1, null)")
            run = subprocess.Popen(
                server_project.command("run", "--all", "--at", AT), cwd=server_project.folder
            )
            waited_for(server_project)
        assert run.wait(60) == 0
    assert server_project.value("select street from addresses where id = 1") == "alone"
    assert left(server_project, "customers") == [3, 9]


def waited_for(project: Project) -> None:
    """Until a statement of the run waits for a lock of ours."""
    if project.dialect == "postgresql":
        waiting = "select count(*) from pg_locks where not granted"
    else:
        waiting = "select count(*) from information_schema.innodb_trx where trx_state = 'LOCK WAIT'"
    for _ in range(300):
        if project.value(waiting):
            return
        time.sleep(0.1)
    pytest.fail("the run did not wait for the row in use")
