"""A copy in another place is never taken for the original, nor the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from copies import back_up
from project import Project
from shops import NIGHT, customers, shop


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, project: Project, tmp_path: Path) -> Iterator[str]:
    """The URL of another, empty database on the same engine."""
    if project.dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'elsewhere.db'}"
        return
    engine = "mariadb" if project.dialect == "mysql" else project.dialect
    with servers.fresh_database(request.getfixturevalue(f"{engine}_server")) as url:
        yield url


def at(project: Project, url: str) -> Project:
    """The same policy and ledger, with the database in another place."""
    text = project.config.read_text().replace(project.url, url)
    other = Project(project.folder, url)
    other.config = project.folder / "elsewhere.toml"
    other.config.write_text(text)
    return other


def test_a_copy_is_refused_until_it_is_a_database_of_its_own(
    project: Project, elsewhere: str
) -> None:
    """Neither a run nor a reapply takes a copy for the original; as a clone it has its own story."""
    shop(project)
    restore = back_up(project)
    project.night(NIGHT)
    restore(elsewhere)
    copy = at(project, elsewhere)
    for command in (("run", "--all"), ("backups", "reapply"), ("enroll", "main")):
        refused = copy.run(*command)
        assert refused.code == 4, refused.out + refused.err
        assert "enroll main --clone" in refused.out + refused.err
    assert customers(copy) == set(range(1, 21))
    assert copy.run("enroll", "main", "--clone").code == 0
    copy.night(NIGHT)
    assert customers(copy) == customers(project) == set(range(2, 21, 2))
    assert project.run("run", "--all").code == 0
    assert copy.run("run", "--all").code == 0


def test_the_original_is_no_clone(project: Project) -> None:
    """`--clone` where the original lives would forget all that was done; it is refused."""
    shop(project)
    project.night(NIGHT)
    refused = project.run("enroll", "main", "--clone")
    assert refused.code == 4
    assert "no copy" in refused.err
    assert project.run("run", "--all").code == 0


def test_a_restore_into_a_new_place_is_told_and_reapplied(project: Project, elsewhere: str) -> None:
    """`--moved` makes the new place the one that counts; the old one is refused from then on."""
    shop(project)
    restore = back_up(project)
    project.night(NIGHT)
    restore(elsewhere)
    new = at(project, elsewhere)
    refused = new.run("run", "--all")
    assert refused.code == 4
    assert "--moved" in refused.out + refused.err
    assert "reapply" in refused.out + refused.err
    assert new.run("enroll", "main", "--moved").code == 0
    assert new.run("run", "--all").code == 4
    assert new.run("backups", "reapply").code == 0
    assert customers(new) == set(range(2, 21, 2))
    assert new.run("run", "--all").code == 0
    assert project.run("run", "--all").code == 4


def test_a_backup_from_before_the_enrolment_is_reapplied_too(project: Project) -> None:
    """Without our tables in it, the ledger still knows who is gone."""
    shop(project)
    project.engine.dispose()
    names = ("marker", "hold", "event", "restriction")
    project.night(NIGHT)
    after = customers(project)
    project.sql(*(f"drop table retention_{name}" for name in names))
    project.sql(
        "insert into customers values (3, 'name 3', 'm3@x.example', '2023-05-06 07:08:09',"
        " '2020-01-03 00:00:00')"
    )
    refused = project.run("run", "--all")
    assert refused.code == 4
    assert project.run("enroll", "main").code == 4
    done = project.run("backups", "reapply")
    assert done.code == 0, done.out + done.err
    assert customers(project) == after
    assert project.run("run", "--all").code == 0
