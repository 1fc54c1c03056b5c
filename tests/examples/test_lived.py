"""Five privacy policies lived through: each promise on its night, for the rows it speaks of only."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import oracle_boqi
import oracle_dreame
import oracle_okrabattkod
import oracle_panyu
import oracle_pazaryeri
import pytest
from year import MONTH, ended_well, has_no_faults, live_a_year, opened, unaccounted

ORACLES = {
    "boqi": oracle_boqi,
    "dreame": oracle_dreame,
    "okrabattkod": oracle_okrabattkod,
    "panyu": oracle_panyu,
    "pazaryeri": oracle_pazaryeri,
}
each = pytest.mark.parametrize(("name", "oracle"), ORACLES.items(), ids=ORACLES)


@each
def test_a_month_of_nights(name: str, oracle: ModuleType, folder: Path) -> None:
    """The first nights of the year, judged as the whole of it is."""
    live_a_year(opened(name, folder), oracle.live, oracle.judge, nights=MONTH)
    has_no_faults(folder)


@pytest.mark.years
@each
def test_a_year_of_nights(name: str, oracle: ModuleType, folder: Path) -> None:
    """Every night exactly the rows go, or change, that the promises speak of; none early or late."""
    seen = live_a_year(opened(name, folder), oracle.live, oracle.judge)
    ended_well(name, folder, seen, oracle.OUTCOMES)


@each
def test_every_promise_is_kept_or_has_its_reason(name: str, oracle: ModuleType) -> None:
    """Each quotation from the privacy policy is a rule's, or is said not to be this software's."""
    assert unaccounted(name, oracle.PROMISES) == []
