"""JSON Schema of policies.toml, so that editors complete and check it as it is typed. Pure.

The models of the policy are the source; what they accept in several forms (starts, periods,
masks) is written out here, and a form that the parser does not read is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from retention.answers.policy_keys import KEYS
from retention.policies.masking import TRUNCATE_UNITS
from retention.policies.policy import Policy
from retention.policies.rule import Rule

Node = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
ID = "urn:retention:policies.toml:1"
_INTERNAL = {"Policy": ("sha256", "text", "catalogue", "listed"), "Rule": ("name",)}
_ALTERNATIVES: dict[str, Node] = {
    "Rule": {"anyOf": [{"required": ["table"]}, {"required": ["files"]}]},
    "DatabaseSettings": {"oneOf": [{"required": ["url"]}, {"required": ["urls"]}]},
    "DatabaseList": {"minProperties": 1, "maxProperties": 1},
}
_TEXT: Node = {"type": "string", "minLength": 1}
_TEXTS: Node = {"type": "array", "items": _TEXT, "minItems": 1}
_WHOLE: Node = {"type": "integer", "minimum": 1}


def policy_schema() -> Node:
    """The schema, as `retention schema` prints it."""
    raw = Policy.model_json_schema()
    models = {"Policy": raw, **raw["$defs"]}
    made = {name: _model(name, models[name]) for name in models if name in KEYS}
    made["Rule"]["properties"] |= _rule_forms(made["Rule"]["properties"])
    decision = made["ReferenceDecision"]
    short = {"enum": decision["properties"]["then"]["enum"]}
    top = made.pop("Policy")
    top["properties"]["references"]["additionalProperties"] = {
        "anyOf": [short, {"$ref": "#/$defs/ReferenceDecision"}]
    }
    defs = {**made, **_forms()}
    return {
        "$schema": DIALECT,
        "$id": ID,
        "title": "policies.toml",
        **top,
        "$defs": {name: defs[name] for name in sorted(_reachable(top, defs))},
    }


def _model(name: str, raw: Node) -> Node:
    """One table of the file: its keys with their sentences, no others."""
    hidden = _INTERNAL.get(name, ())
    properties: Node = {}
    for key, node in raw["properties"].items():
        if key not in hidden:
            told = KEYS[name].get(key)
            properties[key] = ({"description": told} if told else {}) | _plain(node)
    required = [key for key in raw.get("required", ()) if key not in hidden]
    return {
        "type": "object",
        "description": str(raw.get("description", "")).split("\n\n")[0],
        "properties": properties,
        **({"required": required} if required else {}),
        **_ALTERNATIVES.get(name, {}),
        "additionalProperties": False,
    }


def _plain(node: Any) -> Any:
    """A node without generated titles, and without null, which TOML does not have."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _plain(item) for key, item in node.items() if key != "title"}
    if found.get("default", ...) in (None, [], {}):
        del found["default"]
    if found.get("type") == "string" and isinstance(found.get("default"), float):
        found["default"] = f"{found['default']:.0%}"
    choices = [item for item in found.pop("anyOf", ()) if item != {"type": "null"}]
    if len(choices) == 1:
        return found | choices[0]
    return found | ({"anyOf": choices} if choices else {})


def _rule_forms(properties: Node) -> Node:
    """The keys of a rule that are written in several forms, and the forms they take."""
    forms = {"start": "start", "keep_at_least": "floor", "anonymize": "masks"}
    forms |= {key: "ceiling" for key in properties if key.endswith("_after")}
    return {
        key: {"description": properties[key].get("description", ""), "$ref": f"#/$defs/{form}"}
        for key, form in forms.items()
        if key in properties
    }


def _forms() -> dict[str, Node]:
    ceiling, floor = _period("immediately"), _period("immediately", "forever")
    masks = {"anyOf": list(_accepted_masks())}
    return {
        "start": {"anyOf": [_TEXT, *_accepted_starts()]},
        "ceiling": _periods(ceiling),
        "floor": _periods(floor),
        "masks": {
            "type": "object",
            "minProperties": 1,
            "patternProperties": {"\\.\\*$": {"enum": ["delete"]}},
            "additionalProperties": {"$ref": "#/$defs/mask"},
        },
        "mask": masks,
    }


def _periods(item: Node) -> Node:
    """One period, a list of them one after the other, or a choice by a column of the row."""
    one: Node = {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}
    choice = {
        "type": "object",
        "properties": {"by": {"description": "The column that decides.", **_TEXT}},
        "required": ["by"],
        "minProperties": 2,
        "additionalProperties": one,
    }
    return {"anyOf": [*one["anyOf"], choice]}


def _period(*words: str) -> Node:
    """The text of a period: an amount and its unit, ISO 8601, a statute's id, or one of `words`."""
    part = f"[0-9]+\\s*({'|'.join(_any_case(unit) + '[Ss]?' for unit in _UNITS)})"
    parts = f"{part}((\\s*,\\s*|\\s*)({_any_case('and')}\\s+)?{part})*"
    iso = "[Pp]([0-9]+[YyMmWwDd])*([Tt]([0-9]+[HhMmSs])+)?"
    statute = "[a-z]{2,3}(\\.[a-z0-9][a-z0-9_-]*)+"
    texts = "|".join([parts, iso, statute, *map(_any_case, words)])
    examples = ["90 days", "3 years 6 months", "72 hours", "no.limitation.general", *words]
    return {"type": "string", "pattern": f"^\\s*({texts})\\s*$", "examples": examples}


_UNITS = ("year", "month", "week", "day", "hour")


def _any_case(word: str) -> str:
    return "".join(f"[{letter.upper()}{letter}]" for letter in word)


def _only(key: str, node: Node) -> Node:
    return {
        "type": "object",
        "properties": {key: node},
        "required": [key],
        "additionalProperties": False,
    }


def _accepted_starts() -> Iterator[Node]:
    purpose = {"ends": _TEXT, "if": _TEXT}
    named: Node = {
        "type": "object",
        "properties": purpose,
        "required": ["ends", "if"],
        "additionalProperties": False,
    }
    purposes = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"anyOf": [_TEXT, named]},
    }
    forms: list[tuple[str, Node, object]] = [
        *((name, _TEXTS, ["a"]) for name in ("latest_of", "earliest_of", "first_of")),
        ("after_all", purposes, {"a": "b"}),
        ("event", _TEXT, "a"),
        ("name", _TEXT, "%Y-%m-%d"),
    ]
    for key, node, example in forms:
        if _reads({"start": {key: example}}):
            yield _only(key, node)


def _accepted_masks() -> Iterator[Node]:
    words = ("null", "empty", "pseudonym")
    yield {"enum": [word for word in words if _reads({"anonymize": {"a": word}})]}
    prefixes = {
        "type": "array",
        "prefixItems": [{"type": "integer", "minimum": 0, "maximum": most} for most in (32, 128)],
        "minItems": 2,
        "maxItems": 2,
    }
    places = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": "^\\$[.\\[]"},
        "additionalProperties": {"$ref": "#/$defs/mask"},
    }
    forms: list[tuple[str, Node, object]] = [
        ("text", {"type": "string"}, "a"),
        ("template", {"type": "string"}, "a{id}"),
        ("value", {}, 0),
        ("truncate", {"enum": list(TRUNCATE_UNITS)}, "year"),
        ("network", prefixes, [24, 48]),
        ("prefix", _WHOLE, 3),
        ("round", _WHOLE, 100),
        ("keep_first", _WHOLE, 1),
        ("keep_last", _WHOLE, 2),
        ("one_of", _TEXT, "<18|18-29|30-49|50+"),
        ("json", places, {"$.a": "null"}),
    ]
    for key, node, example in forms:
        if _reads({"anonymize": {"a": {key: example}}}):
            yield _only(key, node)


def _reads(keys: Node) -> bool:
    """TRUE where the parser reads this part of a rule."""
    try:
        Rule.model_validate({"name": "a", "table": "a", **keys})
    except ValidationError:
        return False
    return True


def _reachable(node: Any, defs: dict[str, Node], found: set[str] | None = None) -> set[str]:
    """The definitions that `node` refers to, directly or not."""
    found = set() if found is None else found
    if isinstance(node, dict):
        name = str(node.get("$ref", "")).removeprefix("#/$defs/")
        if name in defs and name not in found:
            found.add(name)
            _reachable(defs[name], defs, found)
        for item in node.values():
            _reachable(item, defs, found)
    elif isinstance(node, list):
        for item in node:
            _reachable(item, defs, found)
    return found
