"""What evidently, toad and optbinning recorded: the same number where the definition is the same, another if not."""

import math

import numpy as np
import pytest

from approvals.measures import bins, drift
from approvals.measures.performance import binary_performance
from approvals.measures.tables import open_table


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


@pytest.fixture
def recorded(reference):
    return reference("p14_cross_library.expected.json")


@pytest.fixture
def periods(reference):
    """Both periods of one column of a drift file, as text."""

    def split(name, column):
        lines = reference(f"p10_drift_{name}.csv").read_text(encoding="utf-8").splitlines()
        place = lines[0].split(",").index(column)
        rows = [line.split(",") for line in lines[1:]]
        sides = [[row[place] or None for row in rows if (row[0] == "reference") == first] for first in (True, False)]
        return sides[0], sides[1]

    return split


@pytest.mark.parametrize("column", ["mean_radius", "mean_texture"])
def test_reference_evidently_on_numbers(recorded, periods, column):
    before, now = (np.array(side, dtype=float) for side in periods("breast_cancer", column))
    expected = recorded["evidently_0_7_23_P10"]
    found = drift.numeric_drift(before, now, column=column)
    assert found["ks_p"].value == close(expected[f"{column} ks"])
    assert found["wasserstein_normalised"].value == close(expected[f"{column} wasserstein"])
    # Its bins are Sturges's on both samples together, so its PSI is another number.
    assert abs(found["psi"].value - expected[f"{column} psi"]) > 0.005


@pytest.mark.parametrize("column", ["Pclass", "Sex", "Embarked"])
def test_reference_evidently_on_categories(recorded, periods, column):
    before, now = periods("titanic", column)
    expected = recorded["evidently_0_7_23_P10"]
    stored = bins.reference_bins(before, column=column, kind="category")
    assert drift.psi(stored, now).value == close(expected[f"{column} psi"])
    assert drift.js_distance(stored, now, base=math.e).value == close(expected[f"{column} jensenshannon"])


def test_reference_toad(recorded, periods, reference):
    before, now = (np.array(side, dtype=float) for side in periods("breast_cancer", "mean_radius"))
    expected = recorded["toad_0_1_7"]
    found = drift.psi(bins.reference_bins(before, column="mean_radius"), now)
    assert found.value == close(expected["PSI mean_radius pre-binned into reference deciles"])
    with open_table(reference("p02_german_credit.csv")) as table:
        measures = binary_performance(table, label="y_true", prediction="y_pred", score="y_score")
    assert measures["ks"].value == close(expected["KS P02"])
    assert measures["roc_auc"].value == close(expected["AUC P02"])


def test_reference_optbinning(recorded):
    """Its terms, printed with eight decimals, sum to our PSI."""
    terms = recorded["optbinning_1_0_0"]["jeffrey terms of PSI [.25,.25,.25,.25] vs [.1,.2,.3,.4]"]
    stored = bins.reference_bins(["a", "b", "c", "d"], column="g")
    found = drift.psi(stored, ["a"] * 1 + ["b"] * 2 + ["c"] * 3 + ["d"] * 4)
    assert found.value == pytest.approx(sum(terms), abs=4 * 5e-9)
