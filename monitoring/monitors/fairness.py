"""Does the favourable decision still reach every group alike? Needs no outcomes, so it is known at once.

The ratio of the lowest to the highest selection rate; 29 CFR 1607.4(D) takes four fifths as the level to look closer.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from approvals.checks._verdicts import Rule, number
from approvals.checks.base import CheckInputError, Job, NumberTable, Reading, Report
from approvals.measures.intervals import wilson
from approvals.measures.labels import value_text
from approvals.measures.values import Measure, not_computable
from monitoring.monitors._tables import Pair, both
from monitoring.monitors.base import MonitorKind


@dataclass(frozen=True)
class Parameters:
    """Which groups (none named: the declared ones, alone and in pairs), and from how many rows a group counts."""

    attributes: tuple[tuple[str, ...], ...] = ()
    small_group: int = 30


@dataclass(frozen=True)
class Thresholds:
    """Lowest ratio of selection rates; judged for single attributes, pairs are shown."""

    min_selection_ratio: float | None = None


@dataclass(frozen=True)
class Rate:
    """Favourable decisions of one group."""

    group: str
    favourable: int
    n: int


class Fairness(MonitorKind):
    """Selection rates of groups and intersections of a batch."""

    title = "Fairness of the batch"
    version = "1"
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading the batch")
        with both(job) as pair:
            asked = job.parameters.attributes or _declared(pair)
            found = {attributes: _rates(pair, attributes) for attributes in asked}
        least = job.parameters.small_group
        return Reading(
            measures=tuple(_ratio(attributes, rates, least) for attributes, rates in found.items()),
            looked_at=tuple(f"Selection rates by {' and '.join(attributes)}." for attributes in found),
            not_looked_at=(
                f"Groups of fewer than {least} rows decide nothing, nor do rows whose group is unknown.",
                "Error rates of groups, which need outcomes.",
            ),
            tables=tuple(_table(attributes, rates, least) for attributes, rates in found.items()),
            details={"judged": [" and ".join(attributes) for attributes in found if len(attributes) == 1]},
        )

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        judged = reading.details.get("judged") or ("undeclared groups",)
        limit = thresholds.min_selection_ratio
        return [Rule(f"selection rate ratio by {by}", limit, at_least=True, exact=_exact) for by in judged]


def _declared(pair: Pair) -> tuple[tuple[str, ...], ...]:
    groups = pair.declared.groups
    if not groups:
        raise CheckInputError("No group columns were declared at approval, so no groups can be compared.")
    return (*((group,) for group in groups), *itertools.combinations(groups, 2))


def _rates(pair: Pair, attributes: tuple[str, ...]) -> tuple[Rate, ...]:
    pair.batch.require(*attributes)
    favourable = str(pair.declared.favourable)
    totals: dict[str, list[int]] = {}
    for values, rows in pair.batch.counts(*attributes, pair.declared.prediction).items():
        *group, predicted = (value_text(value) or "" for value in values)
        if not all(group) or not predicted:
            continue
        kept = totals.setdefault(" | ".join(group), [0, 0])
        kept[0] += rows if predicted == favourable else 0
        kept[1] += rows
    return tuple(Rate(group, k, n) for group, (k, n) in sorted(totals.items()))


def _ratio(attributes: tuple[str, ...], rates: Sequence[Rate], least: int) -> Measure:
    name = f"selection rate ratio by {' and '.join(attributes)}"
    counting = [rate for rate in rates if rate.n >= least]
    if len(counting) < 2:
        return not_computable(name, f"Not computable: fewer than two groups have {least} rows.")
    low = min(counting, key=lambda rate: Fraction(rate.favourable, rate.n))
    high = max(counting, key=lambda rate: Fraction(rate.favourable, rate.n))
    if not high.favourable:
        return not_computable(name, "Not computable: no group has a favourable decision.")
    return Measure(
        name=name,
        value=float(Fraction(low.favourable, low.n) / Fraction(high.favourable, high.n)),
        n=sum(rate.n for rate in counting),
        method=f"lowest ({low.group}) divided by highest ({high.group}) selection rate",
        slice=(("attributes", " and ".join(attributes)),),
        counts=(
            ("lowest_k", low.favourable),
            ("lowest_n", low.n),
            ("highest_k", high.favourable),
            ("highest_n", high.n),
        ),
    )


def _exact(measure: Measure) -> Fraction | None:
    k1, n1, k2, n2 = (measure.count(name) for name in ("lowest_k", "lowest_n", "highest_k", "highest_n"))
    if k1 is None or not n1 or not k2 or not n2:
        return None
    return Fraction(k1, n1) / Fraction(k2, n2)


def _table(attributes: tuple[str, ...], rates: Sequence[Rate], least: int) -> NumberTable:
    rows = []
    for rate in sorted(rates, key=lambda rate: Fraction(rate.favourable, rate.n)):
        interval = wilson(rate.favourable, rate.n)
        shown = f"{number(interval.low)} to {number(interval.high)}" if interval else ""
        remark = "small group, not judged" if rate.n < least else ""
        rows.append((rate.group, rate.n, rate.favourable, number(rate.favourable / rate.n), shown, remark))
    return NumberTable(
        f"Groups by {' and '.join(attributes)}",
        ("Group", "Rows", "Selected", "Selection rate", "Interval", "Remark"),
        tuple(rows),
    )
