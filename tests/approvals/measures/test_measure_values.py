import json
import math

import pytest

from approvals.measures.values import Measure, between, bounded, not_computable, said_between


def test_a_measure_survives_json():
    measure = Measure(
        "fpr", 0.25, 40, 0.1, 0.4, "Wilson", 0.95, slice=(("sex", "female"),), counts=(("k", 10), ("n", 40))
    )
    assert Measure.from_json(json.loads(json.dumps(measure.as_json()))) == measure


def test_a_measure_without_a_value_survives_json():
    measure = not_computable("tpr", "Not computable: no row is actually positive.", [("tp", 0)], n=0)
    assert Measure.from_json(json.loads(json.dumps(measure.as_json()))) == measure
    assert not measure.computable
    assert measure.count("tp") == 0
    assert measure.count("fp") is None


@pytest.mark.parametrize(("value", "reason"), [(None, ""), (0.5, "because")])
def test_a_value_and_a_reason_exclude_each_other(value, reason):
    with pytest.raises(ValueError, match="needs a value or a reason"):
        Measure("auc", value, 1, reason=reason)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="not a finite number"):
        Measure("auc", value, 1)


def test_an_interval_has_two_ends():
    with pytest.raises(ValueError, match="only one end"):
        Measure("auc", 0.5, 1, low=0.1)


def test_a_bounded_measure_survives_json_and_says_between_what_it_lies():
    measure = bounded("auc", (0.731701, 0.731719), n=9, method="by a histogram", interval=(0.7, 0.8, 0.95))
    assert Measure.from_json(json.loads(json.dumps(measure.as_json()))) == measure
    assert (measure.value, measure.computable) == (None, False)
    assert measure.reason == "Not computed exactly: it lies between 0.73170 and 0.73172, by a histogram."
    assert said_between(measure.reason) == "between 0.73170 and 0.73172"
    assert not said_between("Not computable: between 1 and 2, there is nothing.")
    assert "bounds" not in Measure("auc", 0.5, 9).as_json()


def test_bounds_beside_a_value_or_in_the_wrong_order_are_refused():
    for wrong in ({"value": 0.5, "bounds": (0.1, 0.6)}, {"value": None, "reason": "x", "bounds": (0.6, 0.1)}):
        with pytest.raises(ValueError, match="bounds"):
            Measure("auc", n=1, **wrong)


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ((-3.0, 5.0), "between -3.000 and 5.000"),
        ((1e-9, 2e-9), "between 0.000000001 and 0.000000003"),
        ((0.1, 0.1), "between 0.10000000000000000 and 0.10000000000000001"),
        ((1234.5678, 1234.5679), "between 1,234.56780 and 1,234.56791"),
        ((-1e300, 1e300), "between -1e+300 and 1e+300"),
    ],
)
def test_bounds_for_people_are_rounded_outwards(bounds, text):
    found = between(bounds)
    low, high = (float(word.replace(",", "")) for word in found.split() if word not in {"between", "and"})
    assert low <= bounds[0] <= bounds[1] <= high
    assert found == text
