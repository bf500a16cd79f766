import dataclasses

import pytest

from approvals.checks import _verdicts
from approvals.checks._verdicts import at_least, at_most, judge_by, limit_text, number
from approvals.checks.base import Reading
from approvals.measures.values import Measure, bounded, not_computable
from approvals.models.checks import Verdict


def judge(measure, rule):
    return judge_by(Reading(measures=(measure,), looked_at=()), [rule])


def test_the_words_for_verdicts_are_those_of_the_database():
    words = (_verdicts.PASSED, _verdicts.WARNING, _verdicts.FAILED, _verdicts.NOT_COMPUTABLE)
    assert words == (Verdict.PASSED, Verdict.WARNING, Verdict.FAILED, Verdict.NOT_COMPUTABLE)


def test_rounding_never_hides_on_which_side_a_value_is():
    judgement = judge(Measure("accuracy", 0.69996, 5000), at_least("accuracy", 0.7))
    assert judgement.verdict == "failed"
    assert judgement.sentences == ("Accuracy 0.69996 (n 5,000) is below the threshold 0.70.",)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.500"),
        (1234.5, "1,234.500"),
        (0.00012, "0.00012"),
        (-0.000036, "-0.000036"),
        (5e-7, "5 × 10⁻⁷"),
        (-9.8577244837e307, "-9.86 × 10³⁰⁷"),
        (123456789012345.6, "123,456,789,012,345.594"),
        (0.0, "0.000"),
        (7, "7"),
        (None, "not computable"),
    ],
)
def test_numbers_for_people(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (0.7, "0.70"),
        (0.125, "0.125"),
        (1000, "1,000"),
        (1.0, "1.00"),
        (1e-5, "0.00001"),
        (2.5e-9, "2.5 × 10⁻⁹"),
        (2e300, "2 × 10³⁰⁰"),
    ],
)
def test_thresholds_for_people(limit, text):
    assert limit_text(limit) == text


def test_a_failure_outweighs_what_is_not_computable_and_both_are_said():
    measures = (Measure("a", 0.1, 10), not_computable("b", "Not computable: there are no rows."), Measure("c", 0.9, 10))
    rules = [at_least("c", 0.5), at_least("b", 0.5), at_least("a", 0.5)]
    judgement = judge_by(Reading(measures=measures, looked_at=()), rules)
    assert judgement.verdict == "failed"
    assert [sentence[0] for sentence in judgement.sentences] == ["A", "B", "C"]
    assert judgement.sentences[1] == "B is not computable: there are no rows."
    assert judge_by(Reading(measures=measures, looked_at=()), rules[:2]).verdict == "not_computable"


def test_a_rule_without_its_measure_is_not_computable():
    assert judge(Measure("a", 1.0, 10), at_most("b", 1.0)).verdict == "not_computable"


def test_a_sign_is_left_out_where_the_rule_says_so():
    rule = at_most("gap", 0.1, absolute=True)
    assert judge(Measure("gap", -0.2, 10), rule).verdict == "failed"
    assert judge(Measure("gap", -0.05, 10), rule).verdict == "passed"
    assert judge(Measure("gap", -0.2, 10), dataclasses.replace(rule, absolute=False)).verdict == "passed"


def lying(low, high, name="auc"):
    return bounded(name, (low, high), n=9000, method="bounded by a histogram")


def test_a_number_between_bounds_meets_a_threshold_only_if_both_ends_do():
    passed = judge(lying(0.731701, 0.731719), at_least("auc", 0.7))
    assert (passed.verdict, passed.sentences) == (
        "passed",
        ("Auc lies between 0.73170 and 0.73172 (n 9,000), at or above the threshold 0.70.",),
    )
    failed = judge(lying(0.731701, 0.731719), at_most("auc", 0.7))
    assert failed.sentences == ("Auc lies between 0.73170 and 0.73172 (n 9,000), above the threshold 0.70.",)
    assert (failed.verdict, [measure.name for measure in failed.failed_measures]) == ("failed", ["auc"])


@pytest.mark.parametrize("rule", [at_least("auc", 0.73171), at_most("auc", 0.73171)])
def test_a_threshold_between_the_bounds_decides_nothing(rule):
    judgement = judge(lying(0.731701, 0.731719), rule)
    assert judgement.verdict == "not_computable"
    assert judgement.sentences[0].startswith(
        "Auc lies between 0.73170 and 0.73172 (n 9,000), and the threshold 0.73171"
    )
    assert not judgement.failed_measures


def test_rounding_never_hides_that_a_threshold_is_outside_the_bounds():
    judgement = judge(lying(0.731701, 0.731719), at_least("auc", 0.7317))
    assert judgement.verdict == "passed"
    assert judgement.sentences == (
        "Auc lies between 0.731701 and 0.731720 (n 9,000), at or above the threshold 0.7317.",
    )


@pytest.mark.parametrize(
    ("bounds", "limit", "verdict"),
    [
        ((-0.3, -0.2), 0.1, "failed"),
        ((-0.3, -0.2), 0.3, "passed"),
        ((-0.05, 0.08), 0.1, "passed"),
        ((-0.05, 0.12), 0.1, "not_computable"),
        ((-0.05, 0.12), 0.01, "not_computable"),
    ],
)
def test_the_size_of_a_number_between_bounds(bounds, limit, verdict):
    assert judge(lying(*bounds), at_most("auc", limit, absolute=True)).verdict == verdict
