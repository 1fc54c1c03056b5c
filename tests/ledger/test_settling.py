"""Marker against ledger: every pair of states has one verdict, and each stop names a way out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.ledger.entry import Intent, Kind
from retention.ledger.settling import LedgerState, MarkerState, Outcome, settle

NIGHT = datetime(2026, 11, 22, tzinfo=UTC)


def _ledger(last_closed: int, is_open: bool = False) -> LedgerState:
    intent = Intent("shop", last_closed + 1, "r", "r", "delete", "t", (), {}, None, NIGHT, NIGHT)
    top = last_closed + is_open
    return LedgerState(
        "ledger-1",
        "shop",
        last_closed,
        intent if is_open else None,
        lambda sequence: f"hash-{sequence}" if 0 < sequence <= top else None,
    )


def _marker(sequence: int, complete_to: int | None = None, head: str | None = None) -> MarkerState:
    own = f"hash-{sequence}" if sequence else ""
    return MarkerState(
        "ledger-1",
        "shop",
        sequence,
        sequence if complete_to is None else complete_to,
        own if head is None else head,
    )


@pytest.mark.parametrize(
    ("marker", "ledger", "outcome", "closing"),
    [
        (_marker(0), _ledger(0), Outcome.GO_ON, None),
        (_marker(7), _ledger(7), Outcome.GO_ON, None),
        (_marker(0), _ledger(0, True), Outcome.NEVER_COMMITTED, Kind.NOT_COMMITTED),
        (_marker(7), _ledger(7, True), Outcome.NEVER_COMMITTED, Kind.NOT_COMMITTED),
        (_marker(8), _ledger(7, True), Outcome.COMMITTED, Kind.COMMITTED),
        (_marker(6), _ledger(7), Outcome.WENT_BACK, None),
        (_marker(0), _ledger(7), Outcome.WENT_BACK, None),
        (_marker(6), _ledger(7, True), Outcome.WENT_BACK, None),
        (_marker(8), _ledger(7), Outcome.LEDGER_BEHIND, None),
        (_marker(9), _ledger(7, True), Outcome.LEDGER_BEHIND, None),
        (_marker(7, head="other"), _ledger(7), Outcome.FORKED, None),
        (_marker(7, head="other"), _ledger(7, True), Outcome.FORKED, None),
        (_marker(8, head="other"), _ledger(7, True), Outcome.FORKED, None),
        (_marker(5, head="other"), _ledger(7), Outcome.FORKED, None),
        (_marker(0, head="other"), _ledger(0), Outcome.FORKED, None),
        (_marker(7, complete_to=4), _ledger(7), Outcome.WENT_BACK, None),
        (_marker(7, complete_to=4), _ledger(7, True), Outcome.WENT_BACK, Kind.NOT_COMMITTED),
        (_marker(8, complete_to=4), _ledger(7, True), Outcome.WENT_BACK, Kind.COMMITTED),
        (None, _ledger(0), Outcome.MISSING, None),
        (None, _ledger(7, True), Outcome.MISSING, None),
    ],
)
def test_each_state_has_its_verdict(
    marker: MarkerState | None, ledger: LedgerState, outcome: Outcome, closing: Kind | None
) -> None:
    """The table of the protocol, row by row."""
    verdict = settle(marker, ledger)
    assert (verdict.outcome, verdict.closing) == (outcome, closing)


def test_a_marker_that_waits_for_rows_set_aside_is_no_reapply() -> None:
    """The batch committed; rows that it set aside are dropped before the marker is complete."""
    ledger = _ledger(7, True)
    assert ledger.open is not None
    beside = replace(ledger, open=replace(ledger.open, aside="retention_aside_1"))
    for complete_to in (7, 8):
        verdict = settle(_marker(8, complete_to=complete_to), beside)
        assert (verdict.outcome, verdict.closing) == (Outcome.COMMITTED, Kind.COMMITTED)
    assert settle(_marker(7, complete_to=4), beside).must_stop


@pytest.mark.parametrize("field", ["ledger_id", "database_id"])
def test_a_marker_of_another_pair_is_a_fork(field: str) -> None:
    """A marker written by another ledger, or for another database, is never settled."""
    values = {"ledger_id": "ledger-1", "database_id": "shop", field: "another"}
    marker = MarkerState(**values, sequence=7, complete_to=7, ledger_head="hash-7")
    assert settle(marker, _ledger(7)).outcome is Outcome.FORKED


def test_a_batch_before_a_gap_that_the_ledger_never_knew_went_back() -> None:
    """After a gap, an older marker without an entry of its own still is a restore."""
    known = LedgerState("ledger-1", "shop", 10, None, {10: "gap"}.get)
    assert settle(_marker(7), known).outcome is Outcome.WENT_BACK
    assert settle(_marker(10, head="gap"), known).outcome is Outcome.GO_ON
    assert settle(_marker(10), known).outcome is Outcome.FORKED


@settings(deadline=None)
@given(st.integers(0, 6), st.integers(0, 5), st.booleans(), st.booleans(), st.integers(0, 6))
def test_only_an_exact_fit_goes_on(
    sequence: int, last_closed: int, is_open: bool, same: bool, complete_to: int
) -> None:
    """No run begins unless the sequence, the hash and the reapply are all as the ledger says."""
    marker = _marker(sequence, min(complete_to, sequence), None if same else "other")
    verdict = settle(marker, _ledger(last_closed, is_open))
    fits = sequence == last_closed or (is_open and sequence == last_closed + 1)
    assert verdict.must_stop == (not fits or not same or complete_to < sequence)
    if not verdict.must_stop:
        assert (verdict.closing is None) == (not is_open)


@settings(deadline=None)
@given(st.integers(0, 6), st.integers(0, 5), st.booleans(), st.booleans())
def test_every_stop_names_the_way_out(
    sequence: int, last_closed: int, is_open: bool, same: bool
) -> None:
    """Each sentence that stops a run says that nothing was changed, and one command."""
    markers = [_marker(sequence, head=None if same else "other"), None]
    for verdict in (settle(marker, _ledger(last_closed, is_open)) for marker in markers):
        if verdict.must_stop:
            assert "Nothing was changed." in verdict.text
            assert verdict.named("shop").count("`retention ") == 1
            assert "DATABASE" not in verdict.named("shop")


def test_each_outcome_names_its_own_command() -> None:
    """A restore is reapplied, a lost ledger rejoined, a missing marker enrolled."""
    assert "`retention backups reapply shop`" in settle(_marker(1), _ledger(2)).named("shop")
    assert "`retention ledger rejoin --by NAME`" in settle(_marker(3), _ledger(2)).text
    assert "`retention ledger rejoin --by NAME`" in settle(_marker(2, head="x"), _ledger(2)).text
    assert "`retention enroll shop`" in settle(None, _ledger(0)).named("shop")
    assert "`retention backups reapply shop`" in settle(None, _ledger(2)).named("shop")


@settings(deadline=None)
@given(st.lists(st.sampled_from(["commit", "fail", "kill before", "kill after"]), max_size=30))
def test_no_history_of_kills_confuses_the_pair(steps: list[str]) -> None:
    """However runs are killed, settling at the next start finds exactly what committed."""
    committed, closed, is_open = 0, 0, False
    for step in steps:
        verdict = settle(_marker(committed), _ledger(closed, is_open))
        assert not verdict.must_stop
        closed, is_open = closed + (verdict.closing is Kind.COMMITTED), False
        assert closed == committed
        is_open = step.startswith("kill")
        committed += step in ("commit", "kill after")
        closed += step == "commit"
