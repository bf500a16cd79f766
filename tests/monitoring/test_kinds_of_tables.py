"""Performance, calibration and fairness of every kind of table, with outcomes and while they are waited for."""

import numpy as np
import pytest

from approvals.checks.base import CheckInputError
from monitoring import monitors
from tests.monitoring.tables import Bench

GROUPS = {"groups": ["sex", "age"]}
BINARY = {"label": "y", "prediction": "p", "score": "s", **GROUPS}
CLASSES = {"label": "y", "prediction": "p", "kind": "multiclass", "class_scores": {"a": "s_a", "b": "s_b"}, **GROUPS}
NUMBERS = {"label": "y", "prediction": "p", "kind": "regression", **GROUPS}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def people(rows, rng):
    return {"sex": ["fm"[place % 2] for place in range(rows)], "age": rng.choice(["old", "young"], rows).tolist()}


def binary(rows=800, seed=1, **changed):
    rng = np.random.default_rng(seed)
    score = rng.random(rows)
    table = {
        **people(rows, rng),
        "s": score.tolist(),
        "y": (rng.random(rows) < score).astype(int).tolist(),
        "p": (score > 0.5).astype(int).tolist(),
    }
    return {**table, **changed}


def classes(rows=800, seed=1, **changed):
    rng = np.random.default_rng(seed)
    score = rng.random(rows)
    table = {
        **people(rows, rng),
        "s_a": score.tolist(),
        "s_b": (1 - score).tolist(),
        "y": ["ba"[int(hit)] for hit in rng.random(rows) < score],
        "p": ["ba"[int(high)] for high in score > 0.5],
    }
    return {**table, **changed}


def amounts(rows=800, seed=1, **changed):
    rng = np.random.default_rng(seed)
    label = rng.normal(100, 20, rows)
    table = {**people(rows, rng), "y": label.tolist(), "p": (label + rng.normal(0, 5, rows)).tolist()}
    return {**table, **changed}


OF_KINDS = [
    pytest.param(BINARY, binary, id="binary"),
    pytest.param(CLASSES, classes, id="multiclass"),
    pytest.param(NUMBERS, amounts, id="regression"),
]
ASKED = {
    ("performance", "binary"): ({"min_roc_auc": 0.7}, {"min_roc_auc": 0.95}, "ROC AUC "),
    ("performance", "multiclass"): ({"min_f1_macro": 0.6}, {"max_log_loss": 0.01}, "Log loss "),
    ("performance", "regression"): ({"max_mae": 6.0, "min_r2": 0.8}, {"max_rmse": 1.0}, "Root mean squared error "),
    ("calibration", "binary"): ({"max_ece": 0.1, "max_brier": 0.25}, {"max_brier": 0.01}, "Brier score "),
    ("calibration", "multiclass"): ({"max_classwise_ece": 0.1}, {"max_brier_over_classes": 0.01}, "Brier score"),
    ("calibration", "regression"): ({"max_mean_error": 2.0, "min_slope": 0.8}, {"min_slope": 1.5}, "Slope of the"),
    ("fairness", "binary"): (
        {"min_selection_ratio": 0.7, "max_equal_opportunity_difference": 0.2, "max_false_favourable_difference": 0.2},
        {"max_accuracy_difference": 0.00001},
        "Accuracy difference by ",
    ),
    ("fairness", "multiclass"): (
        {"min_selection_ratio": 0.7, "max_equalized_odds_difference": 0.2},
        {"max_equal_opportunity_difference": 0.00001},
        "Equal opportunity difference of a by ",
    ),
    ("fairness", "regression"): (
        {"max_mean_prediction_difference_in_deviations": 0.3, "max_mae_difference_in_deviations": 0.2},
        {"max_mae_difference_between_groups": 0.00001},
        "Mean absolute error difference by ",
    ),
}


@pytest.mark.parametrize(("details", "make"), OF_KINDS)
@pytest.mark.parametrize("key", ["performance", "calibration", "fairness"])
def test_every_kind_of_table_is_judged_by_what_it_has(bench, key, details, make):
    within, beyond, words = ASKED[key, details.get("kind", "binary")]
    found = bench.judge(key, make(), make(seed=2), details, thresholds=within)
    assert (found.verdict, len(found.sentences) >= len(within)) == ("ok", True), found.sentences
    found = bench.judge(key, make(), make(seed=2), details, thresholds=beyond)
    assert (found.verdict, found.sentences[0].startswith(words)) == ("breach", True), found.sentences


@pytest.mark.parametrize(("details", "make"), OF_KINDS)
@pytest.mark.parametrize("key", ["performance", "calibration", "fairness", "score_drift", "data_quality", "volume"])
def test_a_reading_rests_on_the_rows_of_the_batch_whatever_was_approved(bench, key, details, make):
    limits = {"score_drift": {"max_psi": 5}, "data_quality": {"max_missing_share": 0.5}, "volume": {"max_ratio": 9}}
    thresholds = limits.get(key) or ASKED[key, details.get("kind", "binary")][0]
    facts = {"window_days": 7, "earlier_rows_per_day": [60.0]}
    job = bench.job(key, make(1600), make(400, seed=2), details, thresholds=thresholds, facts=facts)
    monitor = monitors.find(key)()
    reading = monitor.measure(job, lambda share, text: None)
    found = monitor.sample_rows(reading, job.thresholds)
    if key == "volume":
        assert found is None
    else:
        assert found is not None
        assert (200 if key == "fairness" else 400) <= found <= 400


@pytest.mark.parametrize(("details", "make"), OF_KINDS)
@pytest.mark.parametrize("key", ["performance", "calibration", "fairness"])
@pytest.mark.parametrize("known", [0, 12, 500])
def test_outcomes_that_are_not_there_yet_are_waited_for(bench, key, details, make, known):
    _, beyond, _ = ASKED[key, details.get("kind", "binary")]
    batch = make(seed=2)
    batch["y"] = [value if place < known else "" for place, value in enumerate(batch["y"])]
    if not known:
        del batch["y"]
    found = bench.judge(key, make(), batch, details, thresholds=beyond)
    assert found.verdict == "no_labels"
    assert "no outcomes yet" in found.sentences[0] or f"Outcomes of {known} of 800 rows are known" in found.sentences[0]


@pytest.mark.parametrize("key", ["performance", "calibration", "fairness"])
def test_a_batch_smaller_than_the_outcomes_that_are_needed_waits_for_none(bench, key):
    _, beyond, _ = ASKED[key, "binary"]
    batch = binary(rows=20, seed=2)
    batch["y"] = [value if place < 3 else "" for place, value in enumerate(batch["y"])]
    found = bench.judge(key, binary(), batch, BINARY, thresholds=beyond)
    assert (found.verdict, found.sentences[0].startswith("The batch has 20 rows")) == ("not_computable", True)
    found = bench.judge(key, binary(), batch, BINARY, thresholds=beyond | {"min_labelled_rows": 20})
    assert found.verdict == "no_labels"


@pytest.mark.parametrize(("details", "make"), OF_KINDS)
def test_decisions_are_judged_before_any_outcome_is_known(bench, details, make):
    now = {
        "binary": {"min_selection_ratio": 0.7},
        "multiclass": {"max_selection_difference": 0.3},
        "regression": {"max_mean_prediction_difference": 8.0},
    }[details.get("kind", "binary")]
    later = {"max_mae_difference_between_groups": 9.0} if "regression" in details.values() else {}
    later = later or {"max_accuracy_difference": 0.9}
    batch = make(seed=2)
    del batch["y"]
    assert bench.judge("fairness", make(), batch, details, thresholds=now).verdict == "ok"
    found = bench.judge("fairness", make(), batch, details, thresholds=now | later)
    assert (found.verdict, "no outcomes yet" in found.sentences[0]) == ("no_labels", True)
    for place, sex in enumerate(batch["sex"]):
        if sex == "f":
            batch["p"][place] = {"binary": 0, "multiclass": "b", "regression": 1.0}[details.get("kind", "binary")]
    assert bench.judge("fairness", make(), batch, details, thresholds=now | later).verdict == "breach"


@pytest.mark.parametrize(
    ("key", "details", "make", "thresholds"),
    [
        ("performance", NUMBERS, amounts, {"min_accuracy": 0.5}),
        ("performance", BINARY, binary, {"max_mae": 1.0}),
        ("calibration", CLASSES, classes, {"max_ece": 0.5}),
        ("fairness", NUMBERS, amounts, {"min_selection_ratio": 0.1}),
        ("fairness", BINARY, binary, {"max_mae_difference_between_groups": 99.0}),
    ],
)
def test_what_a_kind_of_table_does_not_have_is_never_met(bench, key, details, make, thresholds):
    found = bench.judge(key, make(), make(seed=2), details, thresholds=thresholds)
    assert (found.verdict, "table has it" in found.sentences[0]) == ("not_computable", True)


@pytest.mark.parametrize("key", ["performance", "calibration"])
@pytest.mark.parametrize(
    ("details", "make", "gap"),
    [(BINARY, binary, "s"), (CLASSES, classes, "s_a"), (NUMBERS, amounts, "p")],
)
def test_rows_with_an_outcome_and_nothing_to_compare_breach(bench, key, details, make, gap):
    within, _, _ = ASKED[key, details.get("kind", "binary")]
    batch = make(seed=2)
    batch[gap] = ["" if place == 7 else value for place, value in enumerate(batch[gap])]
    found = bench.judge(key, make(), batch, details, thresholds=within)
    assert (found.verdict, found.sentences[0].startswith("Share of rows left out")) == ("breach", True)


@pytest.mark.parametrize(("details", "make"), [(BINARY, binary), (CLASSES, classes)])
def test_an_outcome_that_is_no_class_stops_no_judgement_of_decisions(bench, details, make):
    batch = make(seed=2)
    batch["y"][7] = "2"
    now, later = {"min_selection_ratio": 0.7}, {"max_accuracy_difference": 0.9}
    assert bench.judge("fairness", make(), batch, details, thresholds=now).verdict == "ok"
    assert "has the values 2, but at approval" in str(bench.measure("fairness", make(), batch, details).not_looked_at)
    found = bench.judge("fairness", make(), batch, details, thresholds=now | later)
    assert (found.verdict, "has the values 2, but" in found.sentences[0]) == ("not_computable", True)
    found = bench.judge("fairness", make(), batch, details, thresholds={"min_selection_ratio": 1.0} | later)
    assert found.verdict == "breach"


def test_intersections_are_judged_where_the_policy_says(bench):
    batch = binary(seed=2)
    for place, who in enumerate(zip(batch["sex"], batch["age"], strict=True)):
        batch["p"][place] = 0 if who in {("f", "old"), ("m", "young")} else 1
    asked = {"min_selection_ratio": 0.5}
    assert bench.judge("fairness", binary(), batch, BINARY, thresholds=asked).verdict == "ok"
    found = bench.judge("fairness", binary(), batch, BINARY, thresholds={**asked, "attributes": [["sex", "age"]]})
    assert (found.verdict, "by sex and age 0.000" in found.sentences[0]) == ("breach", True)
    found = bench.judge("fairness", binary(), batch, BINARY, thresholds={**asked, "attributes": [["race"]]})
    assert (found.verdict, "was not measured" in found.sentences[0]) == ("not_computable", True)


def test_a_batch_of_one_decision_only_is_not_fair_by_that(bench):
    for decision, verdict in ((1, "ok"), (0, "not_computable")):
        batch = binary(seed=2, p=[decision] * 800)
        assert (
            bench.judge("fairness", binary(), batch, BINARY, thresholds={"min_selection_ratio": 0.8}).verdict == verdict
        )


def test_a_favourable_class_that_does_not_exist_is_refused(bench):
    for details, make in ((CLASSES, classes), (BINARY, binary)):
        with pytest.raises(CheckInputError, match="The policy names"):
            bench.measure("fairness", make(), make(seed=2), details, parameters={"favourable_class": "z"})
    asked = {"parameters": {"favourable_class": "a"}, "thresholds": {"min_selection_ratio": 0.7}}
    found = bench.judge("fairness", classes(), classes(seed=2), CLASSES, **asked)
    assert found.sentences[0].startswith("Selection rate ratio by ")
    assert found.verdict == "ok"


def test_a_class_that_was_not_there_at_approval_leaves_the_groups_open(bench):
    batch = classes(seed=2)
    batch["p"][0] = "c"
    for key in ("fairness", "performance"):
        with pytest.raises(CheckInputError, match="code the batch alike"):
            bench.measure(key, classes(), batch, CLASSES)


def test_a_class_with_a_score_that_was_not_seen_at_approval_is_one_of_its_classes(bench):
    details = {**CLASSES, "class_scores": {"a": "s_a", "b": "s_b", "c": "s_c"}}
    reference, batch = (classes(seed=seed, s_c=[0.0] * 800) for seed in (1, 2))
    batch["y"][0] = batch["p"][1] = "c"
    found = bench.judge("performance", reference, batch, details, thresholds={"min_accuracy": 0.5})
    assert found.verdict == "ok"
    asked, groups = {"max_accuracy_difference": 0.9}, {"favourable_class": "a"}
    assert bench.judge("fairness", reference, batch, details, thresholds=asked, parameters=groups).verdict == "ok"
    batch["y"][2] = "d"
    with pytest.raises(CheckInputError, match="code the batch alike"):
        bench.measure("performance", reference, batch, details)


def of_three(**changed):
    """Two classes decided about people of three regions."""
    return binary(900, **{"region": ["abc"[place % 3] for place in range(900)], **changed})


@pytest.mark.parametrize(
    ("setting", "outcome", "words"),
    [
        ("max_equal_opportunity_difference", 0, "no row whose outcome is the favourable one"),
        ("max_false_favourable_difference", 1, "no row whose outcome is another than the favourable one"),
        ("max_equalized_odds_difference", 0, "no row whose outcome is the favourable one"),
        ("max_accuracy_difference", "", "0 rows with an outcome in the batch, fewer than 30"),
    ],
)
def test_a_group_whose_errors_are_not_known_leaves_the_question_open(bench, setting, outcome, words):
    details = {**BINARY, "groups": ["region"]}
    batch = of_three(seed=2)
    batch["y"] = [
        outcome if region == "c" else value for region, value in zip(batch["region"], batch["y"], strict=True)
    ]
    asked = {setting: 0.9, "min_labelled_share": 0.5}
    assert bench.judge("fairness", of_three(), of_three(seed=2), details, thresholds=asked).verdict == "ok"
    found = bench.judge("fairness", of_three(), batch, details, thresholds=asked)
    assert (found.verdict, f"“c” by region has {words}" in found.sentences[0]) == ("not_computable", True)
    allowed = {**asked, "max_unjudged_groups": 1}
    assert bench.judge("fairness", of_three(), batch, details, thresholds=allowed).verdict == "ok"
    assert bench.judge("fairness", batch, batch, details, thresholds=asked).verdict == "ok"
    assert bench.judge("fairness", of_three(), batch, details, thresholds={"min_selection_ratio": 0.7}).verdict == "ok"


def test_a_group_of_numbers_without_outcomes_leaves_its_errors_open(bench):
    tables = [amounts(900, seed=seed, region=["abc"[place % 3] for place in range(900)]) for seed in (1, 2)]
    tables[1]["y"] = ["" if place % 3 == 2 else value for place, value in enumerate(tables[1]["y"])]
    details, asked = (
        {**NUMBERS, "groups": ["region"]},
        {"max_mae_difference_between_groups": 9.0, "min_labelled_share": 0.5},
    )
    found = bench.judge("fairness", *tables, details, thresholds=asked)
    assert (found.verdict, "has 0 rows with an outcome" in found.sentences[0]) == ("not_computable", True)
