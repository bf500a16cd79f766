"""The models of other kinds: the same bytes each time, and what is frozen says what the tables say."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from approvals.checks._documents import placeholder_in, texts_in
from approvals.files import JSON_KEYS
from portal.management.demo import card_texts, other_stories, other_texts, other_training
from portal.management.demo.applications import rows_of, sha256
from portal.management.demo.artifacts import thaw, untrusted_types
from portal.management.demo.other_training import ALL, OtherModel


@cache
def made(key: str) -> OtherModel:
    return ALL[key]()


@pytest.mark.parametrize("key", ALL)
def test_the_same_seed_gives_the_same_bytes(key: str) -> None:
    assert ALL[key]().trained == made(key).trained
    assert ALL[key](other_training.SEED + 1).trained.artifact != made(key).trained.artifact


@pytest.mark.parametrize("key", ALL)
def test_the_artifact_declares_trusted_types_only(key: str) -> None:
    assert untrusted_types(made(key).trained.artifact) == ()


@pytest.mark.parametrize("key", ALL)
def test_the_frozen_artifact_gives_the_predictions_of_the_table(key: str) -> None:
    trained = made(key).trained
    rows = rows_of(trained.evaluation_csv)
    features = np.array([[float(row[name]) for name in trained.features] for row in rows])
    with threadpool_limits(limits=1):
        predicted = thaw(trained.artifact).predict(features)
    frozen = np.array([float(row["y_pred"]) for row in rows])
    assert np.abs(predicted.astype(float) - frozen).max() <= 5.1e-5


@pytest.mark.parametrize("key", ALL)
def test_no_row_is_both_trained_on_and_held_out_and_the_record_names_the_bytes(key: str) -> None:
    trained, data = made(key).trained, made(key).data
    held_out, training = (
        {row["id"] for row in rows_of(table)} for table in (trained.evaluation_csv, trained.training_csv)
    )
    assert not held_out & training
    assert len(held_out) + len(training) == data.rows
    record = trained.training_record
    assert record["artifact_sha256"] == sha256(trained.artifact)
    assert record["held_out_table_sha256"] == sha256(trained.evaluation_csv)
    assert all(record[entry] not in (None, "", [], {}) for entry in JSON_KEYS["training_record"])


@pytest.mark.parametrize("key", ALL)
def test_the_lineage_names_source_licence_and_steps(key: str) -> None:
    document = other_stories.lineage(made(key))
    assert all(document[entry] for entry in JSON_KEYS["data_lineage"])
    assert document["sources"][0]["licence"]


def test_every_text_is_finished() -> None:
    everything: dict[str, Any] = {
        "answers": [text.answers for text in other_stories.texts_of_others()],
        "card": [card_texts.CREDIT_SCORE, card_texts.CAMPAIGN],
        "risks": other_texts.RISKS,
        "plans": [other_texts.MONITORING, other_texts.ROLLBACK],
        "comments": list(other_texts.COMMENTS.values()),
    }
    assert [(place, placeholder_in(text)) for place, text in texts_in(everything) if placeholder_in(text)] == []


def test_every_model_says_that_it_is_a_demonstration() -> None:
    for text in other_stories.texts_of_others():
        assert "demonstration on public data" in text.answers["intended_use"]["decision"]
