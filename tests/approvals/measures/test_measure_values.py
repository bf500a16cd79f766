import json
import math

import pytest

from approvals.measures.values import Measure, not_computable


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
