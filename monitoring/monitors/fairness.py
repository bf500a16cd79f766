"""Does the favourable decision still reach every group alike? Needs no outcomes, so it is known at once.

The ratio of the lowest to the highest selection rate; 29 CFR 1607.4(D) takes four fifths as the level to look closer.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from approvals.checks._evaluation import LEFT_OUT, left_out_share, missing_rules
from approvals.checks._verdicts import Rule, number
from approvals.checks.base import CheckInputError, Job, Judgement, NumberTable, Reading, Report
from approvals.measures.intervals import wilson
from approvals.measures.labels import UNKNOWN, group_text, same_value
from approvals.measures.tables import Table
from approvals.measures.values import Measure, not_computable
from monitoring.monitors._tables import Pair, both, require_approved_coding
from monitoring.monitors.base import NOT_COMPUTABLE, OK, MonitorKind


@dataclass(frozen=True)
class Parameters:
    """Which groups (none named: the declared ones, alone and in pairs), and from how many rows a group counts."""

    attributes: tuple[tuple[str, ...], ...] = ()
    small_group: int = 30


@dataclass(frozen=True)
class Thresholds:
    """Lowest ratio of selection rates; judged for single attributes, pairs are shown.

    Rows without a prediction, and rows whose group is unknown, breach above the shares allowed here. More groups than
    allowed that counted at approval and have too few rows now leave the question open.
    """

    min_selection_ratio: float | None = None
    max_left_out_share: float = 0.0
    max_unknown_share: float = 0.05
    max_unjudged_groups: int = 0


@dataclass(frozen=True)
class Rate:
    """Favourable decisions of one group."""

    group: str
    favourable: int
    n: int


class Fairness(MonitorKind):
    """Selection rates of groups and intersections of a batch."""

    title = "Fairness of the batch"
    version = "2"
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading the batch")
        with both(job) as pair:
            require_approved_coding(pair, pair.declared.prediction)
            asked = job.parameters.attributes or _declared(pair)
            found = {attributes: _rates(pair.batch, pair, attributes) for attributes in asked}
            then = {attributes: _rates(pair.reference, pair, attributes) for attributes in asked}
            rows = pair.batch.rows
        least = job.parameters.small_group
        alone = [attributes for attributes in found if len(attributes) == 1]
        return Reading(
            measures=(
                *(_ratio(attributes, _known(rates), least) for attributes, rates in found.items()),
                _left_out(next(iter(found.values())), rows),
                *(_unknown_share(attributes, found[attributes]) for attributes in alone),
            ),
            looked_at=tuple(f"Selection rates by {' and '.join(attributes)}." for attributes in found),
            not_looked_at=(
                f"Groups of fewer than {least} rows, and rows whose group is unknown, are shown and not compared.",
                "Error rates of groups, which need outcomes.",
            ),
            tables=tuple(_table(attributes, rates, least) for attributes, rates in found.items()),
            details={
                "judged": [" and ".join(attributes) for attributes in alone],
                "unjudged": [
                    sentence
                    for attributes in alone
                    for sentence in _unjudged(attributes, then[attributes], found[attributes], least)
                ],
            },
        )

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        judged = reading.details.get("judged") or ("undeclared groups",)
        limit = thresholds.min_selection_ratio
        return [Rule(f"selection rate ratio by {by}", limit, at_least=True, exact=_exact) for by in judged]

    def required_rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        limits = {LEFT_OUT: thresholds.max_left_out_share}
        limits |= {_unknown_name((by,)): thresholds.max_unknown_share for by in reading.details.get("judged", ())}
        return missing_rules(reading, limits)

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        """What is left may be within limits; a group that counted at approval and is gone leaves the question open."""
        found = super().judge(reading, thresholds)
        unjudged = tuple(reading.details.get("unjudged", ()))
        if found.verdict != OK or len(unjudged) <= thresholds.max_unjudged_groups:
            return found
        return Judgement(NOT_COMPUTABLE, (*unjudged, *found.sentences), found.failed_measures)


def _declared(pair: Pair) -> tuple[tuple[str, ...], ...]:
    groups = pair.declared.groups
    if not groups:
        raise CheckInputError("No group columns were declared at approval, so no groups can be compared.")
    return (*((group,) for group in groups), *itertools.combinations(groups, 2))


def _rates(table: Table, pair: Pair, attributes: tuple[str, ...]) -> tuple[Rate, ...]:
    """Rows with a prediction by group; a row of which one attribute is unknown belongs to the group Unknown."""
    table.require(*attributes)
    totals: dict[str, list[int]] = {}
    for values, rows in table.counts(*attributes, pair.declared.prediction).items():
        *group, predicted = values
        if predicted is None:
            continue
        names = [group_text(value) for value in group]
        kept = totals.setdefault(UNKNOWN if UNKNOWN in names else " | ".join(names), [0, 0])
        kept[0] += rows if same_value(predicted, pair.declared.favourable) else 0
        kept[1] += rows
    return tuple(Rate(group, k, n) for group, (k, n) in sorted(totals.items()))


def _known(rates: Sequence[Rate]) -> list[Rate]:
    return [rate for rate in rates if rate.group != UNKNOWN]


def _left_out(rates: Sequence[Rate], rows: int) -> Measure:
    return left_out_share(used=sum(rate.n for rate in rates), rows=rows)


def _unknown_name(attributes: Sequence[str]) -> str:
    return f"share of rows of unknown {' and '.join(attributes)}"


def _unknown_share(attributes: Sequence[str], rates: Sequence[Rate]) -> Measure:
    known, rows = sum(rate.n for rate in _known(rates)), sum(rate.n for rate in rates)
    return left_out_share(used=known, rows=rows or 1, name=_unknown_name(attributes))


def _unjudged(attributes: Sequence[str], then: Sequence[Rate], now: Sequence[Rate], least: int) -> list[str]:
    """A sentence for each group that counted at approval and has too few rows in the batch to count."""
    sizes = {rate.group: rate.n for rate in now}
    return [
        f"The group “{rate.group}” by {' and '.join(attributes)} has {sizes.get(rate.group, 0):,} rows in the batch, "
        f"fewer than {least}, so nothing is known about it; it counted at approval."
        for rate in _known(then)
        if rate.n >= least > sizes.get(rate.group, 0)
    ]


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
        small = "small group, not judged" if rate.n < least else ""
        remark = "not known, not compared" if rate.group == UNKNOWN else small
        rows.append((rate.group, rate.n, rate.favourable, number(rate.favourable / rate.n), shown, remark))
    return NumberTable(
        f"Groups by {' and '.join(attributes)}",
        ("Group", "Rows", "Selected", "Selection rate", "Interval", "Remark"),
        tuple(rows),
    )
