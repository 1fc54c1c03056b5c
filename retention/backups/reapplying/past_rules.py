"""The rules that were in force when rows were erased: the ledger keeps the text of each policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from retention.backups.reapplying.erased import ANONYMIZE, Erased
from retention.errors import PolicyError
from retention.ledger.store import Ledger
from retention.planning.conditions import Literal
from retention.planning.declared import flat_label
from retention.planning.make import plan_and_problems
from retention.planning.plan import Action, Plan, Step
from retention.planning.schema import Schema
from retention.policies.parse import dotted, parse_policy
from retention.policies.policy import Policy

T = TypeVar("T")


class PastRules:
    """Policies by their hash, planned against the schema of today.

    `plan` and `policy` are those of today: their floors and holds still keep rows, and what they
    decide of a reference goes before what was decided then.
    """

    def __init__(
        self, ledger: Ledger, policy: Policy, plan: Plan, schema_for: Callable[[Policy], Schema]
    ) -> None:
        self.ledger = ledger
        self.policy = policy
        self.plan = plan
        self.schema_for = schema_for
        self._policies: dict[str, Policy | None] = {policy.sha256: policy}
        self._plans: dict[str, Plan | None] = {policy.sha256: plan}

    def unchanged(self, erased: Erased) -> bool:
        """TRUE where the rule still says what it said then, so that its rerun reaches the rows."""
        then = self._policy(erased.policy_sha256)
        now = self.policy.rules.get(erased.rule)
        return then is not None and now is not None and then.rules.get(erased.rule) == now

    def guard_of(self, erased: Erased) -> str | None:
        """The guard of the table's tokens; None where it had none, or nobody can say."""
        plan = self._plan(erased.policy_sha256)
        return None if plan is None else plan.guard_of(erased.table)

    def step_of(self, erased: Erased) -> tuple[Plan, Step] | None:
        """A step that does to named rows what the rule did; None where nobody can say what it was.

        It asks for no clock and no condition of the rule: those were met when the rows went.
        """
        past = self._plan(erased.policy_sha256)
        if past is None or erased.table not in self.plan.schema.tables:
            return None
        known = [step for step in past.steps if step.rule == erased.rule]
        like = next((step for step in known if step.action is Action(erased.action)), None)
        if like is None and (erased.action == ANONYMIZE or not known):
            return None
        like = like or known[0]
        own = like.table == erased.table
        step = Step(
            erased.rule,
            Action(erased.action),
            erased.table,
            None,
            (),
            None,
            None,
            "erased before, and back after a restore",
            like.limits,
            masks=like.masks if erased.action == ANONYMIZE else (),
            removals=like.removals if erased.action == ANONYMIZE else (),
            above=like.above if own else (),
            guard=past.guard_of(erased.table),
            when=Literal(True),
        )
        decisions = {**self.plan.decisions}
        decisions |= {
            reference: decision
            for reference, decision in past.decisions.items()
            if reference in decisions and not self._decides(reference.label)
        }
        others = (
            replace(other, guard=step.guard) if other.table == step.table else other
            for other in self.plan.steps
        )
        steps = (*others, step)
        return replace(self.plan, decisions=decisions, steps=steps, _companions={}), step

    def _decides(self, label: str) -> bool:
        written = self.policy.references
        return "*" in written or label in {flat_label(name) for name in written}

    def _policy(self, sha256: str) -> Policy | None:
        if sha256 not in self._policies:
            text = self.ledger.policy(sha256) if sha256 else None
            found = None
            if text is not None:
                try:
                    found = parse_policy(text, "policies.toml", self.policy.catalogue)
                except PolicyError:
                    found = None
            self._policies[sha256] = found
        return self._policies[sha256]

    def _plan(self, sha256: str) -> Plan | None:
        if sha256 not in self._plans:
            policy = self._policy(sha256)
            self._plans[sha256] = None if policy is None else self._planned(policy)
        return self._plans[sha256]

    def _planned(self, policy: Policy) -> Plan | None:
        """The plan of a past policy, less the rules and references that no longer fit the schema."""
        schema = self.schema_for(policy)
        while True:
            made, problems = plan_and_problems(policy, self.plan.database, schema, self.plan.as_of)
            if made is not None:
                return made
            wrong = [found.path for found in problems if found.severity == "error"]
            rules = _without(policy.rules, "rules", wrong)
            references = _without(policy.references, "references", wrong)
            if len(rules) == len(policy.rules) and len(references) == len(policy.references):
                return None
            policy = policy.model_copy(update={"rules": rules, "references": references})


def _without(named: Mapping[str, T], where: str, wrong: list[str]) -> dict[str, T]:
    """The entries that no fault speaks of."""
    return {
        name: value
        for name, value in named.items()
        if not any(f"{path}.".startswith(f"{dotted((where, name))}.") for path in wrong)
    }
