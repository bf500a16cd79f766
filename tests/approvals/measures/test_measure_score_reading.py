"""Scores that do not fit in memory give the same numbers as those that do."""

import math
from typing import Any

import numpy as np
import pytest

from approvals.measures.labels import group_text
from approvals.measures.score_reading import read_score_groups, read_scores
from approvals.measures.score_sets import PassedScores, ScoreSets
from approvals.measures.tables import open_table
from approvals.measures.thresholds import CostMatrix, decision_curves


def _rows(kind):
    rng = np.random.default_rng(5)
    scores = {
        "shares": rng.random(3000).round(2),
        "all different": rng.random(3000),
        "logits": rng.normal(0, 3, 3000),
        "huge and tiny": np.concatenate([[-1.7e308, 1.7e308], rng.normal(0, 1e-300, 2998)]),
        "one value": np.full(3000, 0.25),
        "nearly one value": np.where(rng.random(3000) < 0.97, 0.5, rng.random(3000)),
    }[kind]
    labels = (rng.random(3000) < 0.4).astype(int)
    groups = rng.choice(["a", "b", "c", "unknown", None], 3000, p=[0.7, 0.1, 0.1, 0.05, 0.05])
    rows = [[repr(float(s)), int(y), g] for s, y, g in zip(scores, labels, groups, strict=True)]
    return [*rows, ["inf", 1, "a"], [None, 0, "a"], [0.5, None, "b"]]


def _same(first, second):
    for name, value in vars(first).items():
        other = getattr(second, name)
        if name in {"score", "gap"} and first.brier is None:
            continue  # nothing is made of them unless scores are probabilities
        pairs = [(value, other)]
        if hasattr(value, "__dict__"):
            pairs = list(zip(vars(value).values(), vars(other).values(), strict=True))
        for one, two in pairs:
            assert one == two or math.isclose(one, two, rel_tol=1e-12, abs_tol=1e-15), name


@pytest.mark.parametrize(
    "kind", ["shares", "all different", "logits", "huge and tiny", "one value", "nearly one value"]
)
def test_reading_in_ranges_changes_no_number(write_csv, kind):
    with open_table(write_csv(["s", "y", "g"], _rows(kind))) as table:
        whole = read_scores(table, "s", "y", positive=1)
        parts = read_scores(table, "s", "y", positive=1, block_rows=100)
        sizes = [block.n for block in parts.blocks() if block.scores.size > 1]
        _same(whole.ranks, parts.ranks)
        costs = CostMatrix(true_positive=-0.5, false_positive=1.0, false_negative=2.0)
        assert decision_curves(whole, costs) == decision_curves(parts, costs)
        assert (whole.positive_rows, whole.negative_rows, whole.left_out) == (
            parts.positive_rows,
            parts.negative_rows,
            parts.left_out,
        )
        for binning in ((10, "right"), (10, "left"), (7, "right")):
            assert (whole.binned(*binning).rows == parts.binned(*binning).rows).all()
    assert len(sizes) > 20 or kind.endswith("one value")
    assert max(sizes, default=0) <= 100


def test_groups_read_one_after_the_other_are_those_read_at_once(write_csv):
    with open_table(write_csv(["s", "y", "g"], _rows("shares"))) as table:
        whole, parts = (
            dict(read_score_groups(table, "s", "y", positive=1, by=["g"], name=group_text, block_rows=rows))
            for rows in (10_000, 400)
        )
        assert list(whole) == [("Unknown",), ("a",), ("b",), ("c",)]
        assert whole.keys() == parts.keys()
        for key, scores in whole.items():
            _same(scores.ranks, parts[key].ranks)
            assert scores.left_out == parts[key].left_out


@pytest.mark.parametrize("kind", ["shares", "all different", "logits", "one value", "nearly one value"])
def test_large_groups_of_several_comparisons_are_read_in_one_pass_with_the_same_bits(write_csv, kind):
    rows = [[*row, "up" if place % 3 else "down"] for place, row in enumerate(_rows(kind))]
    sets = [("g",), ("h",), ("g", "h"), ("h", "g")]
    with open_table(write_csv(["s", "y", "g", "h"], rows)) as table:
        asked: dict[str, Any] = {"positive": 1, "name": group_text, "block_rows": 300}
        passed = ScoreSets(table, "s", "y", sets=sets, **asked)
        for names in sets:
            alone = dict(read_score_groups(table, "s", "y", by=names, **asked))
            found = dict(passed.of(names))
            assert list(found) == list(alone)
            for key, scores in found.items():
                assert isinstance(scores, PassedScores)
                assert repr(scores.ranks) == repr(alone[key].ranks)
                assert (scores.n, scores.left_out) == (alone[key].n, alone[key].left_out)
                for binning in ((10, "right"), (7, "left")):  # the second is read again
                    if scores.are_probabilities:
                        ours, theirs = scores.binned(*binning), alone[key].binned(*binning)
                        assert (ours.rows == theirs.rows).all()
                        assert (ours.totals == theirs.totals).all()
        small = dict(ScoreSets(table, "s", "y", sets=sets, positive=1, name=group_text).of(("g",)))
        assert not any(isinstance(scores, PassedScores) for scores in small.values())
