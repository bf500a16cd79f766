"""Random files of predictions and of anything against scikit-learn and pandas, from the file to the number."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from approvals.measures import quality
from approvals.measures.calibration import calibration
from approvals.measures.performance import binary_performance
from approvals.measures.tables import open_table

SETTINGS = settings(
    deadline=None, max_examples=16, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


bits = st.sampled_from([0, 1, 0, 1, 0, 1, None])
scores = st.one_of(st.integers(0, 8).map(lambda part: part / 8), st.floats(0, 1), st.just("inf"), st.none())
predictions = st.one_of(
    st.lists(st.tuples(bits, bits, scores), min_size=1, max_size=40),
    st.lists(st.tuples(st.just(1), bits, scores), min_size=1, max_size=10),
    st.lists(st.tuples(bits, st.just(0), st.just(0.25)), min_size=1, max_size=10),
)


def frame_of(rows, columns):
    frame = pd.DataFrame(rows, columns=columns)
    assume(all(frame[name].notna().any() for name in columns))
    return frame


def of_scores(labels, scored):
    """What scikit-learn says of a score, NaN where it has no answer or makes one up."""
    both = len(set(labels)) == 2
    recall_precision = metrics.precision_recall_curve(labels, scored)
    return {
        "roc_auc": metrics.roc_auc_score(labels, scored) if both else np.nan,
        "gini": 2 * metrics.roc_auc_score(labels, scored) - 1 if both else np.nan,
        "average_precision": metrics.average_precision_score(labels, scored) if any(labels) else np.nan,
        "pr_auc_trapezoid": metrics.auc(recall_precision[1], recall_precision[0]) if any(labels) else np.nan,
        "ks": np.max(np.abs(np.subtract(*metrics.roc_curve(labels, scored)[:2]))) if both else np.nan,
        "log_loss": metrics.log_loss(labels, scored, labels=[0, 1]),
        "brier": metrics.brier_score_loss(labels, scored, labels=[0, 1], pos_label=1),
    }


def of_predictions(labels, called):
    """What scikit-learn says of a prediction, NaN where it is undefined."""
    undefined = {"zero_division": np.nan}
    one_sided = len(set(labels)) == 1 or len(set(called)) == 1
    return {
        "accuracy": metrics.accuracy_score(labels, called),
        "precision": metrics.precision_score(labels, called, **undefined),
        "recall": metrics.recall_score(labels, called, **undefined),
        "specificity": metrics.recall_score(labels, called, pos_label=0, **undefined),
        "npv": metrics.precision_score(labels, called, pos_label=0, **undefined),
        "f1": metrics.f1_score(labels, called, **undefined),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, called) if len(set(labels)) == 2 else np.nan,
        "mcc": np.nan if one_sided else metrics.matthews_corrcoef(labels, called),
        "cohen_kappa": metrics.cohen_kappa_score(labels, called),
        "prevalence": np.mean(labels),
        "selection_rate": np.mean(called),
        "n": len(labels),
    }


def agrees(measures, expected):
    for name, value in expected.items():
        assert measures[name].value == (None if np.isnan(value) else close(value)), name
        assert measures[name].computable or measures[name].reason.startswith("Not computable"), name


@SETTINGS
@given(predictions)
def test_any_file_of_predictions_agrees_with_scikit_learn(write_csv, rows):
    frame = frame_of(rows, ["y", "p", "s"])
    with open_table(write_csv(["y", "p", "s"], rows)) as table:
        measures = binary_performance(table, label="y", prediction="p", score="s")
    complete = frame[frame["y"].notna() & frame["p"].notna()]
    scored = frame.assign(s=frame["s"].astype(float)).replace({"s": {np.inf: np.nan}}).dropna(subset=["y", "s"])
    assert measures["rows_left_out"].value == len(frame) - len(complete)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if len(complete):
            agrees(measures, of_predictions(complete["y"].astype(int).tolist(), complete["p"].astype(int).tolist()))
        else:
            assert measures["accuracy"].value is None
        if len(scored):
            agrees(measures, of_scores(scored["y"].astype(int).tolist(), scored["s"].tolist()))
        else:
            assert measures["roc_auc"].value is None
            assert measures["brier"].value is None


@SETTINGS
@given(predictions, st.integers(1, 12), st.sampled_from(["left", "right"]))
def test_calibration_of_any_file_is_that_of_its_bins(write_csv, rows, bins, closed):
    frame = frame_of(rows, ["y", "p", "s"])
    scored = frame.assign(s=frame["s"].astype(float)).replace({"s": {np.inf: np.nan}}).dropna(subset=["y", "s"])
    with open_table(write_csv(["y", "p", "s"], rows)) as table:
        found = calibration(table, label="y", score="s", bins=bins, closed=closed)
    if scored.empty:
        assert not any(measure.computable for measure in found.values())
        return
    edges = np.linspace(0, 1, bins + 1)
    if closed == "right":
        edges[0] = -1
    else:
        edges[-1] = 2
    parts = scored.astype({"y": float}).groupby(pd.cut(scored["s"], edges, right=closed == "right"), observed=True)
    gaps = (parts["y"].mean() - parts["s"].mean()).abs()
    assert found["ece"].value == close((gaps * parts.size()).sum() / len(scored))
    assert found["mce"].value == close(gaps.max())


cells = st.tuples(
    st.sampled_from(["north", "south", "été", "None", None]),
    st.sampled_from([1, 2, 2, 3, None]),
    st.sampled_from([0.5, 0.5, -1.25, None]),
    st.sampled_from([0, 1, None]),
)
names = ["word", "whole", "part", "y"]


@SETTINGS
@given(st.lists(cells, min_size=1, max_size=30))
def test_the_quality_of_any_file_is_that_of_pandas(write_csv, rows):
    frame = pd.DataFrame(rows, columns=names)
    with open_table(write_csv(names, rows)) as table:
        profiles = {found.column.name: found for found in quality.profile(table)}
        assert quality.missing_share(table).value == close(frame.isna().to_numpy().mean())
        assert quality.duplicate_rows(table).value == frame.duplicated().sum()
        assert quality.repeated_keys(table, "word", "whole").value == frame.duplicated(["word", "whole"]).sum()
        constant = [name for name, different in frame.nunique().items() if different == 1]
        assert list(quality.constant_columns(table)) == constant
    assert {name: found.distinct for name, found in profiles.items()} == frame.nunique().to_dict()
    assert {name: found.missing.value for name, found in profiles.items()} == close(frame.isna().mean().to_dict())
    for name in ("whole", "part"):
        if frame[name].notna().any():
            summary = profiles[name].summary
            assert (summary.minimum, summary.maximum) == (frame[name].min(), frame[name].max())


@SETTINGS
@given(st.lists(cells, min_size=1, max_size=30))
def test_the_leakage_of_any_file_is_that_of_scikit_learn(write_csv, rows):
    frame = pd.DataFrame(rows, columns=names)
    assume(frame["y"].notna().any())
    with open_table(write_csv(names, rows)) as table:
        found = quality.leakage(table, "y")
        absent = quality.missingness_leakage(table, "y")
    labelled = frame.dropna(subset=["y"])
    for name in ("whole", "part"):
        known = labelled.dropna(subset=[name])
        if frame[name].isna().all():
            continue
        assert found[name].value == leaking(known["y"], known[name]), name
    for name in ("word", "whole", "part"):
        expected = 0 < frame[name].isna().sum() < len(frame)
        assert (name in absent) == expected
        if expected:
            assert absent[name].value == leaking(labelled["y"], labelled[name].isna()), name


def leaking(labels, values):
    if labels.nunique() < 2:
        return None
    area = metrics.roc_auc_score(labels.astype(int), values.astype(float))
    return close(max(area, 1 - area))


@SETTINGS
@given(st.lists(cells, min_size=1, max_size=15), st.lists(cells, min_size=1, max_size=15))
@example([("north", 1, 0.5, 0), ("north", 1, 0.5, None)], [("north", 1, 0.5, None)])
@example([("north", 1, 0.5, None)], [("north", 1, 0.5, 0), ("north", 1, 0.5, None)])
def test_the_overlap_of_any_two_files_is_that_of_their_rows(write_csv, rows, others):
    with open_table(write_csv(names, rows)) as table, open_table(write_csv(names, others, "others.csv")) as other:
        found = quality.row_overlap(table, other)
    assert found.value == sum(row in others for row in rows)
