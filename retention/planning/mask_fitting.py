"""A mask as its column needs it: how the dates to truncate are stored."""

from __future__ import annotations

from dataclasses import replace

from retention.planning.clocks import UNITS, ClockFault, clock_form
from retention.planning.paths import ColumnPath
from retention.planning.schema import Column, ColumnKind, ColumnSample, Schema
from retention.policies.masking.forms import Mask, Truncate
from retention.policies.rule import Rule

_COUNTED = (ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT)


def fitted(schema: Schema, path: ColumnPath, mask: Mask, rule: Rule) -> Mask:
    """The mask of the column at `path`, as `counted` tells it for this rule."""
    column = schema.tables[path.table].columns[path.column]
    return counted(column, schema.samples.get((path.table, path.column)), mask, rule.stored_as)


def counted(column: Column, sample: ColumnSample | None, mask: Mask, stored_as: str | None) -> Mask:
    """The mask for this column; a sample of it, else `stored_as`, tells what it counts since 1970.

    Raises ClockFault where it holds several units and `stored_as` does not say which.
    """
    if not isinstance(mask, Truncate) or column.kind not in _COUNTED:
        return mask
    try:
        seen = bool(sample and sample.shapes)
        form = clock_form(column, sample, None if seen else stored_as)
    except ClockFault:
        if stored_as is None:
            raise
        form = clock_form(column, sample, stored_as)
    return replace(mask, ticks=UNITS.get(form, 1))
