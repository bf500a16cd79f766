"""One threshold on one measure: its verdict and its sentence, and how numbers are shown beside it.

Compares unrounded values; rounds only to show. What is missing or not computable is never a pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from approvals.measures.values import Measure, between

PASSED, WARNING, FAILED, NOT_COMPUTABLE = "passed", "warning", "failed", "not_computable"
TINY = 0.0005  # below it, three decimals would show zero
HUGE = 1e15  # from here on a float holds no decimals, and its digits are a wall of figures
SMALLEST_POWER = -6  # of ten: what is smaller is shown by its power
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SIDES = {(True, True): "at or above", (True, False): "below", (False, True): "at or below", (False, False): "above"}
"""Where a number lies, by whether at least the threshold is required and whether that is met."""


@dataclass(frozen=True)
class Rule:
    """One threshold on one measure. A limit of None is not asked.

    `undecided` is what to do where the number is only known to lie between bounds that have the limit between them.
    `exact` gives the value as a fraction of whole numbers where the measure records them, because 0.8 of a float
    division can be 0.7999999999999999. `turning` says what would turn the verdict where one count does not tell it;
    empty where it cannot be counted.
    """

    measure: str
    limit: float | None
    at_least: bool
    absolute: bool = False
    exact: Callable[[Measure], Fraction | None] | None = None
    turning: Callable[[Measure], str] | None = None
    undecided: str = "run it again, which computes the number exactly"


def at_least(measure: str, limit: float | None) -> Rule:
    """The measure must be at or above the limit."""
    return Rule(measure, limit, at_least=True)


def at_most(measure: str, limit: float | None, *, absolute: bool = False) -> Rule:
    """The measure, or its size without its sign, must be at or below the limit."""
    return Rule(measure, limit, at_least=False, absolute=absolute)


def apply(rule: Rule, measure: Measure) -> tuple[str, str]:
    """Verdict and sentence of one rule on one measure."""
    if measure.bounds is not None and rule.limit is not None:
        return _apply_to_bounds(rule, measure, measure.bounds, rule.limit)
    if measure.value is None or rule.limit is None:
        return NOT_COMPUTABLE, f"{begin(measure.name)} is not computable: {reason_of(measure)}"
    value = abs(measure.value) if rule.absolute else measure.value
    exact = rule.exact(measure) if rule.exact else None
    limit = Fraction(str(rule.limit))
    met = _meets(exact, limit, rule) if exact is not None else _meets(value, rule.limit, rule)
    verdict = PASSED if met else FAILED
    if isinstance(measure.value, int):
        asked = "at least {} are required" if rule.at_least else "at most {} are allowed"
        return verdict, f"{begin(measure.name)}: {measure.value:,}; {asked.format(limit_text(rule.limit))}."
    text = f"{begin(measure.name)} {number(measure.value, beside=rule.limit)}{_uncertainty(measure)}"
    sentence = f"{text} is {SIDES[rule.at_least, met]} the threshold {limit_text(rule.limit)}."
    if rule.absolute and measure.value < 0:
        sentence = sentence.replace(" is ", " is, without its sign, ", 1)
    return verdict, sentence


def _apply_to_bounds(rule: Rule, measure: Measure, bounds: tuple[float, float], limit: float) -> tuple[str, str]:
    """A number between bounds meets a threshold if both ends do, and misses it if neither does; else nobody knows."""
    ends = ends_of(rule, bounds)
    met = [_meets(end, limit, rule) for end in ends]
    size = ", without its sign," if rule.absolute and bounds[0] < 0 else ""
    text = f"{begin(measure.name)} lies{size} {between(ends, beside=limit)}{_uncertainty(measure)}"
    if met[0] != met[1]:
        return NOT_COMPUTABLE, (
            f"{text}, and the threshold {limit_text(limit)} lies in between, so it decides nothing; {rule.undecided}."
        )
    return PASSED if met[0] else FAILED, f"{text}, {SIDES[rule.at_least, met[0]]} the threshold {limit_text(limit)}."


def ends_of(rule: Rule, bounds: tuple[float, float]) -> tuple[float, float]:
    """The bounds of what the rule compares: of the number, or of its size without its sign."""
    if not rule.absolute:
        return bounds
    sizes = abs(bounds[0]), abs(bounds[1])
    return (0.0 if bounds[0] <= 0.0 <= bounds[1] else min(sizes), max(sizes))


def _meets(value: Fraction | float, limit: Fraction | float, rule: Rule) -> bool:
    return value >= limit if rule.at_least else value <= limit


def reason_of(measure: Measure) -> str:
    """Why a measure has no value, without the words that a sentence around it says already."""
    return measure.reason.removeprefix("Not computable: ")


def number(value: float | None, *, beside: float | None = None) -> str:
    """A number for people: three decimals, more where they are needed to see on which side of `beside` it lies."""
    if value is None:
        return "not computable"
    if isinstance(value, int):
        return f"{value:,}"
    if 0 < abs(value) < TINY:
        return written_out(f"{value:.2g}")
    if HUGE <= abs(value) < math.inf:
        return written_out(repr(value) if beside is not None and abs(beside) >= HUGE else f"{value:.2e}")
    for digits in range(3, 16):
        if beside is None or (round(value, digits) > beside, round(value, digits) < beside) == (
            value > beside,
            value < beside,
        ):
            return f"{value:,.{digits}f}"
    return repr(value)


def value_text(measure: Measure) -> str:
    """The value of a measure for people, or between what it lies, or that there is none."""
    return between(measure.bounds) if measure.bounds else number(measure.value)


def method_text(measure: Measure) -> str:
    """How a measure was made, or why it has no value."""
    return measure.method if measure.computable or measure.bounds else reason_of(measure)


def limit_text(limit: float) -> str:
    """A threshold as the policy says it, floats with at least two decimals."""
    if isinstance(limit, int):
        return f"{limit:,}"
    return f"{limit:,.2f}" if round(limit, 2) == limit and abs(limit) < HUGE else written_out(repr(limit))


def signed(change: float) -> str:
    """A difference of two numbers with its sign: +0.012, -3."""
    return f"{'-' if change < 0 else '+'}{number(abs(change))}"


def written_out(digits: str) -> str:
    """A number in words of people: 1e-05 is 0.00001; what is smaller still, or huge, has a power of ten."""
    mantissa, _, exponent = digits.partition("e")
    if not exponent:
        return digits
    if SMALLEST_POWER <= int(exponent) < 0:
        return f"{Decimal(digits):f}"
    return f"{mantissa} × 10{str(int(exponent)).translate(RAISED)}"


def percent(level: float) -> str:
    """0.95 as "95 %"."""
    return f"{100 * level:g} %"


def _uncertainty(measure: Measure) -> str:
    parts = []
    if measure.low is not None and measure.high is not None and measure.level is not None:
        parts.append(f"{percent(measure.level)} interval {number(measure.low)} to {number(measure.high)}")
    if measure.n is not None and not isinstance(measure.value, int):
        parts.append(f"n {measure.n:,}")
    return f" ({', '.join(parts)})" if parts else ""


def begin(name: str) -> str:
    """The name as the beginning of a sentence."""
    return name[:1].upper() + name[1:]


def interval_text(measure: Measure) -> str:
    """The interval of a measure for a table cell, empty if it has none."""
    if measure.low is None or measure.high is None:
        return ""
    return f"{number(measure.low)} to {number(measure.high)}"
