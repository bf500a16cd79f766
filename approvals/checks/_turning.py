"""What would turn the verdict of one threshold: how far the number is from it, in things that can be counted if any.

Whatever is said of a count was tried: the change was made to the numbers, and the same rule judged them again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from approvals.checks._cures import cure_of
from approvals.checks._rules import (
    FAILED,
    NOT_COMPUTABLE,
    PASSED,
    Rule,
    apply,
    begin,
    ends_of,
    limit_text,
    number,
    percent,
    reason_of,
)
from approvals.measures.values import Measure, between

PAIRS = (("k", "n"), ("rows_left_out", "rows"))
"""What a proportion records as its numerator and denominator."""
THINGS = {
    "accuracy": ("right predictions", "wrong predictions"),
    "precision": ("rightly positive predictions", "wrongly positive predictions"),
    "recall": ("positive rows predicted as such", "positive rows predicted as negative"),
    "specificity": ("negative rows predicted as such", "negative rows predicted as positive"),
    "false positive rate": ("negative rows predicted as positive", "negative rows predicted as such"),
    "false negative rate": ("positive rows predicted as negative", "positive rows predicted as such"),
    "negative predictive value": ("rightly negative predictions", "wrongly negative predictions"),
    "share of rows left out": ("rows left out", "rows that have all of what is needed"),
}
"""Of a proportion: what its numerator counts, and what the rest counts."""


@dataclass(frozen=True)
class Turning:
    """What would turn the verdict. `change` is how many of the counted things more (below 0: fewer), if countable."""

    sentence: str
    change: int | None = None


def turned_by(rule: Rule, measure: Measure) -> Turning:
    """The smallest change that would turn the verdict of this rule on this measure, or how far it is from turning."""
    verdict, _ = apply(rule, measure)
    name = begin(measure.name)
    if measure.bounds is not None and rule.limit is not None:
        return Turning(f"{name}: {_within(rule, measure.bounds, rule.limit, verdict)}")
    if verdict == NOT_COMPUTABLE or measure.value is None or rule.limit is None:
        return Turning(f"{name} is not computable: {reason_of(measure)} It would be with {cure_of(measure.reason)}.")
    own = rule.turning(measure) if rule.turning else None
    change = None if own or rule.turning else smallest_change(rule, measure)
    words = own or (_counted(measure, change, verdict) if change is not None else "")
    parts = [f"{name}: {_distance(rule, measure, verdict)}", *([words] if words else [])]
    return Turning(f"{'; '.join(parts)}.{_uncertain(rule, measure, verdict)}", change)


def _within(rule: Rule, bounds: tuple[float, float], limit: float, verdict: str) -> str:
    """How far a number is from the threshold that is only known to lie between bounds."""
    lies = between(ends_of(rule, bounds), beside=limit)
    if verdict == NOT_COMPUTABLE:
        return f"the threshold {limit_text(limit)} is {lies}, as the number is; the exact number decides it."
    word, side = ("met", "misses") if verdict == PASSED else ("missed", "meets")
    low, high = ends_of(rule, bounds)
    gap = min(abs(Fraction(end) - Fraction(str(limit))) for end in (low, high))
    margin = f"by {_rounded_down(gap)} or more" if gap else "at the threshold or beyond"
    return f"{word} {margin}, wherever {lies} the number is; none of these {side} the threshold {limit_text(limit)}."


def _rounded_down(gap: Fraction) -> str:
    """A number above 0 with three decimals, or two digits if it is smaller; never more than it is."""
    digits = max(3, 1 - math.floor(math.log10(gap)))
    return f"{math.floor(gap * 10**digits) / 10**digits:,.{digits}f}"


def smallest_change(rule: Rule, measure: Measure) -> int | None:
    """How many more (below 0: fewer) of what the measure counts turn the verdict, so that one less does not.

    None where the measure counts nothing, or where no possible count turns it.
    """
    span = _span(rule, measure)
    if span is None:
        return None
    verdict = apply(rule, measure)[0]
    step = 1 if rule.at_least == (verdict == FAILED) else -1

    def turned(size: int) -> bool:
        moved = _moved(measure, step * size)
        return apply(rule, moved)[0] not in (verdict, NOT_COMPUTABLE)

    most = span[1] if step > 0 else span[0]
    if most <= 0 or not turned(most):
        return None
    low, high = 0, most  # not turned at low, turned at high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if turned(middle) else (middle, high)
    return step * high


def _pair(measure: Measure) -> tuple[str, int, int] | None:
    """Name of the numerator, numerator and denominator of a proportion that is made of just these."""
    for above, below in PAIRS:
        k, n = measure.count(above), measure.count(below)
        if k is not None and n and isinstance(measure.value, float) and measure.value == k / n:
            return above, k, n
    return None


def _span(rule: Rule, measure: Measure) -> tuple[int, int] | None:
    """How many fewer and how many more there could be."""
    if rule.absolute or measure.value is None or rule.limit is None:
        return None
    if isinstance(measure.value, int):
        return measure.value, max(0, int(rule.limit) + 1 - measure.value)
    pair = _pair(measure)
    return (pair[1], pair[2] - pair[1]) if pair else None


def _moved(measure: Measure, change: int) -> Measure:
    """The measure as it would be with so many more of what it counts."""
    if isinstance(measure.value, int):
        return replace(measure, value=measure.value + change)
    pair = _pair(measure)
    if pair is None:
        return measure
    name, k, n = pair
    counts = tuple((key, k + change if key == name else count) for key, count in measure.counts)
    return replace(measure, value=(k + change) / n, counts=counts, low=None, high=None, level=None)


def _distance(rule: Rule, measure: Measure, verdict: str) -> str:
    word = "met" if verdict == PASSED else "missed"
    if isinstance(measure.value, int):
        return word
    value = abs(float(measure.value or 0)) if rule.absolute else float(measure.value or 0)
    exact = rule.exact(measure) if rule.exact else None
    limit = Fraction(str(rule.limit))
    gap = abs(value - float(limit)) if exact is None else float(abs(exact - limit))
    if not gap:
        return f"{word} exactly at the threshold"
    return f"{word} {'with a margin of' if verdict == PASSED else 'by'} {number(gap)}"


def _counted(measure: Measure, change: int, verdict: str) -> str:
    would = "would fail it" if verdict == PASSED else "would meet it"
    size, more = abs(change), change > 0
    if isinstance(measure.value, int):
        return f"{size:,} {'more' if more else 'fewer'} {would}"
    pair = _pair(measure)
    n = pair[2] if pair else 0
    counted, rest = THINGS.get(measure.name, ("", ""))
    if not counted:
        return f"{size:,} {'more' if more else 'fewer'} than {pair[1] if pair else 0:,} of {n:,} {would}"
    return f"{size:,} more {things(size, counted if more else rest)} among {n:,} {would}"


def things(size: int, several: str) -> str:
    """What is counted, as is said of one or of several."""
    if size != 1:
        return several
    for plural, singular in (("predictions", "prediction"), ("rows", "row"), ("that have", "that has")):
        several = several.replace(plural, singular)
    return several


def _uncertain(rule: Rule, measure: Measure, verdict: str) -> str:
    """Whether the interval reaches over the threshold."""
    if measure.low is None or measure.high is None:
        return ""
    ends = (measure.low, measure.high)
    if rule.absolute:
        sizes = sorted(abs(end) for end in ends)
        ends = (0.0 if measure.low <= 0.0 <= measure.high else sizes[0], sizes[1])
    met = [end >= float(rule.limit or 0) if rule.at_least else end <= float(rule.limit or 0) for end in ends]
    level = f"{percent(measure.level)} interval" if measure.level else "interval"
    if all(met) or not any(met):
        side = "on the same side" if all(met) == (verdict == PASSED) else "on the other side"
        return f" The whole {level}, {number(measure.low)} to {number(measure.high)}, is {side} of the threshold."
    end = "lower" if rule.at_least == (verdict == PASSED) else "upper"
    shown = ends[0] if end == "lower" else ends[1]
    side = f"{'' if verdict == PASSED else 'at or '}{'under' if end == 'lower' else 'over'}"
    return (
        f" The {end} end of the {level}, {number(shown, beside=rule.limit)}, is {side} the threshold, "
        "so more or other rows of the same kind could turn it."
    )
