"""What a policy covers, judged on small schemas without a database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from retention.cli.vocabulary import vocabulary
from retention.planning.coverage import Coverage, coverage_of
from retention.planning.make import plan_and_problems
from retention.planning.not_personal import NotPersonal
from retention.planning.schema import Column, ColumnKind, Reference, Schema, Table
from retention.planning.values import ValueKind
from retention.planning.vocabulary import Meaning
from retention.policies.parse import parse_policy

AS_OF = datetime(2026, 11, 22, 2, tzinfo=UTC)
HEAD = """
timezone = "UTC"
[databases.main]
url = "sqlite:///x.db"
[ledger]
url = "sqlite:///ledger.db"
"""


def column(name: str) -> Column:
    """A column whose name says its type: `*_at` is a time, `id` and `*_id` are numbers."""
    if name.endswith("_at"):
        return Column(name, ColumnKind.TIMESTAMP, "TIMESTAMP")
    if name == "id" or name.endswith("_id"):
        return Column(name, ColumnKind.INTEGER, "INTEGER", nullable=name != "order_id")
    return Column(name, ColumnKind.TEXT, "TEXT")


def shop(on_delete: str = "NO ACTION") -> Schema:
    """Customers with orders, their lines, logins, and a table of things."""
    tables = {
        "customers": "id name email phone closed_at",
        "orders": "id customer_id email placed_at",
        "order_lines": "id order_id phone",
        "logins": "id customer_id user_agent seen_at",
        "payments": "id customer_id paid_at",
        "products": "id name changed_at",
    }
    return Schema(
        "sqlite",
        {
            name: Table(name, {text: column(text) for text in names.split()}, ("id",))
            for name, names in tables.items()
        },
        (
            Reference("orders", ("customer_id",), "customers", ("id",), on_delete),
            Reference("order_lines", ("order_id",), "orders", ("id",)),
            Reference("logins", ("customer_id",), "customers", ("id",)),
            Reference("payments", ("customer_id",), "customers", ("id",)),
        ),
    )


def covered(
    rules: str,
    sampled: dict[tuple[str, str], ValueKind] | None = None,
    schema: Schema | None = None,
) -> Coverage:
    """The coverage of these rules over the shop."""
    policy = parse_policy(HEAD + rules)
    plan, _ = plan_and_problems(policy, "main", schema or shop(), AS_OF)
    assert plan is not None
    return coverage_of(policy, plan, vocabulary(), sampled or {})


def states(found: Coverage) -> dict[str, str]:
    """`table.column` -> what becomes of it."""
    return {
        f"{table.name}.{column.name}": column.state.value
        for table in found.tables
        for column in table.columns
    }


def faults(found: Coverage) -> set[str]:
    """`table.column fault` of each."""
    return {f"{item.table}.{item.column} {item.fault}" for item in found.findings()}


def rule(name: str, table: str, start: str, more: str = 'delete_after = "1 year"') -> str:
    """A rule as a person writes it."""
    return f'[rules.{name}]\ntable = "{table}"\nstart = "{start}"\n{more}\n'


def test_without_rules_everything_personal_is_a_fault() -> None:
    """Products have names, too, and are none."""
    assert faults(covered("")) == {
        "customers.name in no rule",
        "customers.email in no rule",
        "customers.phone in no rule",
        "orders.email in no rule",
        "order_lines.phone in no rule",
        "logins.user_agent in no rule",
    }


def test_a_deletion_covers_the_whole_table_and_no_other() -> None:
    """Every column of a deleted row goes; rows that wait for their own rule do not."""
    found = states(covered(rule("c", "customers", "closed_at")))
    assert {found[f"customers.{name}"] for name in ("name", "email", "phone")} == {"deleted"}
    assert found["orders.email"] == "in no rule"


def test_rows_go_with_their_parents_except_those_without_one() -> None:
    """Lines always have an order; an order without a customer stays, and so do its lines."""
    references = (
        '[references]\n"orders.customer_id" = "delete"\n"order_lines.order_id" = "delete"\n'
    )
    along = covered(rule("c", "customers", "closed_at") + references)
    assert states(along)["orders.email"] == states(along)["order_lines.phone"] == "in part"
    assert any("rows without customer_id stay" in text for text in along.warnings())
    own = covered(rule("o", "orders", "placed_at") + references)
    assert states(own)["order_lines.phone"] == "deleted"


def test_a_rule_for_some_rows_covers_only_these() -> None:
    """`where`, a condition instead of a clock, and a choice without `otherwise` leave rows out."""
    for more in (
        'delete_after = "1 year"\nwhere = "phone is null"',
        'delete_after = { by = "phone", NO = "1 year" }',
    ):
        found = covered(rule("c", "customers", "closed_at", more))
        assert states(found)["customers.name"] == "in part"
        assert not any(text.startswith("customers") for text in faults(found))
        assert any(text.startswith("customers: name, email, phone") for text in found.warnings())
    when = '[rules.c]\ntable = "customers"\ndelete_when = "closed_at is not null"\n'
    assert states(covered(when))["customers.name"] == "in part"
    all_of_them = 'delete_after = { by = "phone", NO = "1 year", otherwise = "2 years" }'
    assert states(covered(rule("c", "customers", "closed_at", all_of_them)))["customers.name"] == (
        "deleted"
    )


def test_what_is_not_masked_survives_anonymization() -> None:
    """Two of three columns are masked; the third is a fault, until it is deleted or declared."""
    masks = 'anonymize_after = "1 year"\nanonymize = { "name, email" = "null" }'
    found = covered(rule("c", "customers", "closed_at", masks))
    assert states(found)["customers.name"] == "masked"
    assert "customers.phone survives anonymization" in faults(found)
    declared = '[coverage]\nnot_personal = ["customers.phone"]\n'
    found = covered(rule("c", "customers", "closed_at", masks) + declared)
    assert states(found)["customers.phone"] == "declared not personal"
    also = rule("later", "customers", "closed_at", 'delete_after = "5 years"')
    assert states(covered(rule("c", "customers", "closed_at", masks) + also))[
        "customers.phone"
    ] == ("deleted")


def test_child_rows_are_masked_along_a_reference() -> None:
    """Lines masked with their order are covered; orders masked with a customer only in part."""
    lines = 'anonymize_after = "1 year"\nanonymize = { "email, order_lines.phone" = "null" }'
    found = states(covered(rule("o", "orders", "placed_at", lines)))
    assert found["orders.email"] == found["order_lines.phone"] == "masked"
    orders = 'anonymize_after = "1 year"\nanonymize = { "orders.email" = "null" }'
    assert states(covered(rule("c", "customers", "closed_at", orders)))["orders.email"] == "in part"


def test_a_floor_alone_erases_nothing() -> None:
    """Kept for a while and in no other rule: a fault. Kept for ever is said, and is none."""
    floor = rule("law", "customers", "closed_at", 'keep_at_least = "5 years"')
    assert "customers.name kept, never erased" in faults(covered(floor))
    ever = '[rules.law]\ntable = "customers"\nkeep_at_least = "forever"\n'
    assert states(covered(ever))["customers.name"] == "kept for ever"
    some = ever + 'where = "phone is null"\n'
    assert states(covered(some))["customers.name"] == "in part"


def test_a_column_found_by_its_values_is_a_fault_like_any_other() -> None:
    """A nameless column in which every value is an e-mail address."""
    kind = ValueKind("e-mail", Meaning.EMAIL, 7, 9)
    found = covered("", {("products", "name"): kind})
    assert "products.name in no rule" in faults(found)
    (finding,) = (item for item in found.findings() if item.table == "products")
    assert finding.seen == "values"
    declared = covered('[coverage]\nnot_personal = ["products"]\n', {("products", "name"): kind})
    assert not any(item.table == "products" for item in declared.findings())
    assert any("7 of 9 sampled values: e-mail" in text for text in declared.cautions)


def test_references_into_tables_that_lose_rows_are_listed_with_their_decision() -> None:
    """Undecided is a warning where nothing acts, and a fault where the database would act."""
    rules = rule("c", "customers", "closed_at") + '[references]\n"logins.customer_id" = "detach"\n'
    found = {item.label: item for item in covered(rules).references}
    assert set(found) == {"orders.customer_id", "logins.customer_id", "payments.customer_id"}
    assert found["logins.customer_id"].decision == "detach"
    assert found["orders.customer_id"].caution.startswith("not decided")
    assert not found["orders.customer_id"].fault
    acting = covered(rules, schema=shop("CASCADE"))
    assert "orders.customer_id. not decided" in faults(acting)
    declared = covered(
        rule("c", "customers", "closed_at") + '[references]\n"*" = "as declared"\n',
        schema=shop("CASCADE"),
    )
    assert not any("not decided" in text for text in faults(declared))


def test_a_block_that_never_ends_is_said() -> None:
    """A customer with payments waits for rows that no rule takes."""
    block = '[references]\n"payments.customer_id" = "block"\n"orders.customer_id" = "block"\n'
    rules = rule("c", "customers", "closed_at") + rule("o", "orders", "placed_at") + block
    found = {item.label: item.caution for item in covered(rules).references}
    assert "waits for ever" in found["payments.customer_id"]
    assert found["orders.customer_id"] == ""


def test_rows_that_refer_to_a_person_are_said_to_be_somebodys() -> None:
    """Payments have no personal column, and are a person's all the same."""
    told = "payments refers to customers through customer_id, and no rule takes its rows"
    assert told in covered("").cautions
    for rules in (
        rule("p", "payments", "paid_at"),
        '[coverage]\nnot_personal = ["payments"]\n',
        rule("c", "customers", "closed_at") + '[references]\n"payments.customer_id" = "detach"\n',
    ):
        assert told not in covered(rules).cautions


@pytest.mark.parametrize(
    ("entry", "hits"),
    [
        ("logins", {"logins", "logins.user_agent"}),
        ("logins.user_agent", {"logins.user_agent"}),
        ("*.user_agent", {"logins.user_agent"}),
        ("log*", {"logins", "logins.user_agent"}),
        ("logins.*", {"logins.user_agent"}),
        ("Logins", set()),
        ("login", set()),
        ("l.gins", set()),
    ],
)
def test_entries_name_tables_columns_and_several(entry: str, hits: set[str]) -> None:
    """Only `*` is special; a dot is a dot, and letters are as they are."""
    declared = NotPersonal([entry])
    found = {"logins"} if declared.has_table("logins") else set()
    found |= {"logins.user_agent"} if declared.has_column("logins", "user_agent") else set()
    assert found == hits


def test_an_entry_that_names_nothing_is_told_with_what_was_meant() -> None:
    """A slip of the pen must not look like a decision."""
    entries = ["custmers", "orders.emial", "products", "*.changed_at", "log_*", "nothing.like.it"]
    told = dict(NotPersonal(entries).unused([shop()]))
    assert set(told) == {0, 1, 4, 5}
    assert 'did you mean "customers"?' in told[0]
    assert 'did you mean "orders.email"?' in told[1]
    assert "mean" not in told[4] + told[5]
    assert not dict(
        NotPersonal(entries[:1]).unused(
            [shop(), Schema("sqlite", {"custmers": Table("custmers", {}, ())}, ())]
        )
    )


def test_a_column_that_names_a_file_counts_whatever_it_is_called() -> None:
    """With its row, masked, or left in an anonymized row: then name and file survive."""
    named = '[rules.l.files]\nblob_ref = "media/{blob_ref}"\n'
    columns = {name: column(name) for name in ("id", "blob_ref", "seen_at")}
    plain = Schema("sqlite", {"logins": Table("logins", columns, ("id",))}, ())
    assert covered(rule("l", "logins", "seen_at"), schema=plain).tables == ()
    (table,) = covered(rule("l", "logins", "seen_at") + named, schema=plain).tables
    (found,) = table.columns
    assert (found.name, found.meaning, found.seen) == ("blob_ref", Meaning.FILE, "files")
    assert found.state.value == "deleted"
    assert found.words == "deleted by rules.l, and the file with it"
    masking = 'anonymize_after = "1 year"\n[rules.l.anonymize]\nseen_at = "null"\n'
    left = covered(rule("l", "logins", "seen_at", masking) + named, schema=plain)
    assert faults(left) == {"logins.blob_ref survives anonymization"}
    masked = masking + 'blob_ref = "null"\n'
    whole = covered(rule("l", "logins", "seen_at", masked) + named, schema=plain)
    assert states(whole) == {"logins.blob_ref": "masked"}
    assert faults(whole) == set()
