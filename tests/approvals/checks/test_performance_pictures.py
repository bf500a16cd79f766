import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.charts import render_chart
from approvals.checks._performance_pictures import confusion_chart, error_bars, error_charts, error_parts

NUMBERS = st.lists(st.tuples(st.floats(allow_nan=True), st.floats(allow_nan=True)), max_size=60)


def drawn(charts):
    return [render_chart(one.specification, title=one.title, description=one.description) for one in charts]


def test_errors_are_counted_in_bars_of_equal_width():
    bars = error_bars(np.array([0.0, 0.0, 0.0, 0.0]), np.array([0.0, 1.0, 9.0, 10.0]), bars=10)
    assert [bar.rows for bar in bars] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert (bars[0].low, bars[-1].high) == (0.0, 10.0)


def test_parts_along_the_prediction_have_equally_many_rows_and_their_own_median():
    predictions = np.arange(100.0)
    parts = error_parts(predictions - np.where(predictions < 50, 1.0, -2.0), predictions, parts=2)
    assert [(part.rows, part.median) for part in parts] == [(50, 1.0), (50, -2.0)]


@given(NUMBERS)
def test_every_finite_row_is_in_one_bar_and_one_part(pairs):
    labels, predictions = (np.array(side, dtype=float) for side in (zip(*pairs, strict=True) if pairs else ((), ())))
    with np.errstate(all="ignore"):
        finite = int(np.isfinite(predictions - labels).sum())
        assert sum(bar.rows for bar in error_bars(labels, predictions)) in {finite, 0}
        assert sum(part.rows for part in error_parts(labels, predictions)) == finite


@pytest.mark.parametrize("labels", [[], [math.nan], [1.0]])
def test_without_rows_there_is_nothing_to_draw(labels):
    assert error_charts(np.array(labels), np.array(labels)) == ()


def test_both_pictures_of_errors_can_be_drawn_and_are_told_in_words():
    generator = np.random.default_rng(1)
    labels = generator.normal(size=300)
    charts = error_charts(labels, labels + generator.normal(size=300))
    assert [chart.title for chart in charts] == ["Distribution of errors", "Errors along the prediction"]
    assert all(svg.startswith("<svg") for svg in drawn(charts))
    assert "no error" in charts[0].description


def test_the_confusion_is_drawn_with_numbers_in_its_cells_and_mistakes_in_words():
    (chart,) = confusion_chart(["a", "b"], [[8, 2], [0, 5]])
    (svg,) = drawn([chart])
    assert "a as b 2" in chart.description
    assert all(f">{count}<" in svg for count in (8, 2, 5))


@pytest.mark.parametrize("classes", [["a"], [str(number) for number in range(30)]])
def test_one_class_or_very_many_are_not_drawn(classes):
    assert confusion_chart(classes, [[1] * len(classes)] * len(classes)) == ()
