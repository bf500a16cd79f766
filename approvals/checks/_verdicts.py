"""From measured numbers and thresholds to a verdict, its sentences, and what would turn it. Pure.

What is missing or not computable is never a pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from approvals.checks._rules import (
    FAILED,
    NOT_COMPUTABLE,
    PASSED,
    WARNING,
    Rule,
    apply,
    at_least,
    at_most,
    begin,
    interval_text,
    limit_text,
    method_text,
    number,
    percent,
    reason_of,
    signed,
    value_text,
    written_out,
)
from approvals.checks._turning import turned_by
from approvals.checks.base import Judgement, Reading
from approvals.measures.values import Measure

__all__ = [
    "FAILED",
    "NOT_COMPUTABLE",
    "NO_THRESHOLD",
    "PASSED",
    "WARNING",
    "Rule",
    "apply",
    "at_least",
    "at_most",
    "interval_text",
    "judge_by",
    "limit_text",
    "method_text",
    "number",
    "percent",
    "reason_of",
    "signed",
    "value_text",
    "worst",
    "written_out",
]
NO_THRESHOLD = "The policy fixes no threshold for this check."
UNMEASURED = ": the table has to declare what it needs, or the policy has to ask for something else."
ASK_FOR_ONE = "A threshold in the policy, fixed before another run, would make a verdict of these numbers."


def judge_by(reading: Reading, rules: Sequence[Rule], *, required: Sequence[Rule] = ()) -> Judgement:
    """Failed if one rule fails, else not computable if one cannot be judged, else passed.

    `rules` are the policy's thresholds, of which one at least must be set; `required` hold under any policy.
    """
    asked = [rule for rule in rules if rule.limit is not None]
    if rules and not asked:
        return Judgement(NOT_COMPUTABLE, (NO_THRESHOLD,), turns=(ASK_FOR_ONE,))
    judged: list[tuple[str, str, str]] = []
    failed: list[Measure] = []
    for rule in (*required, *asked):
        found = [measure for measure in reading.measures if measure.name == rule.measure]
        if not found:
            unmeasured = f"{begin(rule.measure)} was not measured"
            judged.append((NOT_COMPUTABLE, f"{unmeasured}, so its threshold decides nothing.", unmeasured + UNMEASURED))
        for measure in found:
            verdict, sentence = apply(rule, measure)
            judged.append((verdict, sentence, turned_by(rule, measure).sentence))
            if verdict == FAILED:
                failed.append(measure)
    judged.sort(key=lambda item: (FAILED, NOT_COMPUTABLE, PASSED).index(item[0]))
    verdicts = [verdict for verdict, _, _ in judged]
    turns = (*_together(verdicts), *(turn for _, _, turn in judged))
    return Judgement(worst(verdicts), tuple(sentence for _, sentence, _ in judged), tuple(failed), turns)


def _together(verdicts: Sequence[str]) -> tuple[str, ...]:
    """What several thresholds mean for one verdict: one that fails is enough, and all have to be met to pass."""
    stand_in_the_way = sum(verdict != PASSED for verdict in verdicts)
    if len(verdicts) <= 1:
        return ()
    if not stand_in_the_way:
        return (f"All {len(verdicts):,} thresholds are met; any one of these changes alone would turn the verdict.",)
    are = "1 is" if stand_in_the_way == 1 else f"{stand_in_the_way:,} are"
    return (
        f"{are} not met of {len(verdicts):,} thresholds; a pass needs all of them, so the others have to stay met.",
    )


def worst(verdicts: Iterable[str]) -> str:
    """The verdict of several: a failure outweighs what is not computable, and nothing at all is not computable."""
    found = set(verdicts)
    return next((verdict for verdict in (FAILED, NOT_COMPUTABLE, WARNING, PASSED) if verdict in found), NOT_COMPUTABLE)
