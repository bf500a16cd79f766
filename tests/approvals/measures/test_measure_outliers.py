import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.measures.outliers import outliers, outliers_of
from approvals.measures.tables import TableError, open_table


def test_fences_by_hand():
    found = outliers_of(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 100.0, np.nan, np.inf]), "x")
    assert (found.q1, found.q3, found.low_fence, found.high_fence) == (2.25, 4.75, -1.5, 8.5)
    tukey = found.measures["outliers_tukey"]
    assert (tukey.value, tukey.n, dict(tukey.counts)) == (1, 6, {"below": 0, "above": 1, "rows_left_out": 2})
    assert found.measures["outliers_far"].value == 1
    assert found.measures["outliers_beyond_3_std"].value == 0


def test_a_number_on_the_fence_is_inside():
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert outliers_of(np.append(values, [7.0] * 0), "x").high_fence == 6.0
    assert outliers_of(np.array([1.0, 1.0, 2.0, 2.0, 3.5]), "x").measures["outliers_tukey"].value == 0


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([], "no numbers"),
        ([np.nan, np.inf], "no numbers"),
        ([5.0, 5.0, 5.0], "no width"),
        ([0.0] * 9 + [1.0], "no width"),
        ([-1.7e308, -1.7e308, 1.7e308, 1.7e308], "beyond the range"),
    ],
)
def test_fences_that_cannot_be_made_say_why(values, why):
    found = outliers_of(np.array(values), "x")
    assert found.measures["outliers_tukey"].value is None
    assert why in found.measures["outliers_tukey"].reason
    assert found.low_fence is None


def test_numbers_that_do_not_vary_have_no_deviations():
    assert "do not vary" in outliers_of(np.array([5.0, 5.0]), "x").measures["outliers_beyond_3_std"].reason


def test_a_column_of_texts_has_no_outliers(write_csv):
    with open_table(write_csv(["g"], [["a"], ["b"]])) as table, pytest.raises(TableError, match="must hold numbers"):
        outliers(table, "g")


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=60))
def test_counts_agree_with_numpy(values):
    found, array = outliers_of(np.array(values), "x"), np.array(values)
    q1, q3 = np.quantile(array, [0.25, 0.75])
    if q1 < q3:
        outside = (array < q1 - 1.5 * (q3 - q1)) | (array > q3 + 1.5 * (q3 - q1))
        assert found.measures["outliers_tukey"].value == outside.sum()
    else:
        assert found.measures["outliers_tukey"].value is None
