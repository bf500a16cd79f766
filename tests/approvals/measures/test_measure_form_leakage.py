"""Numbers that give a label away otherwise than by their order; pandas, SciPy and all orders of labels say the same."""

import itertools
import math
import random
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from approvals.measures.form_leakage import (
    BY_CHANCE,
    TOO_FEW,
    class_form_leakage,
    number_form_leakage,
    two_class_form_leakage,
)
from approvals.measures.held_out import ValuesOfSize, held_out_area, held_out_correlation
from approvals.measures.label_chance import log_evidence
from approvals.measures.label_rows import several_class_rows
from approvals.measures.number_leakage import number_leakage
from approvals.measures.number_pieces import in_pieces
from approvals.measures.quality import leakage
from approvals.measures.tables import open_table
from approvals.measures.text_views import value_patterns

KINDS: dict[str, Any] = {"y": two_class_form_leakage, "c": class_form_leakage, "z": number_form_leakage}
ROWS = 600


def stored(folder, columns, name="table.parquet"):
    path = folder / name
    duckdb.from_df(pd.DataFrame(columns)).write_parquet(str(path))
    return path


def found(path, label, kinds=KINDS):
    with open_table(path) as table:
        return kinds[label](table, label, exclude=set("ycz") - {label})


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Numbers of all kinds that say something about each label, with gaps in both, and noise."""
    draw = np.random.default_rng(5)
    y, c = draw.integers(0, 2, ROWS), draw.integers(0, 3, ROWS)
    z = np.round(draw.normal(size=ROWS), 1)
    columns = {
        "y": pd.array(y, dtype="Int64"),
        "c": pd.array(np.array(list("uvw"))[c], dtype=object),
        "z": pd.array(z, dtype="Float64"),
        "code": pd.array(6 * draw.integers(0, 40, ROWS) + 2 * c + np.where(draw.random(ROWS) < 0.9, y, 1 - y), "Int64"),
        "wave": np.where(y == 1, draw.choice([-1, 1], ROWS) * (1 + draw.random(ROWS)), draw.uniform(-1.1, 1.1, ROWS)),
        "arch": np.where(draw.random(ROWS) < 0.5, 3 + z, 3 + z / 9),
        "turn": 40 * (c == 1) + draw.normal(size=ROWS) + 80 * draw.integers(0, 2, ROWS),
        "account": pd.array(2**60 + 5 * draw.integers(0, 90, ROWS) + y, dtype="Int64"),
        "noise": draw.normal(size=ROWS),
        "many": pd.array(draw.integers(0, 200, ROWS), dtype="Int64"),
    }
    frame = pd.DataFrame(columns)
    for name in frame.columns:
        frame.loc[draw.choice(ROWS, 15, replace=False), name] = None
    frame.loc[3, "noise"] = np.inf
    return stored(tmp_path_factory.mktemp("forms"), frame), frame


def parts_of(values):
    """Each row's part: its value, where one recurs; and its range of 4, 16, 64, … rows, of values that are equal the
    range of the first."""
    ranks = stats.rankdata(values, method="min").astype(int) - 1
    parts = [] if len(set(values)) == len(values) else [stats.rankdata(values, method="dense")]
    width = 4
    while 4 * width <= len(values):
        parts.append(ranks // width)
        width *= 4
    return parts


def evidence(positive, part):
    """The same by SciPy, from each part anew."""
    groups = pd.DataFrame({"k": positive, "p": part}).groupby("p")["k"].agg(["sum", "size"])
    k, n, share = groups["sum"], groups["size"], positive.mean()
    found = [
        special.betaln(k + size * share, n - k + size * (1 - share)).sum()
        - len(groups) * special.betaln(size * share, size * (1 - share))
        for size in (0.5, 2.0, 8.0, 32.0, 128.0)
    ]
    orders = special.gammaln(len(positive) + 1) - special.gammaln(positive.sum() + 1)
    return orders - special.gammaln((1 - positive).sum() + 1) + special.logsumexp(found) - math.log(5)


def expected(frame, column, label):
    both = frame[[column, label]].dropna()
    # Where the ranges end is decided by the rows that have a number, with a label or without.
    values = [int(value) if column in {"code", "account", "many"} else float(value) for value in both[column]]
    finite = np.isfinite(np.array(values, dtype=float))
    both, values = both[finite], [value for value, keeps in zip(values, finite, strict=True) if keeps]
    labels = both[label].to_numpy()
    parts = parts_of(values)
    if label == "z":
        ranks = stats.rankdata(labels.astype(float)) * 2
        ranks = np.round(ranks - ranks.mean()).astype(int)
        targets = {"": (ranks > 0).astype(int)}
    else:
        names = [1] if label == "y" else sorted(set(labels))
        targets = {str(name): (labels == name).astype(int) for name in names}
    limit = math.log(len(parts) * len(targets) / 0.05)
    strengths = [0.5]
    for positive, part in itertools.product(targets.values(), parts):
        if evidence(positive, part) >= limit:
            frame_of = pd.DataFrame({"k": positive, "p": part, "r": ranks if label == "z" else 0})
            groups = frame_of.groupby("p")
            if label == "z":
                sizes = [
                    ValuesOfSize(len(each), 1, int(each.r.sum()) ** 2, int((each.r**2).sum())) for _, each in groups
                ]
                strengths.append((1 + max(0.0, held_out_correlation(sizes))) / 2)
            else:
                strengths.append(held_out_area([(int(each.k.sum()), len(each), 1) for _, each in groups]))
    return max(strengths)


@pytest.mark.parametrize("label", KINDS)
def test_what_numbers_say_is_what_every_part_of_their_rows_says(table, label):
    path, frame = table
    measures = found(path, label)
    assert set(measures) == set(frame.columns) - set(KINDS)
    for name, measure in measures.items():
        assert measure.value == pytest.approx(expected(frame, name, label), abs=1e-9), name
    assert measures["noise"].method == BY_CHANCE
    strong = {"y": ("code", "wave", "account"), "c": ("code", "turn"), "z": ("arch",)}[label]
    assert all(measures[name].value > 0.7 for name in strong)


def test_the_order_of_these_numbers_says_nothing(table):
    path, _ = table
    with open_table(path) as opened:
        by_order = leakage(opened, "y", exclude=["c", "z"])
    measures = found(path, "y")
    for name in ("code", "wave", "account"):
        assert by_order[name].value < 0.57
        assert measures[name].value > 0.85
    assert "of its value in half of the rows" in measures["account"].method  # whose doubles are all the same
    assert "ranges of about 16 rows" in measures["wave"].method


def test_a_label_of_numbers_is_found_in_a_wave(tmp_path):
    draw = random.Random(3)
    z = [draw.random() for _ in range(500)]
    x = [draw.choice((-1, 1)) * (1 + value) for value in z]
    path = stored(tmp_path, {"z": z, "x": x})
    with open_table(path) as opened:
        assert number_leakage(opened, "z")["x"].value < 0.56
        assert number_form_leakage(opened, "z")["x"].value > 0.99


@pytest.mark.parametrize(("rows", "positives"), [(20, 10), (30, 5), (40, 10), (60, 6), (120, 60), (300, 15)])
def test_noise_of_few_rows_is_no_leak(tmp_path, rows, positives):
    draw = random.Random(rows)
    columns: dict[str, list[float]] = {"y": [1.0] * positives + [0.0] * (rows - positives)}
    for each in range(8):
        columns[f"x{each}"] = [draw.gauss(0, 1) if each % 2 else draw.randrange(rows // 3) for _ in range(rows)]
    measures = found(stored(tmp_path, columns), "y")
    assert len(measures) == 8
    assert all(measure.value == 0.5 or measure.reason == TOO_FEW for measure in measures.values())


@pytest.mark.parametrize(("sizes", "positives"), [((1, 1, 2, 3), 3), ((4, 4), 3), ((2, 2, 2, 2), 4), ((1, 6), 1)])
def test_evidence_is_above_a_limit_as_seldom_as_it_says(sizes, positives):
    """Of all orders of labels; so the evidence is one on average at most."""
    n = np.array(sizes)
    part = np.repeat(np.arange(n.size), n)
    found = []
    for chosen in itertools.combinations(range(part.size), positives):
        k = np.bincount(part[list(chosen)], minlength=n.size)
        found.append(math.exp(log_evidence(k, n, np.ones(n.size, dtype=np.int64))))
    assert 0 < np.mean(found) <= 1


def test_a_long_column_is_counted_alike_in_pieces(table):
    path, frame = table
    with open_table(path) as opened:
        for name in ("code", "wave", "noise", "turn"):
            rows = several_class_rows(opened, name, "c", 51)
            counted = in_pieces(rows, width=4, present=ROWS, cells=300)
            finite = frame[[name, "c"]].dropna()
            finite = finite[np.isfinite(finite[name].to_numpy(dtype=float))]
            place = (stats.rankdata(finite[name].to_numpy(dtype=float), method="min").astype(int) - 1) // 4
            assert counted.sizes.tolist() == np.bincount(place, minlength=counted.sizes.size).tolist()
            for letter, sums, patterns in zip("uvw", counted.sums, counted.patterns, strict=True):
                of_class = place[(finite["c"] == letter).to_numpy()]
                assert sums.tolist() == np.bincount(of_class, minlength=sums.size).tolist()
                expected = value_patterns(rows)["uvw".index(letter)]
                assert sorted((k, n, values) for (k, n), values in patterns.items()) == sorted(expected)


@pytest.mark.parametrize("label", KINDS)
def test_labels_of_one_kind_say_nothing(tmp_path, label):
    columns = {"y": [1] * 30 + [0], "c": ["u"] * 30 + ["v"], "z": [2.0] * 30 + [3.0], "x": [*range(30), None]}
    measure = found(stored(tmp_path, columns), label)["x"]
    assert measure.value is None
    assert "one class" in measure.reason or "one value only" in measure.reason


def test_three_rows_of_a_class_are_too_few_to_tell(tmp_path):
    columns = {"y": [1] * 3 + [0] * 17, "x": [*range(20)]}
    assert found(stored(tmp_path, columns), "y")["x"].reason == TOO_FEW


def test_a_constant_says_nothing(tmp_path):
    columns = {"y": [1, 0] * 30, "x": [7] * 60, "gone": [None] * 60}
    measures = found(stored(tmp_path, columns), "y")
    assert measures["x"].value == 0.5
