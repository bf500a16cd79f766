from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from approvals import checks
from approvals.checks._documents import placeholder_in, texts_in
from approvals.checks.base import Input, Job, Judgement, Reading, build
from approvals.files import JSON_KEYS
from approvals.measures.bins import reference_bins
from approvals.measures.drift import psi
from approvals.measures.tables import Table, open_table
from portal.management.demo import documents, texts, training
from portal.management.demo.applications import applications, matrix, rows_of, sha256, split
from portal.management.demo.artifacts import freeze, thaw, untrusted_types
from portal.management.demo.batches import DRIFTS_FROM, Batch, monthly_batches
from portal.management.demo.sensitivity import fairness
from portal.management.demo.training import SEED, TrainedModel, reweighing

RECIPES = {
    "first": training.FIRST,
    "mitigated": training.MITIGATED,
    "early warning": training.EARLY_WARNING,
    "campaign": training.CAMPAIGN,
    "applicant profile": training.APPLICANT_PROFILE,
}
HIGH_TIER: dict[str, dict[str, Any]] = {
    "performance": {"min_roc_auc": 0.70, "min_balanced_accuracy": 0.65, "max_brier": 0.20, "min_rows": 300},
    "calibration": {"max_ece": 0.10, "max_calibration_in_the_large": 0.05},
    "group_fairness": {
        "min_selection_ratio": 0.80,
        "max_equal_opportunity_difference": 0.10,
        "attributes": [["sex"], ["age_group"]],
    },
}
ALL_TEXTS = (
    texts.CREDIT_SCORE,
    texts.EARLY_WARNING,
    texts.CAMPAIGN,
    texts.APPLICANT_PROFILE,
)


@cache
def model(name: str) -> TrainedModel:
    return training.train(RECIPES[name], seed=SEED)


def run(folder: Path, trained: TrainedModel, key: str) -> tuple[Reading, Judgement]:
    """What the portal's own check says about a model, with the thresholds recommended for the high tier."""
    artifact = sha256(trained.artifact)
    files = {
        "artifact": (trained.artifact, "", {}),
        "evaluation_table": (trained.evaluation_csv, artifact, trained.declaration),
        "training_table": (trained.training_csv, "", {}),
        "training_record": (trained.training_record_json, artifact, {}),
    }
    inputs = {}
    for kind, (content, made_with, details) in files.items():
        path = folder / f"{kind}.{'csv' if 'table' in kind else 'bin'}"
        path.write_bytes(content)
        inputs[kind] = Input(kind, path, path.name, sha256(content), made_with, details)
    kind_of_check = checks.find(key)
    assert kind_of_check is not None
    check = kind_of_check()
    facts = {"version": {"artifact": artifact}}
    job = Job(inputs, facts, build(check.Parameters, {}, owner=key), seed=1, work=folder)
    reading = check.measure(job, lambda share, what: None)
    return reading, check.judge(reading, build(check.Thresholds, HIGH_TIER.get(key, {}), owner=key))


def value(reading: Reading, name: str) -> float:
    found = {measure.name: measure.value for measure in reading.measures}[name]
    assert found is not None
    return float(found)


def test_the_public_table_is_whole_and_carries_no_scores() -> None:
    rows = applications()
    assert len(rows) == 1000
    assert set(rows[0]) == {
        *("id", "sex", "age", "age_group", "foreign_worker"),
        *("duration", "amount", "status", "purpose", "y_true"),
    }
    assert Counter(row["y_true"] for row in rows) == {"1": 700, "0": 300}
    assert Counter(row["foreign_worker"] for row in rows)["no"] == 37
    assert all((int(row["age"]) <= 25) == (row["age_group"] == "25_or_under") for row in rows)


def test_no_application_is_both_trained_on_and_held_out() -> None:
    halves = split(SEED)
    training_ids = {row["id"] for row in halves.training}
    held_out_ids = {row["id"] for row in halves.held_out}
    assert not training_ids & held_out_ids
    assert len(training_ids) == len(held_out_ids) == 500


def test_every_group_of_sex_and_age_has_at_least_30_held_out_rows() -> None:
    sizes = Counter((row["sex"], row["age_group"]) for row in split(SEED).held_out)
    assert len(sizes) == 4
    assert min(sizes.values()) >= 30
    assert sum(size for (_, age), size in sizes.items() if age == "25_or_under") == 95


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_seed_gives_the_same_bytes(name: str) -> None:
    again = training.train(RECIPES[name], seed=SEED)
    assert again == model(name)
    assert training.train(RECIPES[name], seed=SEED + 1).artifact != model(name).artifact


def test_another_process_with_another_hash_seed_gives_the_same_bytes() -> None:
    code = (
        "from portal.management.demo.training import train_mitigated as t; import hashlib; m = t();"
        "print(hashlib.sha256(m.artifact + m.training_record_json + m.evaluation_csv + m.training_csv).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(training.__file__).parents[3],
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    here = model("mitigated")
    assert done.stdout.strip() == sha256(
        here.artifact + here.training_record_json + here.evaluation_csv + here.training_csv
    )


@pytest.mark.parametrize("name", RECIPES)
def test_the_artifact_declares_trusted_types_only_and_holds_no_pickle(name: str) -> None:
    artifact = model(name).artifact
    assert untrusted_types(artifact) == ()
    with zipfile.ZipFile(io.BytesIO(artifact)) as archive:
        names = archive.namelist()
        assert all(re.fullmatch(r"\d+\.npy|schema\.json", member) for member in names)
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        for member in set(names) - {"schema.json"}:
            np.load(io.BytesIO(archive.read(member)), allow_pickle=False)


@pytest.mark.parametrize("name", RECIPES)
def test_the_frozen_artifact_gives_the_frozen_scores_and_decisions(name: str) -> None:
    trained = model(name)
    rows = rows_of(trained.evaluation_csv)
    if name == "campaign":
        assert "amount" not in rows[0]
    thawed = thaw(trained.artifact)
    features = matrix(rows, trained.features)
    with threadpool_limits(limits=1):
        scores = thawed.predict_proba(features)[:, 1]
    assert [f"{score:.6f}" for score in scores] == [row["y_score"] for row in rows]
    threshold = trained.training_record["hyperparameters"]["decision_threshold"]
    assert [row["y_pred"] for row in rows] == [str(int(float(row["y_score"]) >= threshold)) for row in rows]


def test_freezing_keeps_the_model_and_its_bytes() -> None:
    trained = model("first")
    assert freeze(thaw(trained.artifact)) == trained.artifact


@pytest.mark.parametrize("name", RECIPES)
def test_the_training_record_names_the_bytes_it_is_about(name: str) -> None:
    trained = model(name)
    record = json.loads(trained.training_record_json)
    assert record == trained.training_record
    assert all(record[key] not in (None, "", [], {}) for key in JSON_KEYS["training_record"])
    assert record["artifact_sha256"] == sha256(trained.artifact)
    assert record["training_table_sha256"] == sha256(trained.training_csv)
    assert record["held_out_table_sha256"] == sha256(trained.evaluation_csv)
    assert re.fullmatch(r"[0-9a-f]{64}", trained.code_revision)


def test_reweighing_makes_outcome_and_age_group_independent() -> None:
    rows = split(SEED).training
    weights = reweighing(rows)
    young = np.array([row["age_group"] == "25_or_under" for row in rows])
    good = np.array([row["y_true"] == "1" for row in rows])
    assert weights.sum() == pytest.approx(len(rows))
    assert np.average(good[young], weights=weights[young]) == pytest.approx(np.mean(good))
    assert np.average(good[~young], weights=weights[~young]) == pytest.approx(np.mean(good))


def test_the_first_artifact_fails_by_age_group_and_only_by_age_group(tmp_path: Path) -> None:
    reading, judgement = run(tmp_path, model("first"), "group_fairness")
    assert judgement.verdict == "failed"
    assert {measure.name for measure in judgement.failed_measures} == {
        "selection rate ratio by age_group",
        "equal opportunity difference by age_group",
    }
    assert value(reading, "selection rate ratio by sex") >= 0.80


def test_the_mitigated_artifact_passes_the_same_thresholds_on_the_same_rows(tmp_path: Path) -> None:
    before, after = (rows_of(model(name).evaluation_csv) for name in ("first", "mitigated"))
    assert [(row["id"], row["y_true"]) for row in before] == [(row["id"], row["y_true"]) for row in after]
    _, judgement = run(tmp_path, model("mitigated"), "group_fairness")
    assert judgement.verdict == "passed"
    assert "age" not in model("mitigated").features
    assert len(model("mitigated").training_record["mitigation"]["weights"]) == 4


@pytest.mark.parametrize("attributes", [("sex",), ("age_group",), ("sex", "age_group")])
@pytest.mark.parametrize("name", ["first", "mitigated"])
def test_the_sensitivity_study_measures_what_the_portal_measures(
    tmp_path: Path, name: str, attributes: tuple[str, ...]
) -> None:
    reading, _ = run(tmp_path, model(name), "group_fairness")
    mine, by = fairness(model(name), *attributes), " and ".join(attributes)
    assert mine.selection_ratio == pytest.approx(value(reading, f"selection rate ratio by {by}"))
    assert mine.equal_opportunity_difference == pytest.approx(value(reading, f"equal opportunity difference by {by}"))


@pytest.mark.parametrize("name", ["first", "mitigated", "campaign"])
@pytest.mark.parametrize("key", ["performance", "calibration", "artifact_scan", "digest_match"])
def test_good_models_pass_the_other_checks_and_claim_what_is_measured(tmp_path: Path, name: str, key: str) -> None:
    _, judgement = run(tmp_path, model(name), key)
    assert judgement.verdict == "passed"
    assert not [sentence for sentence in judgement.sentences if "claims" in sentence]


def test_the_early_warning_fails_performance_and_claims_what_it_remembers(tmp_path: Path) -> None:
    reading, judgement = run(tmp_path, model("early warning"), "performance")
    assert judgement.verdict == "failed"
    assert value(reading, "ROC AUC") < 0.65 < model("early warning").claims["roc_auc"]
    assert model("early warning").training_record["claims_measured_on"] == "training rows"


def test_the_campaign_is_fair_by_sex_and_by_age_group(tmp_path: Path) -> None:
    assert run(tmp_path, model("campaign"), "group_fairness")[1].verdict == "passed"


def test_the_applicant_profile_uses_protected_attributes_and_shuts_groups_out(tmp_path: Path) -> None:
    trained = model("applicant profile")
    assert {"age", "sex", "foreign_worker"} == set(trained.features)
    reading, judgement = run(tmp_path, trained, "group_fairness")
    assert judgement.verdict == "failed"
    assert value(reading, "selection rate ratio by sex") < 0.5
    assert value(reading, "selection rate ratio by age_group") < 0.5


DRIFT = ("age", "duration", "amount", "status", "purpose", "y_score", "sex", "foreign_worker")


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[tuple[Table, Table, Table]]:
    """Reference, the month like it, and the shifted month."""
    trained = model("mitigated")
    contents = (trained.evaluation_csv, months()[0].table, months()[DRIFTS_FROM - 1].table)
    with ExitStack() as stack:
        opened = []
        for number, content in enumerate(contents):
            path = tmp_path / f"{number}.csv"
            path.write_bytes(content)
            opened.append(stack.enter_context(open_table(path)))
        yield opened[0], opened[1], opened[2]


@cache
def months() -> tuple[Batch, ...]:
    return monthly_batches(SEED, model("mitigated"))


def drift(reference: Table, current: Table) -> dict[str, float]:
    return {column: float(psi(reference_bins(reference, column=column), current).value or 0) for column in DRIFT}


def test_the_month_as_approved_has_not_drifted(tables: tuple[Table, Table, Table]) -> None:
    assert max(drift(tables[0], tables[1]).values()) < 0.1


def test_the_shifted_month_has_drifted_in_amount_duration_and_age(tables: tuple[Table, Table, Table]) -> None:
    found = drift(tables[0], tables[2])
    assert {column for column, number in found.items() if number > 0.25} == {"age", "duration", "amount"}


def test_months_have_the_columns_of_the_evaluation_table_and_no_copies(tables: tuple[Table, Table, Table]) -> None:
    for month in tables[1:]:
        assert month.names == tables[0].names
        assert month.rows == 800
        assert month.duplicates(ignore=("id",)) == 0
        assert month.distinct("id") == 800


def test_months_are_scored_by_the_frozen_artifact_and_reproducible() -> None:
    trained = model("mitigated")
    assert monthly_batches(SEED, trained) == months()
    rows = rows_of(months()[1].table)
    scores = thaw(trained.artifact).predict_proba(matrix(rows, trained.features))[:, 1]
    assert [row["y_score"] for row in rows] == [f"{score:.6f}" for score in scores]


def test_months_say_that_they_are_simulated() -> None:
    assert all("Simulated for the demonstration by bootstrap" in month.description for month in months())


def test_every_text_is_finished() -> None:
    answers = [text.answers for text in ALL_TEXTS]
    everything = {
        "answers": [json.loads(json.dumps(given)) for given in (*answers, texts.ANSWERS_AFTER_MITIGATION)],
        "models": [[text.name, text.purpose, text.summary] for text in ALL_TEXTS],
        "others": [texts.MITIGATION_PLAN, texts.MITIGATED_SUMMARY, texts.REASON_TO_REJECT],
        "risks": documents.RISK_REGISTER,
        "lineage": [documents.lineage(model(name)) for name in RECIPES],
        "plans": [
            documents.MONITORING_PLAN,
            documents.ROLLBACK_PLAN,
            documents.DEPLOYMENT_TARGET,
            documents.VALIDATION_REPORT,
        ],
        "records": [model(name).training_record for name in RECIPES],
    }
    assert [(place, placeholder_in(text)) for place, text in texts_in(everything) if placeholder_in(text)] == []
    shortest = min(len(text) for given in answers for section in given.values() for text in section.values())
    assert shortest >= 60


def test_models_answer_the_same_questions() -> None:
    questions = [
        {
            section: tuple(given)
            for section, given in text.answers.items()
            if section not in ("fairness", "regulation", "model_card")
        }
        for text in ALL_TEXTS
    ]
    assert all(asked == questions[0] for asked in questions)
    for section, given in texts.ANSWERS_AFTER_MITIGATION.items():
        assert set(given) <= set(texts.CREDIT_SCORE.answers[section])


def test_documents_state_what_the_portal_asks_of_them() -> None:
    lineage = json.loads(documents.as_json(documents.lineage(model("first"))))
    assert all(lineage[key] for key in JSON_KEYS["data_lineage"])
    assert {entry["name"]: entry["is_feature"] for entry in lineage["sensitive_attributes"]}["age"] is True
    risk = {"title", "description", "likelihood", "impact", "owner", "mitigation", "residual", "status"}
    assert all(set(entry) == risk for entry in documents.RISK_REGISTER["risks"])


@pytest.mark.parametrize("text", ALL_TEXTS, ids=lambda text: text.number)
def test_every_model_says_that_it_is_a_demonstration(text: texts.ModelText) -> None:
    assert "demonstration on the public data set" in text.answers["intended_use"]["decision"]
