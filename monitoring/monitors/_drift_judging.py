"""From measured drift and a policy's limits to a verdict: beyond the limit is not enough, it must not be chance. Pure.

What is beyond its limit and significant after the correction for all comparisons is a breach. What is beyond it and not
significant, or within it in a batch too small to show a drift of the limit's size, is not computable: a limit on the
size of an effect answers a question only where the test could have answered it otherwise (Cohen, Statistical power
analysis, 1988; du Prel et al., Confidence interval or p-value?, Deutsches Ärzteblatt International 106(19), 2009). A
warning would say that something is known to have moved; silence would say that nothing has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.checks._rules import FAILED, NOT_COMPUTABLE, PASSED, Rule, apply, at_most, limit_text, percent
from approvals.checks._verdicts import NO_THRESHOLD, worst
from approvals.checks.base import Judgement, Reading
from approvals.measures.values import Measure
from monitoring.monitors._drift import NAMES
from monitoring.monitors._drift_limits import LIMITS, Certainty, Family, Limit, Sight, family_of, sight_of


@dataclass(frozen=True)
class _Said:
    verdict: str
    sentence: str
    measure: Measure | None = None


def rules_of(reading: Reading, thresholds: Any) -> list[Rule]:
    """The limits of the policy, one rule for each column that has the measure."""
    named = {measure.name for measure in reading.measures}
    return [
        at_most(name, getattr(thresholds, limit.setting))
        for limit in LIMITS
        for column in reading.details.get("columns", ())
        if (name := f"{limit.words} of {column}") in named
    ]


def judged(reading: Reading, thresholds: Any) -> Judgement:
    """The verdict with failing sentences first; "passed" where every asked limit is met and could have been missed."""
    asked = [(limit, float(size)) for limit in LIMITS if (size := getattr(thresholds, limit.setting)) is not None]
    if not asked:
        return Judgement(NOT_COMPUTABLE, (NO_THRESHOLD,))
    columns = tuple(reading.details.get("columns", ()))
    measures = {measure.name: measure for measure in reading.measures}
    tests = tuple(dict.fromkeys(limit.test for limit, _ in asked))
    family = family_of(measures, columns, tests, Certainty.of(reading.details))
    said = [one for limit, size in asked for one in _of_limit(limit, size, columns, measures, family)]
    said += _unjudged(asked, columns, measures)
    said += _of_missing(thresholds.max_missing_change, columns, measures, family)
    said.sort(key=lambda one: (FAILED, NOT_COMPUTABLE, PASSED).index(one.verdict))
    return Judgement(
        worst(one.verdict for one in said),
        (*(one.sentence for one in said), family.sentence),
        tuple(one.measure for one in said if one.verdict == FAILED and one.measure is not None),
    )


def _of_limit(
    limit: Limit, size: float, columns: Sequence[str], measures: Mapping[str, Measure], family: Family
) -> list[_Said]:
    found: list[_Said] = []
    met: list[Measure] = []
    dim: list[tuple[str, Sight]] = []
    for column in columns:
        name, test = f"{limit.words} of {column}", measures.get(f"{NAMES[limit.test]} of {column}")
        measure = measures.get(name)
        if measure is None:
            continue
        verdict, sentence = apply(at_most(name, size), measure)
        if verdict == NOT_COMPUTABLE or test is None or (test.value is None and test.bounds is None):
            why = sentence if verdict == NOT_COMPUTABLE or test is None else _untested(name, test)
            found.append(_Said(NOT_COMPUTABLE, why))
        elif verdict == FAILED:
            found.append(_beyond(sentence, measure, (limit.test, column), family))
        else:
            sight = sight_of(limit, size, test, family)
            if sight is not None and sight.power < family.certainty.min_power:
                dim.append((column, sight))
            met.append(measure)
    return [*found, *_too_small(limit, size, dim, len(columns), family), *_met(size, met)]


def _unjudged(
    asked: Sequence[tuple[Limit, float]], columns: Sequence[str], measures: Mapping[str, Measure]
) -> list[_Said]:
    """Columns that have none of the measures that are limited: categories have no KS distance, for one."""
    left = [c for c in columns if not any(f"{limit.words} of {c}" in measures for limit, _ in asked)]
    if not left and columns:
        return []
    words = " or ".join(limit.words for limit, _ in asked)
    names = ", ".join(left[:5]) or "no column"
    return [_Said(NOT_COMPUTABLE, f"{names}: there is no {words}, so the policy's limits say nothing about it.")]


def _untested(name: str, test: Measure) -> str:
    return f"{name} cannot be told from chance: {test.reason.removeprefix('Not computable: ')}"


def _beyond(sentence: str, measure: Measure, key: tuple[str, str], family: Family) -> _Said:
    if family.is_significant(key):
        return _Said(FAILED, f"{sentence[:-1]}, and more than chance ({family.p_text(key)}).", measure)
    now = measure.count("n_current")
    rows = f" at n = {now:,}" if now is not None else ""
    return _Said(
        NOT_COMPUTABLE,
        f"{sentence[:-1]}, but it is not distinguishable from chance{rows} ({family.p_text(key)}); deliver more rows.",
    )


def _too_small(
    limit: Limit, size: float, dim: Sequence[tuple[str, Sight]], columns: int, family: Family
) -> list[_Said]:
    """One sentence for all columns whose rows are too few to show a drift of the limit's size."""
    if not dim:
        return []
    column, worst_seen = min(dim, key=lambda item: item[1].power)
    needed = [sight.needed for _, sight in dim]
    largest = max((rows for rows in needed if rows is not None), default=0)
    cure = (
        f"about {largest:,} rows with a value would be enough"
        if None not in needed
        else "no batch would be large enough, because the approved table itself has too few rows; raise the limit"
    )
    where = f"{len(dim):,} of {columns:,} columns" if columns > 1 else column
    return [
        _Said(
            NOT_COMPUTABLE,
            f"{worst_seen.rows:,} rows are too few to see a {limit.words} of {limit_text(size)} in {where}: the power "
            f"to is {percent(round(worst_seen.power, 3))} and {percent(family.certainty.min_power)} are asked, so that "
            f"nothing was found says nothing; {cure}.",
        )
    ]


def _met(size: float, met: Sequence[Measure]) -> list[_Said]:
    if len(met) <= 1:
        return [_Said(PASSED, apply(at_most(one.name, size), one)[1]) for one in met]
    highest = max(met, key=lambda one: float(one.value if one.value is not None else (one.bounds or (0.0, 0.0))[1]))
    sentence = apply(at_most(highest.name, size), highest)[1]
    return [_Said(PASSED, f"{sentence[:-1]}, and highest of {len(met):,} columns within it.")]


def _of_missing(allowed: float, columns: Sequence[str], measures: Mapping[str, Measure], family: Family) -> list[_Said]:
    """What holds under any policy: what is missing or infinite now, and was not then, is in no distribution."""
    found = []
    for column in columns:
        measure = measures.get(f"{NAMES['missing_change']} of {column}")
        if measure is None or (measure.value is not None and measure.value <= allowed):
            continue
        verdict, sentence = apply(at_most(measure.name, allowed), measure)
        key = ("missing_p", column)
        if verdict == FAILED and not family.is_significant(key):
            p = f" ({family.p_text(key)})" if key in family.adjusted else ""
            verdict = NOT_COMPUTABLE
            sentence = f"{sentence[:-1]}, but it is not distinguishable from chance{p}; deliver more rows."
        found.append(_Said(verdict, sentence, measure))
    return found
