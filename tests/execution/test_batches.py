"""How large the next batch is: by the time its rows take, not by what every batch costs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.execution.pace import LARGEST, LOCK_TARGET, REMEMBERED, SMALLEST, Pace


@dataclass
class Walker:
    """A walker's size, and nothing to walk."""

    size: int = 2_000

    def windows(self, connection: object) -> list[object]:
        return []


def settled(fixed: float, row: float, written: float = 0.0) -> tuple[int, float]:
    """The size after many batches that cost so many seconds each, and each row; seconds of one.

    `written`: what each row costs at the commit.
    """
    walker, pace = Walker(), Pace()
    for _ in range(60):
        taking = walker.size * row
        pace.adapt(walker, fixed + taking + walker.size * written, taking)
    return walker.size, fixed + walker.size * (row + written)


@pytest.mark.parametrize("row", [1e-5, 1e-4])
@pytest.mark.parametrize("written", [1e-5, 1e-4, 3e-4])
def test_a_commit_that_grows_with_the_rows_shrinks_batches(row: float, written: float) -> None:
    """Rows that lie scattered are written one page each: locks are held for that as well."""
    _, seconds = settled(fixed=0.01, row=row, written=written)
    assert seconds <= 2 * LOCK_TARGET


@pytest.mark.parametrize("row", [1e-5, 1e-4, 1e-3])
def test_locks_are_held_for_about_the_target(row: float) -> None:
    """Whatever a row costs, a batch with little cost of its own ends near the target."""
    _, seconds = settled(fixed=0.01, row=row)
    assert LOCK_TARGET * 0.9 <= seconds <= LOCK_TARGET * 1.1


@pytest.mark.parametrize("fixed", [0.2, 0.5, 2.0])
def test_a_far_server_does_not_shrink_batches_to_nothing(fixed: float) -> None:
    """Where every batch costs much by itself, its rows get at least as much time."""
    size, seconds = settled(fixed, row=1e-4)
    assert size > SMALLEST
    assert seconds <= max(LOCK_TARGET, 2.1 * fixed)
    assert size * 1e-4 >= 0.9 * min(fixed, LARGEST * 1e-4)


def test_sizes_stay_between_their_bounds() -> None:
    """Rows that cost nothing, and rows that cost minutes, move no size past its bounds."""
    assert settled(0.0, 1e-9)[0] == LARGEST
    assert settled(0.0, 60.0)[0] == SMALLEST


@given(st.lists(st.floats(1e-5, 2e-5), min_size=30, max_size=100))
def test_where_batches_differ_the_slowest_of_the_last_sets_the_size(rows: list[float]) -> None:
    """A batch takes longer than meant only by what its rows cost more than each of the last three's."""
    walker, pace = Walker(), Pace()
    for number, row in enumerate(rows):
        seconds = walker.size * row
        slowest = max(rows[max(0, number - REMEMBERED) : number], default=row)
        if number > 10:
            assert seconds <= LOCK_TARGET * row / slowest + walker.size * 1e-9
        pace.adapt(walker, seconds, seconds)


def test_a_slow_first_batch_does_not_keep_the_next_ones_small() -> None:
    """What the first reads is in no cache yet; while batches double, the smaller ones are forgotten."""
    walker, pace = Walker(), Pace()
    for row in (2e-5, 1e-6, 1e-6, 1e-6):
        pace.adapt(walker, walker.size * row, walker.size * row)
    assert walker.size == 2_000 * 2**4


@given(st.floats(0.3, 5.0), st.floats(1e-6, 1e-4))
def test_what_every_batch_costs_however_small_does_not_make_it_smaller(
    scan: float, row: float
) -> None:
    """A scan in each batch is paid a few dozen times, not once for every sixteen rows."""
    walker, pace, done, batches = Walker(), Pace(), 0, 0
    while done < 1_000_000:
        done, batches = done + walker.size, batches + 1
        seconds = scan + walker.size * row
        pace.adapt(walker, seconds, seconds)
        assert batches < 1_000, (walker.size, done)
