"""What is said to turn a verdict turns it, and one less does not: the change is made and the same rule judges again."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals import checks
from approvals.checks._fairness_turning import KINDS, Cell, turning_of_groups, value_of
from approvals.checks._rules import Rule, apply
from approvals.checks._turning import smallest_change, turned_by
from approvals.checks._verdicts import at_least, at_most, judge_by
from approvals.checks.base import Reading
from approvals.measures.values import Measure, bounded, not_computable

LIMITS = st.one_of(st.sampled_from([0.0, 0.05, 0.1, 0.5, 0.7, 0.8, 0.95, 1.0]), st.floats(0.0, 1.0, allow_nan=False))


def proportion(k, n, name="accuracy"):
    return Measure(name, k / n, n, counts=(("k", k), ("n", n)))


@settings(deadline=None)
@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), LIMITS, st.booleans())
def test_the_stated_change_of_a_proportion_turns_it_and_one_less_does_not(pair, limit, is_least):
    k, n = pair
    rule = Rule("accuracy", limit, at_least=is_least)
    change = smallest_change(rule, proportion(k, n))
    verdict = apply(rule, proportion(k, n))[0]
    if change is None:
        assert all(apply(rule, proportion(other, n))[0] == verdict for other in {0, k, n})
        return
    nearer = change - (1 if change > 0 else -1)
    assert apply(rule, proportion(k + change, n))[0] != verdict
    assert apply(rule, proportion(k + nearer, n))[0] == verdict
    assert f"{abs(change):,} more" in turned_by(rule, proportion(k, n)).sentence


@settings(deadline=None)
@given(st.integers(0, 10_000), st.one_of(st.integers(0, 10_000), st.floats(0, 10_000)), st.booleans())
def test_the_stated_change_of_a_count_turns_it_and_one_less_does_not(value, limit, is_least):
    rule = Rule("rows", limit, at_least=is_least)
    measure = Measure("rows", value, value)
    change = smallest_change(rule, measure)
    verdict = apply(rule, measure)[0]
    if change is None:
        assert apply(rule, Measure("rows", 0, 0))[0] == verdict
        return
    nearer = change - (1 if change > 0 else -1)
    assert apply(rule, dataclasses.replace(measure, value=value + change))[0] != verdict
    assert apply(rule, dataclasses.replace(measure, value=value + nearer))[0] == verdict


GROUPS = st.lists(
    st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=6
)


def parts_of(threshold, rows):
    return {
        place: [Cell(f"g{number}", k, n) for number, (k, n) in enumerate(rows)] for place in KINDS[threshold].numbers
    }


def is_met(threshold, parts, limit):
    rule = Rule("x", limit, at_least=threshold.startswith("min_"), exact=lambda _: value_of(KINDS[threshold], parts))
    return apply(rule, Measure("x", 0.0, 1))[0] == "passed"


@settings(deadline=None)
@given(st.sampled_from(sorted(KINDS)), GROUPS, st.sampled_from([0.05, 0.1, 0.2, 0.8, 0.9]))
def test_decisions_that_are_said_to_turn_a_disparity_turn_it(threshold, rows, limit):
    cells = {"g": parts_of(threshold, rows)}
    if value_of(KINDS[threshold], cells["g"]) is None:
        return
    measure = Measure("x", 0.0, 1, slice=(("attributes", "g"),))
    words = turning_of_groups(measure, cells=cells, threshold=threshold, limit=limit)
    before = is_met(threshold, cells["g"], limit)
    if not words or "would have to be other ones" in words:
        return
    changes = changes_in(words)
    assert is_met(threshold, changed(cells["g"], changes), limit) != before
    for which in range(len(changes)):
        nearer = [
            (group, change - (1 if change > 0 else -1) if place == which else change, false)
            for place, (group, change, false) in enumerate(changes)
        ]
        assert is_met(threshold, changed(cells["g"], nearer), limit) == before


def changes_in(words):
    """Group, change and whether it is of those whose label is not favourable, from what is said."""
    found = []
    for part in words.split(" and "):
        size, which, rest = part.split(" ", 2)
        number = int(size.replace(",", ""))
        group = rest.split("“")[1].split("”")[0]
        found.append((group, number if which == "more" else -number, "label is not favourable" in part))
    return found


def changed(parts, changes):
    moved = {place: list(part) for place, part in parts.items()}
    first = min(moved)
    for group, change, is_false in changes:
        place = max(moved) if is_false else first
        moved[place] = [
            dataclasses.replace(cell, k=cell.k + change) if cell.group == group else cell for cell in moved[place]
        ]
    return moved


def test_a_margin_is_said_in_rows_that_would_be_wrong():
    measure = dataclasses.replace(proportion(850, 1000), low=0.826, high=0.871, level=0.95)
    assert turned_by(at_least("accuracy", 0.8), measure).sentence == (
        "Accuracy: met with a margin of 0.050; 51 more wrong predictions among 1,000 would fail it. "
        "The whole 95 % interval, 0.826 to 0.871, is on the same side of the threshold."
    )
    assert "The lower end of the 95 % interval, 0.826, is under the threshold" in (
        turned_by(at_least("accuracy", 0.84), measure).sentence
    )
    assert "; 1 more right prediction among 1,000 would" in turned_by(at_least("accuracy", 0.851), measure).sentence
    assert turned_by(at_least("accuracy", 0.9), measure).sentence.startswith(
        "Accuracy: missed by 0.050; 50 more right predictions among 1,000 would meet it."
    )


def test_what_cannot_be_counted_has_a_margin_and_its_interval():
    area = Measure("ROC AUC", 0.72, 500, low=0.68, high=0.76, level=0.95)
    turning = turned_by(at_least("ROC AUC", 0.7), area)
    assert turning.change is None
    assert turning.sentence == (
        "ROC AUC: met with a margin of 0.020. The lower end of the 95 % interval, 0.680, is under the threshold, "
        "so more or other rows of the same kind could turn it."
    )
    gap = Measure("mean error", -0.2, 500, low=-0.3, high=0.1, level=0.95)
    assert "The lower end of the 95 % interval, 0.000, is at or under" in (
        turned_by(at_most("mean error", 0.1, absolute=True), gap).sentence
    )


@pytest.mark.parametrize(
    ("reason", "cure"),
    [
        ("no training table is attached.", "a training table attached"),
        ("no regression table has it.", "a policy that asks for a measure which such a table has"),
        ("the label of 3 of 442 rows is 0, and nothing is a fraction of 0.", "labels other than 0"),
        ("1 of the two groups needed (known groups of at least 30 rows).", "more rows of at least two known groups"),
        ("the slice has 12 rows, and at least 50 are needed.", "more rows of that slice."),
        ("the mean absolute error of the model in use is 0.", "predictions that err somewhere."),
        ("the highest favourable rate is 0.", "at least one favourable decision in the group"),
        ("something that nobody foresaw.", "inputs of which this reason does not hold"),
    ],
)
def test_what_is_not_computable_is_told_with_its_cure(reason, cure):
    turning = turned_by(at_least("a", 0.5), not_computable("a", f"Not computable: {reason}"))
    assert turning.sentence.startswith(f"A is not computable: {reason} It would be with {cure}")


def test_one_verdict_of_several_thresholds_says_what_they_mean_together():
    reading = Reading(measures=(Measure("a", 3, 3), Measure("b", 0, 3)), looked_at=())
    failed = judge_by(reading, [at_most("a", 0), at_most("b", 0), at_most("c", 0)])
    assert failed.turns[0] == (
        "2 are not met of 3 thresholds; a pass needs all of them, so the others have to stay met."
    )
    assert failed.turns[1] == "A: missed; 3 fewer would meet it."
    assert failed.turns[2].startswith("C was not measured: the table has to declare what it needs")
    assert failed.turns[3] == "B: met; 1 more would fail it."
    assert judge_by(reading, [at_most("b", 0)]).turns == ("B: met; 1 more would fail it.",)
    assert judge_by(reading, [at_most("b", None)]).turns[0].startswith("A threshold in the policy")


def test_decisions_about_people_are_counted_in_the_reading_of_a_real_table(measured, judged, german):
    check = checks.find("group_fairness")
    reading = measured(check, german())
    by_age = judged(check, reading, min_selection_ratio=0.95, attributes=[["age_group"]])
    assert by_age.verdict == "failed"
    [turn] = [turn for turn in by_age.turns if turn.startswith("Selection rate ratio by age_group")]
    assert "; 15 more favourable decisions for the group “25_or_under” would meet it." in turn
    by_sex = judged(check, reading, min_selection_ratio=0.8, attributes=[["sex"]])
    [turn] = [turn for turn in by_sex.turns if turn.startswith("Selection rate ratio by sex")]
    assert "fewer favourable decisions for the group “female” would fail it" in turn


@pytest.mark.parametrize("key", sorted(checks.load()))
def test_every_check_says_what_would_turn_it_when_nothing_was_measured(key):
    check = checks.find(key)
    judgement = check().judge(Reading(measures=(), looked_at=()), check.Thresholds())
    assert judgement.verdict == "not_computable"
    assert judgement.turns


def test_selections_that_would_turn_an_impact_ratio_are_counted(measured, judged, german):
    check = checks.find("local_law_144")
    reading = measured(check, german(), attributes=[["age_group"]])
    limits = {"max_unknown_share": 1.0}
    failed = judged(check, reading, min_impact_ratio=0.95, **limits)
    assert "15 more selections for the group “25_or_under” would meet it" in failed.turns[0]
    passed = judged(check, reading, min_impact_ratio=0.8, **limits)
    assert "fewer selections for the group “25_or_under” would fail it" in passed.turns[0]
    scored = judged(check, measured(check, german(), attributes=[["age_group"]], basis="scoring"), min_impact_ratio=0.1)
    assert "selections" not in " ".join(scored.turns)


def test_a_number_between_bounds_is_as_far_from_the_threshold_as_its_nearer_end():
    area = bounded("ROC AUC", (0.8125, 0.875), n=10**8, method="from 4,096 bins")
    passed = turned_by(at_least("ROC AUC", 0.8), area).sentence
    assert passed == (
        "ROC AUC: met by 0.012 or more, wherever between 0.812 and 0.875 the number is; "
        "none of these misses the threshold 0.80."
    )
    failed = turned_by(at_least("ROC AUC", 0.9), area).sentence
    assert failed.startswith("ROC AUC: missed by 0.025 or more, wherever between 0.812 and 0.875 the number is;")
    assert failed.endswith("none of these meets the threshold 0.90.")
    assert turned_by(at_most("ROC AUC", 0.875), area).sentence.startswith("ROC AUC: met at the threshold or beyond,")
    undecided = turned_by(at_least("ROC AUC", 0.85), area).sentence
    assert undecided == (
        "ROC AUC: the threshold 0.85 is between 0.812 and 0.875, as the number is; the exact number decides it."
    )
    gap = bounded("mean error", (-0.25, -0.125), n=500, method="from bins")
    size = turned_by(at_most("mean error", 0.2504, absolute=True), gap).sentence
    assert "met by 0.00040 or more, wherever between 0.125 and 0.250 the number is" in size
