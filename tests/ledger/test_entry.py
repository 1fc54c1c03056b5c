"""The chain: whatever is changed in it is found."""

from __future__ import annotations

import ast
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retention.ledger.entry
import retention.ledger.settling
from retention.errors import IntegrityError
from retention.ledger.entry import (
    GENESIS,
    JSON,
    MOST_FAULTS,
    Entry,
    Intent,
    Kind,
    canonical,
    chained,
    month_of,
    read_stamp,
    stamp,
    token_digest,
    verify,
)

NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)

texts = st.text(st.characters(codec="utf-8"), max_size=8)
bodies = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | st.integers() | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)
times = st.datetimes(timezones=st.just(UTC))


@st.composite
def chains(draw: st.DrawFn, least: int = 1) -> list[Entry]:
    """A sound chain of a few entries."""
    count = draw(st.integers(least, 6))
    chain: list[Entry] = []
    for number in range(1, count + 1):
        previous = chain[-1].hash if chain else GENESIS
        names = draw(st.none() | texts), draw(st.none() | texts)
        kind = draw(st.sampled_from(Kind))
        chain.append(chained(previous, number, draw(times), kind, *names, draw(bodies)))
    return chain


@settings(deadline=None)
@given(chains())
def test_a_sound_chain_has_no_fault(chain: list[Entry]) -> None:
    """A chain nobody touched verifies, with and without its head."""
    assert verify(chain) == []
    assert verify(iter(chain), chain[-1].hash) == []


def test_an_empty_chain_ends_at_genesis() -> None:
    """A ledger without entries has the genesis hash as its head."""
    assert verify([], GENESIS) == []
    assert verify([], "0f" * 32) != []


@settings(deadline=None)
@given(chains(), st.data())
def test_any_changed_field_is_found(chain: list[Entry], data: st.DataObject) -> None:
    """Changing any one field of any one entry is found."""
    index = data.draw(st.integers(0, len(chain) - 1))
    entry = chain[index]
    name = data.draw(st.sampled_from([field.name for field in fields(Entry)]))
    changed: dict[str, object] = {
        "number": entry.number + data.draw(st.sampled_from([-1, 1, 5])),
        "at": entry.at + timedelta(microseconds=1 if entry.at.year < 9999 else -1),
        "kind": entry.kind + "x",
        "run_id": "" if entry.run_id is None else entry.run_id + "x",
        "database_id": None if entry.database_id is not None else "",
        "body": {**entry.body, "another name": 1},
        "previous": _flip(entry.previous, data),
        "hash": _flip(entry.hash, data),
    }
    chain[index] = replace(entry, **{name: changed[name]})  # type: ignore[arg-type]
    assert verify(chain, chain[-1].hash) != []


def _flip(text: str, data: st.DataObject) -> str:
    place = data.draw(st.integers(0, len(text) - 1))
    return text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]


@settings(deadline=None)
@given(chains(), st.data())
def test_any_dropped_entry_is_found(chain: list[Entry], data: st.DataObject) -> None:
    """Dropping any entry, the last one too, is found by the head."""
    head = chain[-1].hash
    del chain[data.draw(st.integers(0, len(chain) - 1))]
    assert verify(chain, head) != []


@settings(deadline=None)
@given(chains(least=2), st.data())
def test_any_reordering_is_found(chain: list[Entry], data: st.DataObject) -> None:
    """Two entries that changed places are found, even if their numbers changed places with them."""
    first = data.draw(st.integers(0, len(chain) - 2))
    second = data.draw(st.integers(first + 1, len(chain) - 1))
    head = chain[-1].hash
    swapped = list(chain)
    swapped[first], swapped[second] = swapped[second], swapped[first]
    assert verify(swapped, head) != []
    renumbered = [replace(entry, number=place) for place, entry in enumerate(swapped, 1)]
    assert verify(renumbered, head) != []


@settings(deadline=None)
@given(chains(), texts)
def test_a_chain_written_anew_is_found_by_a_head_kept_elsewhere(
    chain: list[Entry], name: str
) -> None:
    """A forger who recomputes every hash still cannot meet the head in an old report."""
    forged: list[Entry] = []
    for entry in chain:
        previous = forged[-1].hash if forged else GENESIS
        body: dict[str, JSON] = {**entry.body, "forged": name}
        forged.append(
            chained(previous, entry.number, entry.at, entry.kind, entry.run_id, None, body)
        )
    assert verify(forged) == []
    assert verify(forged, chain[-1].hash) != []


def test_faults_name_the_entry() -> None:
    """Each kind of fault is a sentence with the entry's number in it."""
    chain = _plain_chain(6)
    assert verify([*chain[:1], *chain[3:]]) == ["entries 2 to 3 are missing"]
    assert verify([*chain[:2], *chain[3:]]) == ["entry 3 is missing"]
    assert verify([*chain[:3], replace(chain[3], kind="gap"), *chain[4:]]) == [
        "entry 4: its content does not match its hash"
    ]
    assert verify([*chain[:3], replace(chain[3], hash="00"), *chain[4:]]) == [
        "entry 4: its content does not match its hash",
        "entry 5: its previous hash is not the hash of entry 4",
    ]
    assert verify([chain[0], chain[0]])[0].startswith("entry 1 stands after entry 1")
    assert verify(chain[:5], chain[5].hash)[0].startswith("the ledger ends at entry 5")


def test_a_ruined_chain_gives_a_bounded_answer() -> None:
    """Checking stops after some twenty faults, whatever the length."""
    chain = [replace(entry, kind="gap") for entry in _plain_chain(100)]
    assert len(verify(chain)) == MOST_FAULTS + 1


def _plain_chain(count: int) -> list[Entry]:
    chain: list[Entry] = []
    for number in range(1, count + 1):
        previous = chain[-1].hash if chain else GENESIS
        chain.append(chained(previous, number, NIGHT, Kind.RECOUNT, None, None, {}))
    return chain


def test_the_canonical_form_is_pinned() -> None:
    """The bytes a hash covers never change: old ledgers must verify for ever."""
    content = canonical(2, NIGHT, Kind.GAP, None, "shop", {"b": [1, True], "a": "ø"})
    assert content.decode() == (
        '{"at":"2026-11-22T02:00:00.000000Z","body":{"a":"ø","b":[1,true]},'
        '"database_id":"shop","kind":"gap","number":2,"run_id":null}'
    )
    entry = chained(GENESIS, 2, NIGHT, Kind.GAP, None, "shop", {"b": [1, True], "a": "ø"})
    assert entry.hash == "57ba142bb2e651ed5b5aa3e73aff6a85aca77d3d442145c7809199d33e449e69"


@pytest.mark.parametrize("value", [1.0, [0.5], {"x": {"y": 2.5}}, b"x", {1: "x"}, NIGHT])
def test_only_plain_values_enter_a_body(value: JSON) -> None:
    """Floats, bytes, times and names that are not text are refused."""
    with pytest.raises(TypeError):
        canonical(1, NIGHT, Kind.GAP, None, None, {"value": value})


@settings(deadline=None)
@given(times)
def test_times_survive_as_text(at: datetime) -> None:
    """A time comes back from its text to the microsecond."""
    assert read_stamp(stamp(at)) == at
    assert month_of(at) == f"{at.year:04}-{at.month:02}"


def test_times_are_utc_and_never_naive() -> None:
    """Another zone becomes UTC; a time without one is refused."""
    oslo = timezone(timedelta(hours=1))
    assert stamp(datetime(2026, 12, 1, 0, 30, tzinfo=oslo)) == "2026-11-30T23:30:00.000000Z"
    assert month_of(datetime(2026, 12, 1, 0, 30, tzinfo=oslo)) == "2026-11"
    with pytest.raises(ValueError, match="zone"):
        stamp(NIGHT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="ledger writes it"):
        read_stamp("2026-11-22T02:00:00+00:00")


def test_an_intent_survives_its_body() -> None:
    """An intent comes back from the JSON of its body as it was."""
    intent = Intent(
        "shop",
        4,
        "run-1",
        "customers",
        "anonymize",
        "customers",
        ("name", "email"),
        {"customers": 3},
        "ab" * 32,
        NIGHT,
        NIGHT + timedelta(minutes=5),
        aside="retention_aside_1",
    )
    assert Intent.from_body(json.loads(json.dumps(intent.to_body()))) == intent


@pytest.mark.parametrize(
    "change", [{"sequence": "4"}, {"counts": {"x": "3"}}, {"as_of": "soon"}, {"columns": None}]
)
def test_a_body_that_is_no_intent_is_an_integrity_error(change: dict[str, JSON]) -> None:
    """A changed intent is refused with the command that tells more."""
    intent = Intent("shop", 4, "run-1", "r", "delete", "t", (), {}, None, NIGHT, NIGHT)
    with pytest.raises(IntegrityError, match="retention ledger verify"):
        Intent.from_body({**intent.to_body(), **change})


def test_the_token_digest_covers_table_width_and_bytes() -> None:
    """Any change in a batch's tokens changes their digest; without tokens there is none."""
    variants = [
        {"a": (16, b"x")},
        {"b": (16, b"x")},
        {"a": (8, b"x")},
        {"a": (16, b"y")},
        {"a": (16, b"x"), "b": (16, b"")},
    ]
    assert len({token_digest(tokens) for tokens in variants}) == len(variants)
    assert token_digest({}) is None


@pytest.mark.parametrize("module", [retention.ledger.entry, retention.ledger.settling])
def test_the_pure_modules_know_no_world(module: object) -> None:
    """Entry and settling import neither a database, nor files, nor a clock."""
    tree = ast.parse(Path(str(vars(module)["__file__"])).read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    assert not imported & {"sqlalchemy", "os", "pathlib", "socket", "subprocess", "time"}
