"""Monitors of drift: the recorded numbers, and what is told from chance and what is not."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monitoring import monitors
from monitoring.alarms import Level
from tests.monitoring.tables import Bench

REFERENCE = Path(__file__).parents[1] / "reference"
EXPECTED = json.loads((REFERENCE / "p10_drift.expected.json").read_text(encoding="utf-8"))["expected"]
NUMBERS = {
    "ks_statistic": "KS distance",
    "ks_p_auto": "KS p",
    "wasserstein": "Wasserstein distance",
    "wasserstein_over_ref_std_ddof0": "Wasserstein distance in standard deviations",
    "psi_ref_deciles_floor_1e4": "PSI",
    "js_distance_base2_on_deciles": "Jensen-Shannon distance",
}
CATEGORIES = {
    "chi2": "chi-square",
    "chi2_p": "chi-square p",
    "psi_floor_1e4": "PSI",
    "js_distance_base2": "Jensen-Shannon distance",
    "l_infinity": "largest change of a share",
    "total_variation": "total variation",
}
DECLARED = {"label": "y", "prediction": "p", "features": ["x"]}
PSI = {"max_psi": 0.25}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def numbers(rows, seed, shift=0.0, features=1):
    """A table of normal features, the first of which is shifted."""
    rng = np.random.default_rng(seed)
    columns = {"p": rng.integers(0, 2, rows).tolist()}
    for place in range(features):
        columns[f"x{place}" if place else "x"] = (rng.normal(0, 1, rows) + (0 if place else shift)).tolist()
    return columns


def by_name(reading):
    return {measure.name: measure for measure in reading.measures}


@pytest.fixture(scope="module")
def p10(tmp_path_factory):
    """The readings of both recorded tables."""
    found = {}
    for name in ("breast_cancer", "titanic"):
        text = (REFERENCE / f"p10_drift_{name}.csv").read_text(encoding="utf-8")
        rows = list(csv.DictReader(io.StringIO(text)))
        sides = [[row for row in rows if (row["period"] == "reference") == then] for then in (True, False)]
        columns = [column for column in rows[0] if column != "period"]
        tables = [{column: [row[column] for row in side] for column in columns} for side in sides]
        details = {"label": "none", "prediction": columns[0], "features": columns, "kind": "regression"}
        bench = Bench(tmp_path_factory.mktemp(name))
        found[name] = bench.measure("feature_drift", *tables, details, parameters={"categories": ["Pclass"]})
    return found


RECORDED = [
    pytest.param(group, column, key, name, id=f"{column}-{key}")
    for group, names in (
        ("breast_cancer", NUMBERS),
        ("titanic_numeric", NUMBERS),
        ("titanic_categorical", CATEGORIES),
    )
    for column in EXPECTED[group]
    for key, name in names.items()
]


@pytest.mark.parametrize(("group", "column", "key", "name"), RECORDED)
def test_the_recorded_numbers_come_through_the_monitor(p10, group, column, key, name):
    measure = by_name(p10[group.partition("_numeric")[0].partition("_categorical")[0]])[f"{name} of {column}"]
    assert measure.value == pytest.approx(EXPECTED[group][column][key], rel=1e-9, abs=1e-9)
    assert measure.slice == (("feature", column),)


@pytest.mark.parametrize("group", ["breast_cancer", "titanic_numeric", "titanic_categorical"])
def test_the_recorded_bins_are_in_the_distributions(p10, group):
    shown = p10[group.partition("_numeric")[0].partition("_categorical")[0]].details["distributions"]
    for column, wanted in EXPECTED[group].items():
        found = shown[column]
        assert len(found["bins"]) == len(found["reference"]) == len(found["current"])
        names = ("counts_ref", "counts_cur") if "categories" in wanted else ("decile_counts_ref", "decile_counts_cur")
        for side, name, rows in zip(("reference", "current"), names, found["n"], strict=True):
            assert [round(share * rows) for share in found[side]] == wanted[name]
        assert found["cuts"] == pytest.approx(wanted.get("decile_cuts", []), rel=1e-9)


def test_a_drift_beyond_its_limit_and_beyond_chance_is_a_breach(bench):
    found = bench.judge("feature_drift", numbers(2000, 1), numbers(2000, 2, shift=1.0), DECLARED, thresholds=PSI)
    assert found.verdict == "breach"
    assert found.sentences[0].startswith("PSI of x ")
    assert "and more than chance (p " in found.sentences[0]
    assert [measure.name for measure in found.failed_measures] == ["PSI of x"]


@pytest.mark.parametrize("setting", ["max_psi", "max_js_distance", "max_total_variation", "max_chi_square_effect"])
@pytest.mark.parametrize("rows", [20, 40])
def test_a_batch_that_could_not_show_a_drift_is_never_within_limits(bench, setting, rows):
    for seed in (2, 4, 5):
        found = bench.judge(
            "feature_drift", numbers(2000, 1), numbers(rows, seed), DECLARED, thresholds={setting: 0.15}
        )
        assert found.verdict == "not_computable"
        assert "deliver more rows" in found.sentences[0] or "rows are too few to see a" in found.sentences[0]


@pytest.mark.parametrize("values", [(0.05,), (-0.05, 0.05)])
def test_a_long_batch_of_one_or_two_values_is_no_chance_however_short_the_approved_table_is(bench, values):
    """All bins but those are as good as empty in so many rows, and put together for chi-square nothing is left."""
    batch = {"p": [0, 1] * 30_000, "x": list(values) * (60_000 // len(values))}
    judged = bench.judge("feature_drift", numbers(500, 1), batch, DECLARED, thresholds={"max_psi": 0.25})
    assert judged.verdict == "breach"
    assert "more than chance" in judged.sentences[0]


def test_a_small_batch_beyond_the_limit_says_that_it_may_be_chance(bench):
    """PSI of 40 rows in ten bins is about 0.23 where nothing has changed."""
    said = [
        bench.judge("feature_drift", numbers(2000, 1), numbers(40, seed), DECLARED, thresholds=PSI).sentences[0]
        for seed in range(2, 9)
    ]
    assert any("but it is not distinguishable from chance at n = 40 (p " in sentence for sentence in said)
    assert any("40 rows are too few to see a PSI of 0.25 in x: the power to is " in sentence for sentence in said)
    assert any("about 65 rows with a value would be enough" in sentence for sentence in said)


def test_an_approved_table_that_is_too_small_is_said_to_be(bench):
    found = bench.judge("feature_drift", numbers(40, 1), numbers(9000, 2), DECLARED, thresholds=PSI)
    assert found.verdict == "not_computable"
    assert "the approved table itself has too few rows" in found.sentences[0]


def test_power_that_a_policy_does_not_ask_for_is_not_asked(bench):
    asked = {"parameters": {"min_power": 0.0}, "thresholds": {"max_psi": 2.0}}
    assert bench.judge("feature_drift", numbers(2000, 1), numbers(40, 2), DECLARED, **asked).verdict == "ok"


MANY = {**DECLARED, "features": ["x", *(f"x{place}" for place in range(1, 25))]}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Readings of 25 features where nothing has changed, and where one has."""
    bench = Bench(tmp_path_factory.mktemp("many"))
    batches = {shift: numbers(1500, 2, shift=shift, features=25) for shift in (0.0, 0.17, 0.8)}
    return {
        shift: bench.measure("feature_drift", numbers(1500, 1, features=25), batch, MANY)
        for shift, batch in batches.items()
    }


@pytest.mark.parametrize("setting", [{"max_psi": 0.1}, {"max_ks": 0.1}, {"max_wasserstein_normalised": 0.25}])
def test_many_features_raise_no_alarm_where_nothing_has_changed(many, setting):
    """At 5 % one or two of 25 would be called significant by chance; the reading says so."""
    monitor = monitors.find("feature_drift")()
    thresholds = monitor.Thresholds(**setting)
    found = monitor.judge(many[0.0], thresholds)
    assert found.verdict == "ok"
    assert "highest of 25 columns" in found.sentences[0]
    assert "25 comparisons were made; at 5 % about 1.25 would be significant by chance" in found.sentences[-1]
    assert "Holm" in found.sentences[-1]
    assert monitor.judge(many[0.8], thresholds).verdict == "breach"


def test_the_other_correction_finds_no_less(many):
    monitor, found = monitors.find("feature_drift")(), {}
    for correction in ("holm", "benjamini_hochberg"):
        sure = {"significance": 0.2, "correction": correction, "min_power": 0.0}
        reading = replace(many[0.17], details={**many[0.17].details, "certainty": sure})
        found[correction] = monitor.judge(reading, monitor.Thresholds(max_ks=0.01))
    breaches = {name: len(judgement.failed_measures) for name, judgement in found.items()}
    assert 1 <= breaches["holm"] <= breaches["benjamini_hochberg"]
    assert "Benjamini and Hochberg" in found["benjamini_hochberg"].sentences[-1]


def test_missing_values_breach_beyond_chance_only(bench):
    table = numbers(2000, 1)
    some = numbers(400, 2)
    few, many = (
        {**some, "x": ["" if place < gone else value for place, value in enumerate(some["x"])]} for gone in (30, 200)
    )
    found = bench.judge("feature_drift", table, many, DECLARED, thresholds=PSI)
    assert (found.verdict, found.sentences[0][:33]) == ("breach", "Change of the missing share of x ")
    assert bench.judge("feature_drift", table, few, DECLARED, thresholds=PSI).verdict == "breach"
    gaps = {**table, "x": ["" if place % 5 == 0 else value for place, value in enumerate(table["x"])]}
    some = numbers(100, 7)
    chance = {**some, "x": ["" if place < 27 else value for place, value in enumerate(some["x"])]}
    found = bench.judge("feature_drift", gaps, chance, DECLARED, thresholds={"max_psi": 0.9})
    assert found.verdict == "not_computable"
    assert "missing share of x 0.070" in found.sentences[0]
    assert "not distinguishable from chance (p " in found.sentences[0]


def test_limits_that_judge_no_category_leave_it_open(bench):
    tables = [{**numbers(900, seed), "x": ["ab"[place % 2] for place in range(900)]} for seed in (1, 2)]
    found = bench.judge("feature_drift", *tables, DECLARED, thresholds={"max_ks": 0.1})
    assert (found.verdict, "x: there is no KS distance" in found.sentences[0]) == ("not_computable", True)
    assert bench.judge("feature_drift", *tables, DECLARED, thresholds={"max_ks": 0.1, **PSI}).verdict == "ok"


def test_a_column_that_changed_its_type_leaves_only_itself_open(bench):
    details = {**DECLARED, "features": ["x", "x1"]}
    batch = numbers(900, 2, shift=2.0, features=2)
    batch["x1"] = ["much"] * 900
    found = bench.judge("feature_drift", numbers(900, 1, features=2), batch, details, thresholds=PSI)
    assert found.verdict == "breach"
    assert any("PSI of x1 is not computable: The column “x1”" in sentence for sentence in found.sentences)


def test_bins_are_those_that_the_policy_declares(bench):
    asked = {"parameters": {"cuts": {"x": [-1, 0, 1]}}, "thresholds": PSI}
    found = bench.measure("feature_drift", numbers(900, 1), numbers(900, 2), DECLARED, **asked)
    assert found.details["distributions"]["x"]["cuts"] == [-1.0, 0.0, 1.0]
    assert "4 declared bins" in by_name(found)["PSI of x"].method


def test_distributions_are_bounded(bench):
    names = [f"{'long ' * 40}{place}" for place in range(80)]
    tables = [{**numbers(800, seed), "x": [names[place % 80] for place in range(800)]} for seed in (1, 2)]
    shown = bench.measure("feature_drift", *tables, DECLARED).details["distributions"]["x"]
    assert len(shown["bins"]) == 30
    assert shown["bins"][-1] == "other values (51)"
    assert sum(shown["current"]) == pytest.approx(1.0)
    assert max(map(len, shown["bins"])) <= 60


def test_a_warning_that_may_be_chance_is_none_and_is_said(bench):
    monitor = monitors.find("feature_drift")()
    job = bench.job("feature_drift", numbers(2000, 1), numbers(110, 3), DECLARED, thresholds={"max_psi": 0.25})
    reading = monitor.measure(job, lambda share, text: None)
    warn = monitor.Thresholds(max_psi=0.02)
    grade = monitor.graded(reading, monitor.judge(reading, job.thresholds), warn=warn, critical=None)
    assert (grade.judgement.verdict, grade.level) == ("ok", Level.CALM)
    assert "About warnings: PSI of x" in grade.judgement.sentences[-1]


CLASSES = {"label": "y", "prediction": "p", "kind": "multiclass", "class_scores": {"a": "s_a", "b": "s_b"}}


def classes(rows, seed, push=0.0):
    rng = np.random.default_rng(seed)
    scores = np.clip(rng.random(rows) + push, 0, 1)
    return {"p": ["ab"[int(s < 0.5)] for s in scores], "s_a": scores.tolist(), "s_b": (1 - scores).tolist()}


@pytest.mark.parametrize(
    ("details", "make", "columns"),
    [
        (CLASSES, classes, ["s_a", "s_b", "p"]),
        ({"label": "y", "prediction": "p"}, classes, ["p"]),
        ({"label": "y", "prediction": "p", "score": "s_a"}, classes, ["s_a"]),
        ({"label": "y", "prediction": "s_a", "kind": "regression"}, classes, ["s_a"]),
    ],
)
def test_drift_of_what_the_model_says_is_measured_of_every_kind_of_table(bench, details, make, columns):
    def said(push):
        return bench.judge("score_drift", make(1500, 1), make(1500, 2, push), details, thresholds={"max_psi": 0.1})

    assert said(0.0).verdict == "ok"
    found = said(0.3)
    assert found.verdict == "breach"
    assert {measure.name for measure in found.failed_measures} == {f"PSI of {column}" for column in columns}


def test_drift_beyond_the_limit_of_rows_is_judged_by_bounds(bench):
    asked = {"parameters": {"exact_rows": 10}, "thresholds": {"max_ks": 0.1}}
    reading = bench.measure("feature_drift", numbers(2000, 1), numbers(2000, 2, 1.0), DECLARED, **asked)
    assert by_name(reading)["KS distance of x"].bounds is not None
    found = bench.judge("feature_drift", numbers(2000, 1), numbers(2000, 2, 1.0), DECLARED, **asked)
    assert found.verdict == "breach"
    assert bench.judge("feature_drift", numbers(2000, 1), numbers(2000, 2), DECLARED, **asked).verdict == "ok"


@pytest.mark.parametrize("level", ["warn", "critical"])
@pytest.mark.parametrize("setting", ["max_ks", "max_wasserstein_normalised"])
def test_bounds_that_leave_a_level_open_are_refined_so_that_no_warning_looks_calm(bench, level, setting):
    tables = numbers(4000, 1), numbers(4000, 4, 0.4)
    kind = monitors.find("feature_drift")
    name = "KS distance of x" if setting == "max_ks" else "Wasserstein distance in standard deviations of x"
    exactly = by_name(bench.measure("feature_drift", *tables, DECLARED, thresholds={setting: 9.0}))[name].value
    thresholds = {setting: 0.05 if level == "critical" else 9.0}
    asked = {"parameters": {"exact_rows": 10}, "thresholds": thresholds}
    low, high = by_name(bench.measure("feature_drift", *tables, DECLARED, **asked))[name].bounds
    assert low < exactly < high
    below, above = (low + exactly) / 2, (exactly + high) / 2
    graded = {}
    for place, limit in (("beyond", below), ("within", above)):
        reading = bench.measure("feature_drift", *tables, DECLARED, **asked, levels=({setting: limit},))
        assert by_name(reading)[name].value == pytest.approx(exactly)
        levels = {"warn": None, "critical": None, level: kind.Thresholds(**{setting: limit})}
        judgement = kind().judge(reading, kind.Thresholds(**thresholds))
        graded[place] = kind().graded(reading, judgement, **levels).level
    expected = {"warn": (Level.WARN, Level.CALM), "critical": (Level.CRITICAL, Level.ALERT)}[level]
    assert (graded["beyond"], graded["within"]) == expected
