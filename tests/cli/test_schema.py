"""`retention schema`: what an editor is told of policies.toml agrees with what the parser reads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from retention.answers.policy_keys import KEYS
from retention.answers.policy_schema import policy_schema
from retention.errors import PolicyError
from retention.policies.parse import parse_policy

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = policy_schema()
HEAD = """
timezone = "Europe/Oslo"
country = "NO"
financial_year_starts = ["2024-01-01", 2025-07-01]
[databases.shop]
url = "sqlite:///shop.db"
[ledger]
url = "sqlite:///ledger.db"
[statutes."no.own.rule"]
period = "5 years"
kind = "minimum"
rolls = true
[limits]
share_of_table = "50%"
over_limit = "portion"
[coverage]
not_personal = ["countries", "orders.total"]
[references]
"*" = "as declared"
"orders.customer_id" = "delete"
"payments.order_no" = { to = "orders.reference", then = "block", lock = true }
"payments.shop, payments.customer" = { to = "customers.shop, number", then = "delete" }
"visits.customer_id" = { to = "customers.id", then = "detach", detach_to = 0 }
"customers.address_id" = { then = "block", when_unused = "anonymize" }
[references."notes.owner_id"]
then = "detach"
detach_to = ""
to = { by = "owner_type", 'App\\Models\\Customer' = "customers.id", supplier = "suppliers.id" }
[rules.a-rule]
table = "t"
"""
STARTS = (
    '"closed_at"',
    '"customers(buyer_id).closed_at"',
    '{ latest_of = ["closed_at", "messages.sent_at"] }',
    '{ earliest_of = ["a"] }',
    '{ first_of = ["a", "b"] }',
    '{ after_all = { orders = "o.done", marketing = { ends = "a", if = "b is not null" } } }',
    '{ event = "account closed" }',
)
PERIODS = (
    '"3 years"',
    '"9 years 6 months"',
    '"1 year, 2 months and 3 days"',
    '"6 WEEKS"',
    '"72 hours"',
    '"P3Y6M"',
    '"PT72H"',
    '"0 days"',
    '"immediately"',
    '"no.own.rule"',
    '["3 years", "30 days"]',
    '{ by = "country", NO = "no.own.rule", SE = ["1 year", "1 day"], otherwise = "10 years" }',
)
MASKS = (
    '"null"',
    '"empty"',
    '{ text = "[erased]" }',
    '{ template = "deleted-{id}@invalid" }',
    "{ value = 0 }",
    '{ truncate = "decade" }',
    "{ network = [24, 48] }",
    "{ prefix = 3 }",
    "{ round = 100 }",
)
BACKUPS = (
    'kind = "files"\npath = "backups/shop-*.db"\nkeep = "35 days"\ntakes = "2 hours"\n'
    "one_snapshot = true\nexpire = true\nkeep_last = 3",
    'kind = "restic"\nrepository = "/srv/restic"\nonly = "shop"\nkeep = "P35D"\n'
    'environment = { RESTIC_PASSWORD_FILE = "/etc/restic" }',
    'kind = "borg"\nrepository = "ssh://b/./r"\nonly = "shop-*"\nkeep = "5 weeks"',
    'kind = "pgbackrest"\nstanza = "main"\nkeep = "35 days"',
    'kind = "command"\ncommand = ["list-copies", "--all"]',
    'kind = "declared"\nkeep = "10 days"',
)
GOOD = (
    *(f'start = {form}\ndelete_after = "1 day"' for form in STARTS),
    *(f'start = "a"\ndelete_after = {form}' for form in PERIODS),
    *(
        f'start = "a"\nanonymize_after = "1 day"\nanonymize = {{ "b, c" = {form} }}'
        for form in MASKS
    ),
    'start = "a"\nanonymize_after = "1 day"\nanonymize = { "b.*, c.*" = "delete" }',
    'keep_at_least = "forever"',
    'files = { a = "media/{b}/{a}" }',
    'delete_when = "b"\n[rules.crash]\nfiles = "var/**/*.dmp"\nstart = { name = "%Y-%m-%d" }\n'
    'delete_after = "1 day"',
    'start = "a"\nkeep_at_least = "no.own.rule"\nprotects = ["customers.name"]',
    "delete_when = \"state = 'failed'\"",
    'start = "a"\ndelete_after = "1 day"\npromise = "We forget you."',
    'start = "a"\ndelete_after = "1 day"\npromise = ["We forget you.", "So we said."]',
    'delete_when = "b"\n[not_by_this_software]\n"We sell nothing." = "Contracts forbid it."',
    'start = "a"\ndelete_after = "1 day"\nunless = { "open" = "b is null" }\n'
    'only_if = { younger_than = { column = "born", years = 13 } }\nmissing = ["9999", 0]\n'
    'earliest_plausible = 2000-01-01\nstored_as = "epoch ms"\nstored_in = "Europe/Oslo"\n'
    'counted_from = "end of quarter"\nschedule = "0 3 * * *"\nguard = "a"\n'
    'limits = { rows_per_run = 5 }\nwhere = "b = 1"\nrequires = ["a"]',
    *(f'delete_when = "b"\n[backups.nightly]\ndatabase = "shop"\n{form}' for form in BACKUPS),
)
BAD = (
    "files = {}",
    'files = { a = "media/b" }',
    'delete_when = "b"\n[rules.crash]\nstart = "modified"\ndelete_after = "1 day"',
    'start = "a"\ndelet_after = "1 day"',
    'start = { lates_of = ["a"] }\ndelete_after = "1 day"',
    'start = { latest_of = [] }\ndelete_after = "1 day"',
    'start = "a"\ndelete_after = "90"',
    'start = "a"\ndelete_after = "90 dayz"',
    'start = "a"\ndelete_after = "forever"',
    'start = "a"\ndelete_after = []',
    'start = "a"\ndelete_after = { by = "country" }',
    'start = "a"\ncounted_from = "end of week"\ndelete_after = "1 day"',
    'start = "a"\nanonymize_after = "1 day"\nanonymize = { b = "nul" }',
    'start = "a"\nanonymize_after = "1 day"\nanonymize = { b = "delete" }',
    'start = "a"\nanonymize_after = "1 day"\nanonymize = { "b.*" = "null" }',
    'start = "a"\nanonymize_after = "1 day"\nanonymize = { b = { truncate = "week" } }',
    'start = "a"\nanonymize_after = "1 day"\nanonymize = { b = { network = [24, 129] } }',
    'start = "a"\ndelete_after = "1 day"\nlimits = { rows_per_run = 0 }',
    'start = "a"\ndelete_after = "1 day"\npromise = " "',
    'start = "a"\ndelete_after = "1 day"\npromise = []',
    'start = "a"\ndelete_after = "1 day"\npromise = ["We forget you.", ""]',
    'delete_when = "b"\n[not_by_this_software]\n"We sell nothing." = ""',
    'delete_when = "b"\n[not_by_this_software]\n" " = "no reason"',
    'delete_when = "b"\n[backups.x]\ndatabase = "shop"\nkind = "tape"',
    'delete_when = "b"\n[backups.x]\nkind = "declared"\nkeep = "1 day"',
    'delete_when = "b"\n[backups.x]\ndatabase = []\nkind = "declared"\nkeep = "1 day"',
    'delete_when = "b"\n[backups.x]\ndatabase = "shop"\nkind = "files"\npaths = "a"',
    'delete_when = "b"\n[backups.x]\ndatabase = "shop"\nkind = "command"\ncommand = []',
)
_TYPES = {
    "object": dict,
    "array": list,
    "string": (str, date),
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def fits(value: Any, node: dict[str, Any]) -> bool:
    """Whether a TOML value satisfies a schema: as much of Draft 2020-12 as ours uses."""
    if "$ref" in node and not fits(value, SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]):
        return False
    if "anyOf" in node and not any(fits(value, choice) for choice in node["anyOf"]):
        return False
    if "enum" in node and value not in node["enum"]:
        return False
    if "type" in node and not _typed(value, node["type"]):
        return False
    if isinstance(value, dict):
        return _table_fits(value, node)
    if isinstance(value, list):
        return _array_fits(value, node)
    if isinstance(value, str):
        pattern = re.search(node.get("pattern", ""), value)
        return bool(pattern) and len(value) >= node.get("minLength", 0)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return node.get("minimum", value) <= value <= node.get("maximum", value)
    return True


def _typed(value: Any, name: str) -> bool:
    is_whole = isinstance(value, bool) and name in ("integer", "number")
    return isinstance(value, _TYPES[name]) and not is_whole


def _table_fits(value: dict[str, Any], node: dict[str, Any]) -> bool:
    known, others = dict(node.get("properties", {})), node.get("additionalProperties", {})
    for pattern, form in node.get("patternProperties", {}).items():
        known |= {key: form for key in value if re.search(pattern, key)}
    if len(value) < node.get("minProperties", 0) or not set(node.get("required", ())) <= set(value):
        return False
    names = node.get("propertyNames", {})
    return all(fits(key, names) for key in value) and all(
        fits(item, known[key]) if key in known else others is not False and fits(item, others)
        for key, item in value.items()
    )


def _array_fits(value: list[Any], node: dict[str, Any]) -> bool:
    if not node.get("minItems", 0) <= len(value) <= node.get("maxItems", len(value)):
        return False
    first = node.get("prefixItems", [])
    pairs = [
        (item, first[at] if at < len(first) else node.get("items", {}))
        for at, item in enumerate(value)
    ]
    return all(fits(item, schema) for item, schema in pairs)


def nodes(node: Any) -> list[dict[str, Any]]:
    """Every table within the schema."""
    inside = list(node.values()) if isinstance(node, dict) else node
    found = [node] if isinstance(node, dict) else []
    if isinstance(inside, list):
        for item in inside:
            found += nodes(item)
    return found


def reads(text: str) -> bool:
    """Whether the parser takes the text."""
    try:
        parse_policy(text)
    except PolicyError:
        return False
    return True


def test_the_command_prints_the_schema() -> None:
    """Draft 2020-12, with an id of its own that names no host."""
    command = [sys.executable, "-m", "retention.cli.app", "schema"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"].startswith("urn:")
    assert SCHEMA["required"] == ["timezone", "databases", "ledger"]


def test_every_key_has_its_sentence_and_none_is_internal() -> None:
    """A key without a sentence belongs into `answers/policy_keys.py`; our own fields stay inside."""
    tables = {"Policy": SCHEMA, **SCHEMA["$defs"]}
    for name in KEYS:
        properties = tables[name]["properties"]
        silent = [key for key, node in properties.items() if not node.get("description")]
        assert not silent, f"{name}: {silent}"
        assert tables[name]["additionalProperties"] is False
    hidden = {"sha256", "text", "catalogue"}
    assert not hidden & set(SCHEMA["properties"])
    assert "name" not in tables["Rule"]["properties"]
    assert tables["Rule"]["anyOf"] == [{"required": ["table"]}, {"required": ["files"]}]


def test_every_table_of_the_policy_is_described() -> None:
    """A model that the schema refers to is one of those with sentences, or one of our forms."""
    referred = {node["$ref"].rpartition("/")[2] for node in nodes(SCHEMA) if "$ref" in node}
    assert referred == set(SCHEMA["$defs"])
    assert referred - set(KEYS) == {"start", "ceiling", "floor", "masks", "mask"}


def test_maps_take_any_name() -> None:
    """Databases, rules, references and statutes are maps from names."""
    for key in ("databases", "rules", "references", "statutes", "backups"):
        assert "additionalProperties" in SCHEMA["properties"][key]
    assert SCHEMA["properties"]["databases"]["minProperties"] == 1


def test_the_shops_policy_fits() -> None:
    """The policies.toml of the repository passes."""
    assert fits(tomllib.loads((ROOT / "policies.toml").read_text(encoding="utf-8")), SCHEMA)


@pytest.mark.parametrize("rule", GOOD)
def test_documented_forms_fit_and_are_read(rule: str) -> None:
    """What the language documents, the schema and the parser take."""
    assert reads(HEAD + rule)
    assert fits(tomllib.loads(HEAD + rule), SCHEMA)


@pytest.mark.parametrize("rule", BAD)
def test_mistakes_are_marked_as_they_are_typed(rule: str) -> None:
    """What the parser refuses by its form, the schema refuses, too."""
    assert not reads(HEAD + rule)
    assert not fits(tomllib.loads(HEAD + rule), SCHEMA)


def test_an_independent_validator_agrees() -> None:
    """Where jsonschema is installed, it takes the documented forms as well."""
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for rule in GOOD:
        validator.validate(json.loads(json.dumps(tomllib.loads(HEAD + rule), default=str)))
