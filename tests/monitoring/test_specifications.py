"""Charts of monitoring as specifications: gaps break the line, levels have shapes, limits have dashes and bands."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from approvals.measures.values import Measure
from monitoring import monitors, specifications
from monitoring.alarms import Level
from monitoring.monitors._columns import CHANGED
from monitoring.series import (
    Limit,
    Point,
    ReadingFacts,
    Series,
    Watch,
    days_in_words,
    series_of,
    worst_over_features,
)
from monitoring.timelines import Mark, distribution_of

WARN, ALERT, CRITICAL = Limit(Level.WARN, 0.1), Limit(Level.ALERT, 0.25), Limit(Level.CRITICAL, 1.0)


def month(number, value, level=Level.CALM, **more):
    start = date(2026, number, 1)
    end = (start + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return Point(number, f"batch {number}", start, end, value, level=level, **more)


def series(*points, limits=(WARN, ALERT, CRITICAL), **more):
    given = {"feature": "income", "at_least": False, "every_days": 31, **more}
    return Series(1, "Drift", f"PSI of {given['feature']}", limits=limits, points=points, **given)


def layers(found, marks=(), kind=None):
    chart = specifications.timeline(found, marks)
    return [layer for layer in chart.specification["layer"] if kind is None or layer["mark"]["type"] == kind]


def test_a_missing_month_breaks_the_line_and_is_named():
    found = series(month(1, 0.01), month(2, 0.02), month(4, 0.03))
    (line,) = layers(found, kind="line")
    assert [row["segment"] for row in line["data"]["values"]] == [0, 0, 1]
    assert "No batch covers 01 Mar 2026 to 31 Mar 2026." in specifications.timeline(found, ()).description
    assert [layer["mark"]["text"] for layer in layers(found, kind="text") if "text" in layer["mark"]] == ["no batch"]


def test_windows_next_to_each_other_are_no_gap_however_they_come():
    assert series(month(2, 0.0), month(1, 0.0), month(3, 0.0)).gaps() == ()
    weekly = [Point(k, "b", date(2026, 1, 1 + 7 * k), date(2026, 1, 7 + 7 * k), 0.0) for k in (0, 1, 3)]
    assert replace(series(*weekly), every_days=7).gaps() == ((date(2026, 1, 15), date(2026, 1, 21)),)


def test_a_window_without_a_number_breaks_the_line_and_is_a_question_mark():
    found = series(month(1, 0.01), month(2, None, None, word="waiting for labels"), month(3, 0.02))
    (line,) = layers(found, kind="line")
    assert len({row["segment"] for row in line["data"]["values"]}) == 2
    assert [layer["mark"]["text"] for layer in layers(found, kind="text") if "text" in layer["mark"]] == ["?"]
    assert "1 window without a number." in specifications.in_words(found)


def test_each_level_has_a_shape_of_its_own():
    points = [month(1 + place, 0.2 * place, level) for place, level in enumerate([*Level, None])]
    found = [(layer["mark"]["shape"], layer["mark"]["filled"]) for layer in layers(series(*points), kind="point")]
    assert len(set(found)) == len(Level) + 1


def test_limits_have_dashes_of_their_own_and_the_field_beyond_is_shaded_to_the_harder_one():
    found = series(month(1, 0.05), month(2, 1.2, Level.CRITICAL))
    rules = [layer["mark"]["strokeDash"] for layer in layers(found, kind="rule")]
    assert len({tuple(dash) for dash in rules}) == 3
    bands = [layer["data"]["values"][0] for layer in layers(found, kind="rect")]
    assert [(band["value"], band["to"]) for band in bands[:2]] == [(0.1, 0.25), (0.25, 1.0)]
    assert bands[2]["to"] > 1.2


def test_what_must_be_at_least_is_shaded_below():
    found = series(month(1, 0.8), limits=(Limit(Level.ALERT, 0.7),), at_least=True)
    (band,) = [layer["data"]["values"][0] for layer in layers(found, kind="rect")]
    assert band["to"] < band["value"] == 0.7
    assert found.trouble < replace(found, points=(month(1, 0.75),)).trouble


def test_a_limit_of_zero_has_its_line_and_its_shaded_field_and_counts_have_whole_ticks():
    found = series(month(1, 0), month(2, 0), limits=(Limit(Level.ALERT, 0),))
    (band,) = [layer["data"]["values"][0] for layer in layers(found, kind="rect")]
    assert band["value"] == 0
    assert band["to"] > 1
    assert [row["text"] for layer in layers(found, kind="text") for row in layer["data"]["values"]] == ["alert 0"]
    (line,) = layers(found, kind="line")
    assert line["encoding"]["y"]["axis"]["tickMinStep"] == 1
    (shares,) = layers(series(month(1, 0.0), limits=(Limit(Level.ALERT, 0),)), kind="line")
    assert "tickMinStep" not in shares["encoding"]["y"]["axis"]
    least = series(month(1, 0.0), limits=(Limit(Level.ALERT, 0.0),), at_least=True)
    (band,) = [layer["data"]["values"][0] for layer in layers(least, kind="rect")]
    assert band["to"] < band["value"] == 0.0


def test_a_hard_limit_far_from_all_values_does_not_squeeze_them():
    (y,) = {layer["encoding"]["y"]["scale"]["domain"][1] for layer in layers(series(month(1, 0.02)), kind="line")}
    assert 0.25 < y < 0.5


def test_a_value_that_was_not_judged_squeezes_nothing_and_is_drawn_at_the_edge():
    found = series(month(1, 0.02), month(2, 0.4, Level.ALERT), month(3, 9.0, None, low=2.0, high=12.0))
    (line,) = layers(found, kind="line")
    high = line["encoding"]["y"]["scale"]["domain"][1]
    assert 0.4 < high < 0.6
    assert [row["value"] for row in line["data"]["values"]] == [0.02, 0.4, high]
    unjudged = layers(found, kind="point")[-1]
    assert ([row["value"] for row in unjudged["data"]["values"]], unjudged["mark"]["filled"]) == ([high], False)
    assert "The newest value is 9.000." in specifications.timeline(found, ()).description
    (y,) = {layer["encoding"]["y"]["scale"]["domain"][1] for layer in layers(series(month(3, 9.0, None)), kind="line")}
    assert y > 9.0, "where nothing was judged there is nothing to squeeze"


def test_intervals_and_bounds_are_bars_and_a_number_that_is_only_bounded_has_no_point():
    found = series(month(1, 0.1, low=0.05, high=0.2), month(2, None, low=0.1, high=0.11, word="between"), limits=())
    (bars,) = layers(found, kind="rule")
    assert [(row["value"], row["to"]) for row in bars["data"]["values"]] == [(0.05, 0.2), (0.1, 0.11)]
    assert [len(layer["data"]["values"]) for layer in layers(found, kind="point")] == [1]
    assert not layers(found, kind="text")


def test_marks_of_one_day_stand_together_and_those_long_before_are_left_out():
    marks = [Mark(date(2020, 1, 1), "D", "deployed"), *(Mark(date(2026, 2, 3), letter, "x") for letter in "SR")]
    found = layers(series(month(1, 0.0), month(3, 0.0), limits=()), marks, kind="text")
    assert [row["text"] for layer in found if layer["mark"].get("y") == -7 for row in layer["data"]["values"]] == [
        "S R"
    ]


def test_trouble_sorts_levels_first_then_what_cannot_be_told_then_the_distance_to_the_limit():
    of = {
        "critical": series(month(1, 2.0, Level.CRITICAL)),
        "alert": series(month(1, 0.9, Level.ALERT)),
        "untold": series(month(1, 0.3, None)),
        "warning": series(month(1, 0.2, Level.WARN)),
        "near": series(month(1, 0.09)),
        "far": series(month(1, 0.01)),
    }
    assert sorted(of, key=lambda name: of[name].trouble, reverse=True) == list(of)


def test_what_breached_a_limit_that_always_holds_has_that_limit_and_its_calm_windows():
    watch = Watch(1, "Data quality", monitors.find("data_quality"), {Level.ALERT: {"min_rows": 5}}, 31)
    facts = [
        ReadingFacts(
            number,
            "batch",
            *(month(number, 0).start, month(number, 0).end),
            Level.ALERT if changed else Level.CALM,
            "",
            (Measure("rows", 9, 9), Measure(CHANGED, changed, 4), Measure("repeated keys", 0, 9)),
            {},
            frozenset({CHANGED} if changed else ()),
        )
        for number, changed in ((1, 0), (2, 3), (3, 0))
    ]
    rows, types = series_of(watch, facts)
    assert (rows.measure, types.measure, types.limits) == ("rows", CHANGED, (Limit(Level.ALERT, 0),))
    assert [(point.value, point.level) for point in types.points] == [
        (0, Level.CALM),
        (3, Level.ALERT),
        (0, Level.CALM),
    ]


def test_the_rows_of_a_window_are_those_of_its_batch_though_a_drift_is_one_of_two_tables():
    psi = Measure("PSI of income", 0.1, 1300, counts=(("n_reference", 500), ("n_current", 800)))
    kind = monitors.find("feature_drift")
    day = date(2026, 1, 31)
    row = ReadingFacts(1, "January", day, day, Level.CALM, "", (psi,), {"columns": ["income"]}, frozenset())
    (found,) = series_of(Watch(1, "Feature drift", kind, {Level.ALERT: {"max_psi": 0.25}}, 31), [row])
    assert found.points[0].n == 800


def test_the_worst_feature_of_each_window_is_named():
    found = worst_over_features(
        [series(month(1, 0.3, Level.ALERT), month(2, 0.1)), series(month(1, 0.2), month(2, 0.2), feature="age")]
    )
    assert [(one.measure, [(point.value, point.word) for point in one.points]) for one in found] == [
        ("PSI, worst feature", [(0.3, "income"), (0.2, "age")])
    ]


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (date(2026, 10, 1), date(2026, 10, 31), "1 to 31 Oct 2026"),
        (date(2026, 9, 28), date(2026, 10, 4), "28 Sep to 4 Oct 2026"),
        (date(2025, 12, 29), date(2026, 1, 4), "29 Dec 2025 to 4 Jan 2026"),
        (date(2026, 1, 4), date(2026, 1, 4), "4 Jan 2026"),
    ],
)
def test_days_in_words(start, end, words):
    assert days_in_words(start, end) == words


def test_distributions_of_earlier_readings_are_found_in_their_chart():
    values = [{"place": "low", "share": 0.5}, {"place": "low", "share": 0.25}, {"place": "high", "share": 0.5}]
    chart = {"encoding": {"x": {"title": "income"}, "xOffset": {}}, "data": {"values": values}}
    numbers = {"details": {}, "charts": [{"specification": chart}]}
    assert distribution_of(numbers, "income") == (("low", 0.5, 0.25),)
    assert distribution_of(numbers, "age") == ()


@pytest.mark.parametrize(
    ("points", "axis"),
    [
        ([month(1, 0.1), month(3, 0.2)], ({"interval": "month", "step": 1}, "%b %Y")),
        ([month(n, 0.1) for n in range(1, 13)], ({"interval": "month", "step": 2}, "%b %Y")),
        ([Point(n, "b", date(2026, 3, n), date(2026, 3, n), 0.1) for n in range(1, 21)], (7, "%d %b")),
    ],
)
def test_no_two_ticks_say_the_same(points, axis):
    (line,) = layers(series(*points), kind="line")
    found = line["encoding"]["x"]["axis"]
    assert (found["tickCount"], found["format"]) == axis
