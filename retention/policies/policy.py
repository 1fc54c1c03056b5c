"""The whole policy: zone, databases, ledger, rules, references, limits, coverage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    WithJsonSchema,
    model_validator,
)

from retention.policies.backups import BackupSettings
from retention.policies.calendar import CountedFrom, Stage, Term
from retention.policies.financial_years import FinancialYears
from retention.policies.period import Period, parse_period
from retention.policies.periods import Item
from retention.policies.rule import (
    SENTENCE,
    STRICT,
    CountedFromName,
    Limits,
    Rule,
    Schedule,
)
from retention.policies.statutes import Statute, StatuteKind
from retention.policies.tenants import DatabaseList, family_of

Decision = Literal["delete", "detach", "block", "leave", "as declared"]


def _zone(form: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(form))
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f'there is no time zone "{form}"; write one such as "Europe/Oslo"'
        ) from None


def _readable_period(text: str) -> str:
    parse_period(text)
    return text


Zone = Annotated[ZoneInfo, BeforeValidator(_zone), WithJsonSchema({"type": "string"})]


class DatabaseSettings(BaseModel):
    """Where one database is; the URL may hold `${NAME}`, `${NAME:-default}`, `${file:/path}`.

    Or, in `urls`, where many databases of one shape are listed.
    """

    model_config = STRICT

    url: str = ""
    urls: DatabaseList | None = None

    @model_validator(mode="after")
    def _one_place(self) -> DatabaseSettings:
        if bool(self.url) == (self.urls is not None):
            raise ValueError("write url, or urls where many databases have one shape")
        return self


class LedgerSettings(BaseModel):
    """Where the proof is kept, how long, and for which rows tokens are kept."""

    model_config = STRICT

    url: str
    keep_at_least: Annotated[str, AfterValidator(_readable_period)] = "3 years"
    rows: Literal["auto", "all", "none"] = "auto"
    keys: str | None = None


@dataclass(frozen=True, slots=True)
class PolymorphicTargets:
    """A pair of columns that refers to several tables: what each value of `by` means."""

    by: str
    tables: tuple[tuple[str, str], ...]


def _targets(form: object) -> object:
    if not isinstance(form, dict):
        return form
    by, others = form.get("by"), {key: to for key, to in form.items() if key != "by"}
    if (
        not isinstance(by, str)
        or not others
        or not all(isinstance(to, str) for to in form.values())
    ):
        raise ValueError('write { by = "owner_type", customer = "customers.id", … }')
    return PolymorphicTargets(by, tuple(others.items()))


Targets = Annotated[
    PolymorphicTargets,
    BeforeValidator(_targets),
    WithJsonSchema(
        {
            "type": "object",
            "description": "What each value of the column `by` refers to.",
            "properties": {"by": {"type": "string"}},
            "required": ["by"],
            "minProperties": 2,
            "additionalProperties": {"type": "string"},
        }
    ),
]


class ReferenceDecision(BaseModel):
    """What happens to the referring rows; `to` declares a reference the database does not.

    `detach_to`: what a detached column gets instead of NULL. `lock`: keep new referring rows out of
    a batch by locking their table (PostgreSQL). `when_unused`: what becomes of the row referred to
    with the last row that uses it.
    """

    model_config = STRICT

    then: Decision
    to: str | Targets | None = None
    detach_to: int | str | None = None
    lock: bool = False
    when_unused: Literal["delete", "anonymize"] | None = None

    @model_validator(mode="after")
    def _detaches(self) -> ReferenceDecision:
        if self.detach_to is not None and self.then != "detach":
            raise ValueError('detach_to belongs to then = "detach"')
        return self


def _decision(form: object) -> object:
    return {"then": form} if isinstance(form, str) else form


Reference = Annotated[ReferenceDecision, BeforeValidator(_decision)]


class Coverage(BaseModel):
    """Tables and columns that hold nothing personal."""

    model_config = STRICT

    not_personal: list[str] = []


Reasons = Annotated[
    dict[str, str],
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"pattern": SENTENCE["pattern"]},
            "additionalProperties": SENTENCE,
        }
    ),
]


class StatuteSettings(BaseModel):
    """A statute of the controller's own, or one that replaces an entry of the catalogue."""

    model_config = STRICT

    period: str
    kind: Literal["minimum", "maximum", "limitation", "deadline"]
    counted_from: CountedFromName = "event"
    title: str = ""
    act: str = ""
    section: str = ""
    starts: str = ""
    binds: str = ""
    rolls: bool = False

    def statute(self, name: str) -> Statute:
        """As an entry of the catalogue; ValueError for a period that cannot be read."""
        return Statute(
            id=name,
            jurisdiction=name.split(".")[0].upper(),
            act=self.act,
            section=self.section,
            title=self.title or name,
            period=parse_period(self.period),
            counted_from=CountedFrom(self.counted_from),
            kind=StatuteKind(self.kind),
            starts=self.starts,
            binds=self.binds,
            notes="from this policy",
            as_of=date(1970, 1, 1),
            confidence="high",
            rolls=self.rolls,
        )


class Policy(BaseModel):
    """policies.toml, parsed. `sha256` is the hash of its text, secrets in URLs masked.

    `listed`: the names under [databases] once the databases behind `urls` have taken their place.
    """

    model_config = STRICT

    timezone: Zone
    country: str = Field(default="", pattern=r"^([A-Z]{2})?$")
    schedule: Schedule | None = None
    financial_year_starts: str | list[str | date] = "01-01"
    databases: dict[str, DatabaseSettings] = Field(min_length=1)
    ledger: LedgerSettings
    rules: dict[str, Rule] = {}
    references: dict[str, Reference] = {}
    backups: dict[str, BackupSettings] = {}
    limits: Limits = Limits()
    coverage: Coverage = Coverage()
    not_by_this_software: Reasons = {}
    statutes: dict[str, StatuteSettings] = {}
    catalogue: dict[str, Statute] = {}
    sha256: str = ""
    text: str = ""
    listed: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _names(cls, data: Any) -> Any:
        """Rules learn their own name from the key they stand under."""
        rules = data.get("rules") if isinstance(data, dict) else None
        if isinstance(rules, dict):
            named = {
                name: {**rule, "name": name} if isinstance(rule, dict) else rule
                for name, rule in rules.items()
            }
            return {**data, "rules": named}
        return data

    @property
    def lake_tables(self) -> list[str]:
        """The addresses of the lake tables that rules name, in the order of the file."""
        return list(dict.fromkeys(rule.table for rule in self.rules.values() if rule.of_lake))

    @property
    def families(self) -> tuple[str, ...]:
        """The names under [databases] as written, of which rules and backups speak."""
        return self.listed or tuple(self.databases)

    def copied_by(self, database: str) -> list[BackupSettings]:
        """The sets of backups that a database is in."""
        names = {database, family_of(database)}
        return [found for found in self.backups.values() if names & set(found.database)]

    @property
    def financial_years(self) -> FinancialYears:
        """The controller's financial years; ValueError where they are written wrong."""
        written = self.financial_year_starts
        if isinstance(written, str):
            return FinancialYears.starting(written)
        return FinancialYears.listed(
            tuple(item if isinstance(item, date) else date.fromisoformat(item) for item in written)
        )

    def term(self, rule: Rule, items: tuple[Item, ...]) -> Term:
        """Periods and statutes as a term of the calendar, counted as `rule` and statutes say."""
        first = CountedFrom(rule.counted_from)
        stages = tuple(
            self._stage(item, first if index == 0 else CountedFrom.EVENT)
            for index, item in enumerate(items)
        )
        return Term(stages, self.timezone, self.financial_years)

    def _stage(self, item: Item, counted_from: CountedFrom) -> Stage:
        if isinstance(item, Period):
            return Stage(item, counted_from)
        statute = self.catalogue[item.id]
        assert statute.period is not None
        if statute.counted_from is not CountedFrom.EVENT:
            counted_from = statute.counted_from
        roll = (statute.country or self.country) if statute.rolls else None
        return Stage(statute.period, counted_from, roll)

    def told(self, item: Item) -> str:
        """A period in words; a statute as `no.limitation.general (3 years)`, with its own start."""
        statute = None if isinstance(item, Period) else self.catalogue.get(item.id)
        if statute is None or statute.period is None:
            return str(item)
        own = statute.counted_from.told
        return f"{item} ({statute.period}{own and f' from {own}'})"

    def limits_of(self, rule: Rule) -> Limits:
        """The rule's own limits, or the policy's."""
        return rule.limits or self.limits

    def schedule_of(self, rule: Rule) -> str | None:
        """The rule's own cron line, or the policy's; None: due on every run."""
        return rule.schedule or self.schedule
