"""What a monitor is: a check that sets a batch beside the approved evaluation table. Its limits follow from the policy.

`measure` runs in a limited child process; `rules` and `judge` are pure. Unknown is never ok.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from approvals.checks._verdicts import Rule, judge_by
from approvals.checks.base import Check, Judgement, ParameterError, Reading, build
from approvals.measures.values import Measure
from monitoring.alarms import Level

OK, WARNING, BREACH, NOT_COMPUTABLE, NO_LABELS, ERROR = (
    "ok",
    "warning",
    "breach",
    "not_computable",
    "no_labels",
    "error",
)
VERDICTS = {"passed": OK, "failed": BREACH, "not_computable": NOT_COMPUTABLE}
REFERENCE, BATCH, OUTCOMES = "reference", "batch", "outcomes"


@dataclass(frozen=True)
class Headline:
    """The judged measure that is closest to its limit, or farthest beyond it: what a timeline shows."""

    name: str
    value: float
    limit: float
    at_least: bool

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Grade:
    """A judgement and how far beyond the limits it is; None where nothing is known."""

    judgement: Judgement
    level: Level | None


class MonitorKind(Check):
    """One kind of monitor. Subclasses live one per file in this folder; the file name is the key."""

    inputs: ClassVar[tuple[str, ...]] = (REFERENCE, BATCH)
    needs_batch: ClassVar[bool] = True
    """False: it watches the clock and is read every hour instead of on each batch."""
    needs_outcomes: ClassVar[bool] = False
    """True: it is read again when outcomes of a batch come later, and finds them joined to it."""
    required: ClassVar[tuple[Rule, ...]] = ()
    """Rules that hold under any policy."""

    def required_rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        """What holds under any policy: that the rows which decide are there. Policies may only set how many."""
        del reading, thresholds
        return self.required

    @abstractmethod
    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        """The policy's thresholds as rules on the measures of this reading."""

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        """Breach if one rule fails, else not computable if one cannot be judged, else ok."""
        required = self.required_rules(reading, thresholds)
        found = judge_by(reading, self.rules(reading, thresholds), required=required)
        sentences = tuple(sentence.replace("this check", "this monitor") for sentence in found.sentences)
        return Judgement(VERDICTS[found.verdict], sentences, found.failed_measures)

    def graded(self, reading: Reading, judgement: Judgement, *, warn: Any, critical: Any) -> Grade:
        """The judgement with its level: a breach may be critical, and what is within limits may be a warning.

        `warn` and `critical` are thresholds of this monitor, or None. What could not be judged has no level.
        """
        if judgement.verdict == BREACH:
            beyond = self._beyond(reading, critical)
            return Grade(judgement, Level.CRITICAL if beyond.failed_measures else Level.ALERT)
        if judgement.verdict != OK:
            return Grade(judgement, None)
        beyond = self._beyond(reading, warn)
        if not beyond.failed_measures:
            return Grade(judgement, Level.CALM)
        sentences = tuple(sentence.replace("the threshold", "the limit for warnings") for sentence in beyond.sentences)
        return Grade(Judgement(WARNING, (*sentences[: len(beyond.failed_measures)], *judgement.sentences)), Level.WARN)

    def _beyond(self, reading: Reading, thresholds: Any) -> Judgement:
        if thresholds is None:
            return Judgement(OK, ())
        return judge_by(reading, self.rules(reading, thresholds))

    def headline(self, reading: Reading, thresholds: Any) -> Headline | None:
        """The judged measure in the most trouble; None if nothing was judged."""
        by_name = {measure.name: measure for measure in reading.measures}
        found = [
            Headline(rule.measure, value, float(rule.limit), rule.at_least)
            for rule in (*self.rules(reading, thresholds), *self.required_rules(reading, thresholds))
            if rule.limit is not None and (value := _value(by_name.get(rule.measure))) is not None
        ]
        return max(found, key=_trouble, default=None)

    def sample_rows(self, reading: Reading, thresholds: Any) -> int | None:
        """On how many rows the judged measures rest, at most; None where none is one of rows.

        Calm readings on few of them end no alarm that was raised on many.
        """
        judged = {rule.measure for rule in self.rules(reading, thresholds)}
        found = [one.n for one in reading.measures if one.name in judged and (one.computable or one.bounds) and one.n]
        return max(found, default=None)

    @classmethod
    def require_settings(cls, parameters: Mapping[str, Any], thresholds: Mapping[str, Any]) -> None:
        """Raise ParameterError unless the settings are known, typed, and fix a threshold where there are any."""
        owner = f"The monitor “{cls.title}”"
        build(cls.Parameters, parameters, owner=owner)
        limits = build(cls.Thresholds, thresholds, owner=owner)
        names = [item.name for item in fields(cls.Thresholds) if item.default is None]
        if names and all(getattr(limits, name) is None for name in names):
            raise ParameterError(f"{owner} needs a threshold: one of {', '.join(names)}.")


def _value(measure: Measure | None) -> float | None:
    return None if measure is None or measure.value is None else float(measure.value)


def _trouble(headline: Headline) -> float:
    """How far beyond the limit, as a share of the limit where it has a size."""
    beyond = headline.limit - headline.value if headline.at_least else headline.value - headline.limit
    return beyond / (abs(headline.limit) or 1.0)
