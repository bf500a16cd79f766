import json

import pytest
import vl_convert

from approvals.checks._readings import reading_as_json, reading_from_json
from approvals.checks.base import NumberTable, Reading
from approvals.checks.calibration import Calibration
from approvals.checks.data_quality import DataQuality
from approvals.checks.group_fairness import GroupFairness
from approvals.checks.performance import Performance
from approvals.sandbox import JobDescription, run_measurement

ON_TABLES = [Performance, Calibration, GroupFairness, DataQuality]


@pytest.mark.parametrize("check", ON_TABLES)
def test_a_reading_survives_json(measured, german, check):
    reading = measured(check, german(claims={"accuracy": 0.7}))
    assert reading_from_json(json.loads(json.dumps(reading_as_json(reading)))) == reading
    assert "log" not in reading_as_json(reading, with_log=False)


@pytest.mark.parametrize("check", ON_TABLES)
def test_the_sandbox_measures_the_same(measured, german, check):
    key = check.__module__.rpartition(".")[2]
    job = JobDescription(inputs={"evaluation_table": german()}, seed=1)
    reading = run_measurement(check_key=key, job=job)
    here = reading_as_json(measured(check, german()), with_log=False)
    assert reading_as_json(reading, with_log=False) == here
    assert reading.log[-1].startswith("Used ")


@pytest.mark.parametrize("check", ON_TABLES)
def test_every_chart_can_be_drawn_without_a_warning(measured, german, check):
    for chart in measured(check, german()).charts:
        assert chart.title
        assert chart.description
        svg = vl_convert.vegalite_to_svg(chart.specification, vl_version="5.21")
        assert svg.startswith("<svg")
        assert "NaN" not in svg


@pytest.mark.parametrize("check", ON_TABLES)
def test_tables_hold_finished_texts_and_whole_numbers(measured, german, check):
    reading = measured(check, german())
    assert reading.tables
    for table in reading.tables:
        assert all(len(row) == len(table.columns) for row in table.rows), table.title
        assert all(isinstance(cell, str | int) for row in table.rows for cell in row), table.title


def test_what_is_no_number_is_refused():
    table = NumberTable("Odd", ("a",), ((float("nan"),),))
    with pytest.raises(ValueError, match="JSON compliant"):
        reading_as_json(Reading(measures=(), looked_at=(), tables=(table,)))
