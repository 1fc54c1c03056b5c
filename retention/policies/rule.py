"""One rule of the policy, as written: a table, a clock, a floor, ceilings, masks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from retention.policies.file_patterns import FilePattern
from retention.policies.file_templates import Files, FileTemplate, parse_files
from retention.policies.lake_tables import is_lake
from retention.policies.masking import Mask, parse_mask
from retention.policies.periods import Periods, parse_ceiling, parse_periods
from retention.policies.removal import Removal, parse_removal
from retention.policies.starting_point import StartingPoint, parse_start

STRICT = ConfigDict(
    extra="forbid",
    frozen=True,
    strict=True,
    arbitrary_types_allowed=True,
    hide_input_in_errors=True,
)

CountedFromName = Literal[
    "event",
    "end of month",
    "end of two-month term",
    "end of quarter",
    "end of year",
    "end of financial year",
    "end of the year the financial year ends in",
]
StoredAs = Literal["text", "epoch s", "epoch ms", "epoch us"]


def _masks(form: object) -> dict[str, Mask | Removal]:
    if not isinstance(form, Mapping):
        raise ValueError("anonymize is a table of columns and masks")
    masks: dict[str, Mask | Removal] = {}
    for names, mask in form.items():
        for name in (part.strip() for part in str(names).split(",")):
            if name in masks:
                raise ValueError(f'"{name}" is masked twice')
            try:
                whole = name.endswith(".*")
                masks[name] = parse_removal(mask) if whole else parse_mask(mask)
            except ValueError as fault:
                raise ValueError(f'"{name}": {fault}') from fault
    return masks


def _day(form: object) -> date:
    try:
        return form if type(form) is date else date.fromisoformat(str(form))
    except ValueError:
        raise ValueError("a day is written as 1990-01-01") from None


_PERIOD_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            {"type": "object", "required": ["by"]},
        ]
    }
)
Floor = Annotated[Periods, BeforeValidator(parse_periods), _PERIOD_SCHEMA]
Ceiling = Annotated[Periods, BeforeValidator(parse_ceiling), _PERIOD_SCHEMA]
Start = Annotated[
    StartingPoint,
    BeforeValidator(parse_start),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]}),
]
Masks = Annotated[
    dict[str, Mask | Removal],
    BeforeValidator(_masks),
    WithJsonSchema({"type": "object", "minProperties": 1}),
]
OverFiles = Annotated[
    Files,
    BeforeValidator(parse_files),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"type": "string", "pattern": "/.*\\{.+\\}"},
                },
            ]
        }
    ),
]
SENTENCE: dict[str, Any] = {"type": "string", "pattern": r"\S"}


def _sentences(form: object) -> list[str]:
    sentences = [form] if isinstance(form, str) else form
    if not isinstance(sentences, list) or not all(isinstance(item, str) for item in sentences):
        raise ValueError("a promise is one sentence, or a list of sentences")
    if not sentences or not all(item.strip() for item in sentences):
        raise ValueError("a promise without words; write the sentence, or leave `promise` out")
    if len(set(sentences)) < len(sentences):
        raise ValueError("the same sentence stands here twice")
    return sentences


Sentences = Annotated[
    list[str],
    BeforeValidator(_sentences),
    WithJsonSchema({"anyOf": [SENTENCE, {"type": "array", "items": SENTENCE, "minItems": 1}]}),
]


def _zone_name(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f'there is no time zone "{text}"; write one such as "Europe/Oslo"'
        ) from None
    return text


def _schedule(text: str) -> str:
    from retention.policies.schedules import check_schedule

    if fault := check_schedule(text):
        raise ValueError(fault)
    return text


ZoneName = Annotated[str, AfterValidator(_zone_name)]
Schedule = Annotated[str, AfterValidator(_schedule)]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


def _share(form: object) -> float:
    if isinstance(form, str) and form.strip().endswith("%"):
        try:
            share = float(form.strip()[:-1]) / 100
        except ValueError:
            share = -1.0
        if 0 < share <= 1:
            return share
    raise ValueError('a share is written as a percentage above 0% and up to 100%, such as "50%"')


Share = Annotated[float, BeforeValidator(_share), WithJsonSchema({"type": "string"})]


class Limits(BaseModel):
    """What one rule may take in one run before it stops and asks; defaults are the documented ones."""

    model_config = STRICT

    rows_per_run: int = Field(default=100_000, ge=1)
    share_of_table: Share = 0.5
    share_min_rows: int = Field(default=1000, ge=0)
    whole_table: Literal["refuse", "allow"] = "refuse"
    over_limit: Literal["refuse", "portion"] = "refuse"


class YoungerThan(BaseModel):
    """An age: the rule holds until the start of that birthday."""

    model_config = STRICT

    column: str
    years: int = Field(ge=1, le=150)


class OnlyIf(BaseModel):
    """What a rule asks of the row besides `where`."""

    model_config = STRICT

    younger_than: YoungerThan


class Restrict(BaseModel):
    """How a restricted row is put out of further processing; without it, an entry in our table.

    `set`: columns of the row and what they become. `move_to`: a table of the same shape.
    """

    model_config = STRICT

    set: dict[str, bool | int | float | str] = {}
    move_to: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> Restrict:
        if bool(self.set) == bool(self.move_to):
            raise ValueError('write { set = { column = value } } or { move_to = "table" }')
        return self


class Rule(BaseModel):
    """A sentence of the privacy policy about one table, or some files. Keys: those of the file."""

    model_config = STRICT

    name: str
    table: str = ""
    files: OverFiles | None = None
    database: str = ""
    purpose: str = ""
    basis: str = ""
    promise: Sentences = []
    where: str | None = None
    start: Start | None = None
    requires: list[str] = []
    remember_in: str | None = None
    counted_from: CountedFromName = "event"
    keep_at_least: Floor | None = None
    protects: list[str] = []
    restrict_after: Ceiling | None = None
    anonymize_after: Ceiling | None = None
    delete_after: Ceiling | None = None
    anonymize_when: str | None = None
    delete_when: str | None = None
    only_if: OnlyIf | None = None
    anonymize: Masks = {}
    restrict: Restrict | None = None
    unless: dict[str, str] = {}
    together: str | None = None
    missing: list[str | int] = []
    earliest_plausible: Day = date(1990, 1, 1)
    stored_as: StoredAs | None = None
    stored_in: ZoneName | None = None
    schedule: Schedule | None = None
    guard: str | None = None
    limits: Limits | None = None

    @property
    def pattern(self) -> FilePattern | None:
        """Which files the rule is about; None for a rule about rows."""
        return self.files if isinstance(self.files, FilePattern) else None

    @property
    def of_lake(self) -> bool:
        """TRUE for a rule about a lake table."""
        return is_lake(self.table)

    @property
    def about(self) -> str:
        """The table, or the pattern of the files."""
        return self.pattern.text if self.pattern is not None else self.table

    @property
    def statutes(self) -> tuple[str, ...]:
        """The ids of the statutes that its periods name, each once."""
        periods = (self.keep_at_least, self.restrict_after, self.anonymize_after, self.delete_after)
        named = [name for found in periods if found for name in found.statutes]
        return tuple(dict.fromkeys(named))

    @property
    def owned(self) -> dict[str, FileTemplate]:
        """The files that belong to the table's rows, by the column that names them."""
        return self.files if isinstance(self.files, dict) else {}
