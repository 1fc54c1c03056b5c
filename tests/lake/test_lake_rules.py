"""What a rule over a lake table may ask for, and the clear word where it may not."""

from __future__ import annotations

import builtins
from datetime import UTC, date, datetime
from typing import Any

import deltalake
import pytest
from lakes import AS_OF, done, due, ids, lake_counts, night, recount_of, request, rows_of, write
from project import HEAD, Project

from retention.errors import PolicyError, UsageError
from retention.policies.parse import parse_policy
from retention.scheduler.lake_night import lake_faults

OLD, YOUNG = datetime(2025, 1, 1), datetime(2026, 5, 31)
BASE = """
[rules.events]
table = "delta://lake/events"
start = "at"
delete_after = "90 days"
"""


def faults(text: str) -> str:
    """What parsing says of a policy."""
    with pytest.raises(PolicyError) as raised:
        parse_policy(HEAD.format(zone="UTC", url="sqlite:///x.db") + text)
    return str(raised.value)


def checked(project: Project) -> list[str]:
    """What `check` says of the rules over lake tables."""
    policy = parse_policy(project.config.read_text(encoding="utf-8"))
    return [
        problem.render("policies.toml")
        for problem in lake_faults(policy, project.folder, str(project.config), AS_OF)
    ]


def people(project: Project, count: int = 4, **more: Any) -> None:
    """Old rows with odd ids, young ones with even ids."""
    rows = [
        {
            "id": at,
            "at": OLD if at % 2 else YOUNG,
            "email": f"p{at}@example.org",
            "name": f"N{at}",
            "pinned": at == 1,
        }
        for at in range(1, count + 1)
    ]
    write(project.folder / "lake" / "events", rows, **more)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('database = "main"', "a lake table is in no database"),
        ('restrict_after = "0 days"', "cannot be restricted"),
        ('remember_in = "at"', "nothing to remember"),
        ('together = "id"', "cannot be taken together"),
        ('guard = "at"', "a guard does nothing"),
        ('files = { email = "var/{email}" }', "files cannot go with rows of a lake table"),
        ('limits = { over_limit = "portion" }', "changed in one commit"),
    ],
)
def test_keys_that_a_lake_table_has_no_use_for(line: str, word: str) -> None:
    """Each is a fault of its own, at its own line, and says what a lake table can do."""
    told = faults(BASE + line + "\n")
    assert word in told
    assert f"rules.events.{line.split(' ')[0]}" in told


@pytest.mark.parametrize(
    "address", ["delta:/lake", "delta://", "delta+s3:bucket", "delta+s3://key:secret@bucket/events"]
)
def test_addresses_that_are_none(address: str) -> None:
    """An address with a secret in it, or of no known form, is refused when the file is read."""
    assert "the address of a lake table is" in faults(BASE.replace("delta://lake/events", address))


def test_events_are_of_databases() -> None:
    """`start = { event = … }` names a row by its key, which a lake table does not have."""
    told = faults(BASE.replace('"at"', '{ event = "closed" }'))
    assert "events are recorded for rows of databases" in told


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        (BASE.replace('"at"', '"customers.at"'), "customers"),
        (BASE.replace('"at"', '"att"'), 'did you mean "at"'),
        (BASE + 'unless = { "open" = "orders.id is null" }\n', "orders"),
        (
            BASE + '[rules.events.anonymize]\nemail = "pseudonym"\n',
            "a lake table has no such mask; it can do",
        ),
        (BASE + "[rules.events.anonymize]\nemail = { network = [24, 48] }\n", "has no such mask"),
        (BASE + '[rules.events.anonymize]\nid = { text = "x" }\n', "id"),
    ],
)
def test_check_names_what_the_table_cannot_do(lake: Project, rule: str, word: str) -> None:
    """Paths to other tables, unknown columns and masks that a lake table does not have."""
    people(lake)
    lake.policy(rule)
    told = [problem for problem in checked(lake) if "warning" not in problem]
    assert any(word in problem for problem in told)
    assert night(lake)["exit_code"] == 2
    assert ids(lake.folder / "lake" / "events") == [1, 2, 3, 4]


def test_a_table_that_only_grows(lake: Project) -> None:
    """Delta's append-only property is told by `check`, and the night leaves the table alone."""
    people(lake, configuration={"delta.appendOnly": "true"})
    lake.policy(BASE)
    assert "append-only" in checked(lake)[0]
    assert night(lake)["exit_code"] == 2


def test_there_is_no_table(lake: Project) -> None:
    """A folder without a log fails its own rules; other lake tables are worked on."""
    people(lake)
    lake.policy(BASE + BASE.replace("rules.events", "rules.gone").replace("lake/events", "nowhere"))
    body = night(lake)
    assert body["exit_code"] == 1
    assert "there is no Delta table here" in body["errors"]["delta://nowhere"]
    assert ids(lake.folder / "lake" / "events") == [2, 4]


def test_limits_refuse_and_are_allowed_once(lake: Project) -> None:
    """A limit stops the whole commit; `--allow` lets it pass; a portion is never taken."""
    people(lake, 6)
    lake.policy(BASE + "limits = { rows_per_run = 2 }\n")
    body = night(lake)
    assert body["exit_code"] == 3
    assert ids(lake.folder / "lake" / "events") == [1, 2, 3, 4, 5, 6]
    assert done(night(lake, allowed={"events": 3})) == {"events delete": 3}


def test_a_portion_for_all_rules_is_refused_for_lake_tables(lake: Project) -> None:
    """`over_limit = "portion"` under [limits] is for databases; here it says why not, and how."""
    people(lake, 6)
    head = HEAD.replace("rows_per_run = 1_000_000", 'rows_per_run = 2\nover_limit = "portion"')
    lake.policy(BASE, head=head)
    body = night(lake)
    assert body["exit_code"] == 3
    assert "in one commit" in body["rules"][0]["refused"]
    assert ids(lake.folder / "lake" / "events") == [1, 2, 3, 4, 5, 6]


def test_unless_holds_a_row(lake: Project) -> None:
    """A column of the row can stop its rule: that is what a hold is in a lake table."""
    people(lake)
    lake.policy(BASE + 'unless = { "legal hold" = "pinned" }\n')
    body = night(lake)
    assert body["rules"][0]["unless"] == {"legal hold": 1}
    assert ids(lake.folder / "lake" / "events") == [1, 2, 4]
    assert recount_of(body)["steps"][0]["stopped"] == 1


def test_masks_leave_every_other_column_alone(lake: Project) -> None:
    """Masked columns change in rows that are due, and nothing else does anywhere."""
    people(lake)
    folder = lake.folder / "lake" / "events"
    before = rows_of(folder)
    masks = (
        '[rules.events.anonymize]\nemail = { template = "gone-{id}" }\nname = { keep_first = 1 }\n'
    )
    lake.policy(BASE.replace("delete_after", "anonymize_after") + masks)
    assert due(lake) == {"events anonymize": 2}
    body = night(lake)
    assert done(body) == {"events anonymize": 2}
    changed = [
        row | {"email": f"gone-{row['id']}", "name": "N"} if row["id"] % 2 else row
        for row in before
    ]
    assert rows_of(folder) == changed
    assert due(lake) == {"events anonymize": 0}


@pytest.mark.parametrize(
    ("column", "mask", "values", "left"),
    [
        ("name", "{ keep_last = 2 }", ["+47 123 45 678", "7", ""], ["78", "7", ""]),
        ("name", "{ keep_first = 1 }", ["Åse", "B", None], ["Å", "B", None]),
        ("name", "{ prefix = 3 }", ["0155", "9", "12345"], ["015", "9", "123"]),
        ("name", '"empty"', ["Anna", "", None], ["", "", None]),
        ("name", '{ truncate = "month" }', ["2026-04-03", "soon", ""], ["2026-04-01", None, ""]),
        (
            "name",
            '{ one_of = "<18|18-29|30-49|50+" }',
            ["34", "17", "120", "30-49", "?"],
            ["30-49", "<18", "50+", "30-49", None],
        ),
        ("epoch", "{ round = 100 }", [12_345, -250, 99], [12_300, -200, 0]),
        ("epoch", "{ value = 0 }", [7, 0, None], [0, 0, None]),
        ("score", "{ round = 5 }", [17.8, 5.0, None], [15.0, 5.0, None]),
        ("pinned", "{ value = false }", [True, False, None], [False, False, None]),
        ("day", '{ truncate = "decade" }', [date(1987, 6, 5), None], [date(1980, 1, 1), None]),
    ],
)
def test_every_mask_leaves_what_it_says(
    lake: Project, column: str, mask: str, values: list[Any], left: list[Any]
) -> None:
    """Value by value; types stay as they were, and a second night finds nothing to mask."""
    folder = lake.folder / "lake" / "events"
    write(folder, [{"id": at, "at": OLD, column: value} for at, value in enumerate(values)])
    before = deltalake.DeltaTable(folder).schema()
    lake.policy(
        BASE.replace("delete_after", "anonymize_after")
        + f"[rules.events.anonymize]\n{column} = {mask}\n"
    )
    assert not any("warning" not in told for told in checked(lake))
    body = night(lake)
    assert body["exit_code"] == 0, recount_of(body)
    assert [row[column] for row in rows_of(folder)] == left
    assert deltalake.DeltaTable(folder).schema() == before
    assert due(lake) == {"events anonymize": 0}


def test_check_rehearses_on_an_empty_table(lake: Project) -> None:
    """A rule that can be carried out is told so without a row being read or a version written."""
    people(lake)
    lake.policy(BASE + "where = \"length(email) > 3 and lower(name) like 'n%' and id % 2 = 1\"\n")
    told = checked(lake)
    assert len(told) == 1
    assert "%" in told[0]
    lake.policy(BASE + "where = \"length(email) > 3 and lower(name) like 'n%'\"\n")
    assert checked(lake) == []
    assert done(night(lake)) == {"events delete": 2}


def test_without_the_library(lake: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the extra to install."""
    people(lake)
    lake.policy(BASE)
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "deltalake":
            raise ModuleNotFoundError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    ((_, found),) = lake_counts(request(lake))
    assert isinstance(found, UsageError)
    assert "retention[lake]" in str(found)


def test_a_name_stays_with_its_table(lake: Project) -> None:
    """A table that was moved goes on under its id: its batches follow each other."""
    people(lake)
    lake.policy(BASE)
    night(lake)
    (lake.folder / "lake").rename(lake.folder / "pond")
    write(
        lake.folder / "pond" / "events",
        [{"id": 9, "at": OLD, "email": "", "name": "", "pinned": False}],
    )
    lake.policy(BASE.replace("delta://lake", "delta://pond"))
    body = night(lake, datetime(2026, 6, 2, tzinfo=UTC))
    assert done(body) == {"events delete": 1}
    assert body["notes"] == []


def test_a_folder_that_holds_the_ledger_is_refused(lake: Project) -> None:
    """VACUUM takes whatever is not the table's: our own files must not lie in its folder."""
    write(lake.folder, [{"id": 1, "at": OLD, "email": "anna@example.org"}])
    lake.policy(BASE.replace("lake/events", "./"))
    assert any("VACUUM removes what is not the table's" in told for told in checked(lake))
    body = night(lake)
    assert body["exit_code"] == 2
    assert ids(lake.folder) == [1]
