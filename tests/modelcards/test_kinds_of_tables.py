"""Tables of several classes and of numbers, from the upload over checks in their own process to a printed draft."""

import json
import subprocess

import pytest

from approvals import checking, running
from approvals.models import CheckRun
from modelcards import issuing
from modelcards.models import ModelCard
from tests.approvals.checks.conftest import DIABETES, REFERENCE, WINE
from tests.cast import make_cast

WINE_LIMITS = {"min_f1_macro": 0.7, "min_roc_auc_ovo_macro": 0.9, "min_rows": 100}
NUMBER_LIMITS = {"max_rmse": 60, "min_r2": 0.4, "max_mean_error": 0.5}
GAPS = {"max_mae_difference_in_deviations": 0.1, "max_mean_prediction_difference": 10}


@pytest.fixture
def cast(committed_database):
    return make_cast()


def checked(cast, file, declared, **asked):
    """A version with that table, and its finished runs by check."""
    cast.publish({"scoping": [{"checks": {"check": check, **policy}} for check, policy in asked.items()]})
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", (REFERENCE / file).read_bytes(), "evaluation.csv", **declared)
    for run in checking.request_open_checks(version_id=version.pk, actor=cast.submitter):
        running.execute(run.pk)
    return version, {run.check_key: run for run in CheckRun.objects.filter(version=version)}


def printed(cast, version):
    """The text of a draft card, and what it says as JSON."""
    row = issuing.request_draft(version_id=version.pk, actor=cast.submitter)
    assert issuing.execute(row.pk), ModelCard.objects.get(pk=row.pk).error
    row.refresh_from_db()
    said = subprocess.run(["pdftotext", "-layout", str(row.pdf.path), "-"], capture_output=True, text=True, check=True)
    return said.stdout, json.loads(row.content)


def test_several_classes_from_the_upload_to_the_card(cast):
    declared = WINE | {"class_scores": {"0": "p0", "1": "p1", "2": "p2"}, "claims": {"accuracy": 0.78}}
    declared["slices"] = {"Unsure of 0": {"p0": {"at_least": 0.2, "below": 0.8}}}
    version, runs = checked(
        cast,
        "p05_wine_multiclass.csv",
        declared,
        performance={"thresholds": WINE_LIMITS},
        calibration={"thresholds": {"max_ece": 0.5}},
        group_fairness={"parameters": {"attributes": [["y_true"]]}, "thresholds": {"min_selection_ratio": 0.1}},
    )
    assert runs["performance"].verdict == "passed", runs["performance"].sentences
    assert {runs[key].verdict for key in ("calibration", "group_fairness")} == {"not_computable"}
    assert "is not computable: no multiclass table has it" in runs["calibration"].sentences[0]
    assert "the policy must name the favourable one" in runs["group_fairness"].sentences[0]
    text, card = printed(cast, version)
    assert "F1 score, mean over classes" in text
    assert "Each class against the rest" in text
    assert "0: p0; 1: p1; 2: p2" in json.dumps(card)
    assert "Unsure of 0: p0 at least 0.2 and p0 below 0.8" in json.dumps(card)


def test_numbers_from_the_upload_to_the_card(cast):
    version, runs = checked(
        cast,
        "p04_diabetes_regression.csv",
        DIABETES | {"claims": {"rmse": 50}},
        performance={"thresholds": NUMBER_LIMITS},
        group_fairness={"thresholds": GAPS},
        local_law_144={"thresholds": {"min_impact_ratio": 0.1}},
    )
    assert runs["performance"].verdict == "warning"
    assert runs["performance"].sentences[0].startswith("The submitter claims root mean squared error 50.000; measured")
    assert runs["group_fairness"].verdict == "passed", runs["group_fairness"].sentences
    assert "is declared as a regression table, which predicts numbers" in runs["local_law_144"].sentences[0]
    text, _ = printed(cast, version)
    assert "Root mean squared error" in text
    assert "Mean absolute error by sex" in text


@pytest.mark.parametrize(("least", "verdict"), [(0.99, "failed"), (0.1, "passed")])
def test_a_card_says_what_would_turn_what_is_not_passed(cast, least, verdict):
    limits = {"min_accuracy": least}
    version, runs = checked(cast, "p05_wine_multiclass.csv", WINE, performance={"thresholds": limits})
    assert runs["performance"].verdict == verdict
    text, card = printed(cast, version)
    check = next(check for check in card["checks"] if check["key"] == "performance")
    assert ("turns" in check) == (verdict != "passed")
    assert ("What would change the verdict" in " ".join(text.split())) == (verdict != "passed")
    if verdict == "failed":
        assert any("more right predictions among" in sentence for sentence in check["turns"])
