"""`[backups.NAME]`: what each kind needs, and what has no use there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from retention.errors import PolicyError
from retention.policies.parse import parse_policy
from retention.policies.period import Period

HEAD = """
timezone = "Europe/Oslo"
[databases.shop]
url = "sqlite:///shop.db"
[databases.crm]
url = "sqlite:///crm.db"
[ledger]
url = "sqlite:///ledger.db"
[backups.nightly]
"""


def fault(text: str) -> str:
    """The only fault of a set of backups, as `check` prints it."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(HEAD + text)
    (problem,) = caught.value.problems
    return problem.render("policies.toml")


def test_one_database_or_several_are_named() -> None:
    """A dump of one database, and a folder with dumps of two."""
    one = parse_policy(HEAD + 'database = "shop"\nkind = "declared"\nkeep = "35 days"')
    two = parse_policy(HEAD + 'database = ["shop", "crm"]\nkind = "declared"\nkeep = "5 weeks"')
    assert one.backups["nightly"].database == ("shop",)
    assert two.backups["nightly"].database == ("shop", "crm")
    assert two.backups["nightly"].keep == Period(days=35)


def test_contents_are_an_hour_older_unless_said() -> None:
    """A dump that takes longer says so."""
    head = HEAD + 'database = "shop"\nkind = "files"\npath = "a/*.db"\n'
    assert parse_policy(head).backups["nightly"].lag == timedelta(hours=1)
    assert parse_policy(head + 'takes = "6 hours"').backups["nightly"].lag == timedelta(hours=6)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('database = "web"\nkind = "files"\npath = "a"', "there is no [databases.web]"),
        ('database = "shop"\nkind = "files"', 'kind = "files" needs path'),
        ('database = "shop"\nkind = "restic"\nkeep = "1 day"', "needs repository"),
        ('database = "shop"\nkind = "declared"', 'kind = "declared" needs keep'),
        ('database = "shop"\nkind = "files"\npath = "a"\nstanza = "x"', "has no use for stanza"),
        (
            'database = "shop"\nkind = "declared"\nkeep = "1 day"\nexpire = true',
            "has no use for expire",
        ),
        ('database = "shop"\nkind = "files"\npath = "a"\nexpire = true', "write keep"),
        ('database = "shop"\nkind = "files"\npath = "a"\nkeep_last = 2', "write expire = true"),
        ('database = "shop"\nkind = "files"\npath = "a"\nkeep = "35 dayz"', "did you mean"),
        ('database = "shop"\nkind = "files"\npath = "a"\ntakes = "1 month"', "hours, days or"),
        ('database = "shop"\nkind = "files"\npth = "a"', 'did you mean "path"?'),
    ],
)
def test_a_fault_has_its_line_and_its_cure(text: str, told: str) -> None:
    """Each names the file, a line of the set, the key, and what would be right."""
    found = fault(text)
    assert told in found
    assert found.startswith("policies.toml:")
    assert "backups.nightly" in found
