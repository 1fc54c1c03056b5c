"""Can this copy bring the rows back, and until when? Judged against worlds where that is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from retention.backups.copy import (
    MARGIN,
    BackupCopy,
    Erasure,
    Inventory,
    Position,
    Proof,
    horizons,
    judge,
    last_copy_gone,
    missing_links,
)

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
SHOP = "11111111-0000-0000-0000-000000000000"
OTHER = "22222222-0000-0000-0000-000000000000"
ERASED = Erasure(SHOP, 7, BEGINNING + timedelta(days=10))


def minute(number: int) -> datetime:
    """An instant of the world."""
    return BEGINNING + timedelta(minutes=number)


def copy_of(**facts: object) -> BackupCopy:
    """A copy begun a day before the erasure, unless told otherwise."""
    start = ERASED.at - timedelta(days=1)
    given: dict[str, object] = {"id": "c", "kind": "logical", "start": start, "finished": start}
    return BackupCopy(**{**given, **facts})  # type: ignore[arg-type]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[BackupCopy, list[tuple[Erasure, int]], int]:
    """A copy, the erasures of its database with their true minutes, and the minute of its contents.

    The copy shows of that minute only what a tool would: a marker read before or in it, a place in
    the log, a clock that is off by up to the margin. A copy that is not one snapshot may have its
    marker from later than the oldest of its rows.
    """
    commits = sorted(draw(st.lists(st.integers(0, 200), min_size=1, max_size=5, unique=True)))
    moment = draw(st.integers(0, 300))
    torn = draw(st.booleans())
    read_at = moment + draw(st.integers(1, 60)) if torn else moment - draw(st.integers(0, 60))
    skew = draw(st.integers(-200, int(MARGIN.total_seconds() // 60)))
    marker = sum(commit <= read_at for commit in commits)
    shown = BackupCopy(
        "c",
        "physical",
        draw(st.sampled_from([None, minute(moment + skew)])),
        minute(moment),
        markers=draw(st.sampled_from([{}, {SHOP: marker}])),
        one_snapshot=not torn,
        position=draw(st.sampled_from([None, Position("s", 1, moment), Position("s", 2, 10**9)])),
    )
    erasures = []
    for sequence, commit in enumerate(commits, 1):
        noted = commit + draw(st.integers(0, 30))
        place = draw(st.sampled_from([None, Position("s", 1, noted)]))
        erasures.append((Erasure(SHOP, sequence, minute(noted), place), commit))
    return shown, erasures, moment


@settings(deadline=None)
@given(worlds())
def test_a_clean_copy_has_nobody_in_it(
    world: tuple[BackupCopy, list[tuple[Erasure, int]], int],
) -> None:
    """Whatever a copy shows of itself, it is called clean only where its contents are younger."""
    copy, erasures, moment = world
    for erasure, committed in erasures:
        if judge(copy, erasure).clean:
            assert moment >= committed


@st.composite
def chains(draw: st.DrawFn) -> list[BackupCopy]:
    """Copies that expire on some day or never, and need copies before them."""
    count = draw(st.integers(1, 7))
    found = []
    for number in range(count):
        needs = draw(st.lists(st.integers(0, number - 1), max_size=2)) if number else []
        ends = draw(st.one_of(st.none(), st.integers(1, 30)))
        held = draw(st.one_of(st.none(), st.integers(1, 40)))
        found.append(
            BackupCopy(
                str(number),
                "physical",
                minute(draw(st.integers(0, 100))),
                None,
                depends_on=tuple({str(need) for need in needs}),
                expires_at=None if ends is None else BEGINNING + timedelta(days=ends),
                held_until=None if held is None else BEGINNING + timedelta(days=held),
            )
        )
    return found


@settings(deadline=None)
@given(chains(), st.integers(0, 100))
def test_the_forecast_is_the_day_on_which_nothing_can_bring_them_back(
    copies: list[BackupCopy], erased: int
) -> None:
    """Against a calendar lived through day by day: a copy goes when it may and nobody needs it."""
    erasure = Erasure(SHOP, 1, minute(erased))
    told = last_copy_gone(erasure, Inventory(tuple(copies), True, BEGINNING))
    there = {copy.id: copy for copy in copies}
    lived: list[int] = []
    for day in range(60):
        now = BEGINNING + timedelta(days=day)
        while True:
            needed = {name for copy in there.values() for name in copy.depends_on}
            gone = [
                copy.id
                for copy in there.values()
                if copy.id not in needed
                and copy.expires_at is not None
                and copy.expires_at <= now
                and (copy.held_until is None or copy.held_until <= now)
            ]
            if not gone:
                break
            for name in gone:
                del there[name]
        if any(copy.start < minute(erased) + MARGIN for copy in there.values() if copy.start):
            lived.append(day)
    if not lived:
        assert not told.dirty
    elif lived[-1] == 59:
        assert told.never
    else:
        assert told.gone_at == BEGINNING + timedelta(days=lived[-1] + 1)


def test_a_marker_proves_more_than_a_clock() -> None:
    """A copy begun before the erasure may hold its result: a dump restored, a clock that is wrong."""
    younger = copy_of(markers={SHOP: 7}, one_snapshot=True)
    assert judge(younger, ERASED).proof is Proof.CONTENT
    older = copy_of(markers={SHOP: 6}, one_snapshot=True, start=ERASED.at + timedelta(days=1))
    assert not judge(older, ERASED).clean


def test_a_marker_of_a_copy_that_is_not_one_snapshot_can_only_accuse() -> None:
    """The rows may be older than the marker beside them."""
    assert not judge(copy_of(markers={SHOP: 7}), ERASED).clean
    late = copy_of(markers={SHOP: 7}, start=ERASED.at + timedelta(days=1))
    assert judge(late, ERASED).proof is Proof.CLOCK
    assert not judge(copy_of(markers={SHOP: 6}, start=late.start), ERASED).clean


def test_a_place_in_the_log_decides_only_within_one_log() -> None:
    """Another server or timeline says nothing; then the clock does."""
    erased = Erasure(SHOP, 7, ERASED.at, Position("a", 1, 100))
    before, after = Position("a", 1, 99), Position("a", 1, 100)
    assert not judge(copy_of(position=before, start=ERASED.at + timedelta(days=1)), erased).clean
    assert judge(copy_of(position=after), erased).proof is Proof.POSITION
    for elsewhere in (Position("b", 1, 10**9), Position("a", 2, 10**9)):
        assert not judge(copy_of(position=elsewhere), erased).clean
        assert not judge(copy_of(kind="log", position=elsewhere, start=None), erased).clean


def test_a_copy_begun_within_the_margin_is_dirty() -> None:
    """A quarter of an hour between two clocks is nothing unusual."""
    for late, clean in (
        (timedelta(0), False),
        (MARGIN - timedelta(seconds=1), False),
        (MARGIN, True),
    ):
        assert judge(copy_of(start=ERASED.at + late), ERASED).clean is clean
    assert not judge(copy_of(start=None), ERASED).clean


def test_a_copy_of_another_database_holds_nobody_of_this_one() -> None:
    """Known contents say so; unknown contents may hold anything."""
    assert judge(copy_of(databases=frozenset({OTHER})), ERASED).clean
    assert not judge(copy_of(databases=None), ERASED).clean


def test_a_clean_increment_keeps_its_dirty_full_copy_alive() -> None:
    """The full copy goes with the last increment that refers to it."""
    day = timedelta(days=1)
    full = copy_of(id="F", expires_at=ERASED.at + 5 * day)
    clean = copy_of(
        id="I",
        start=ERASED.at + day,
        depends_on=("F",),
        expires_at=ERASED.at + 9 * day,
    )
    told = last_copy_gone(ERASED, Inventory((full, clean), True, ERASED.at))
    assert [found.copy.id for found in told.dirty] == ["F"]
    assert told.gone_at == ERASED.at + 9 * day


def test_a_hold_on_a_copy_counts() -> None:
    """An object lock outlives the period."""
    held = copy_of(expires_at=ERASED.at, held_until=ERASED.at + timedelta(days=90))
    assert horizons([held]) == {"c": ERASED.at + timedelta(days=90)}


def test_the_weakest_proof_is_the_one_that_is_told() -> None:
    """One copy judged by its clock makes the whole claim one by clock."""
    by_clock = copy_of(id="a", start=ERASED.at + timedelta(days=1))
    by_content = copy_of(id="b", markers={SHOP: 9}, one_snapshot=True)
    told = last_copy_gone(ERASED, Inventory((by_clock, by_content), True, ERASED.at))
    assert not told.dirty
    assert told.proof is Proof.CLOCK


def test_a_listing_without_the_copy_others_need_is_not_the_whole() -> None:
    """An increment whose full copy is not listed names it."""
    assert missing_links([copy_of(id="I", depends_on=("F",))]) == {"F"}
    assert not missing_links([copy_of(id="F"), copy_of(id="I", depends_on=("F",))])
