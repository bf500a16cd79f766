"""Paired comparisons of scores in a table say what arrays of the same rows say, in however many ranges it is read."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from approvals.measures.paired import accuracy_difference, auc_difference, brier_difference
from approvals.measures.paired_scores import Said, paired_rows, table_auc_difference, table_brier_difference
from approvals.measures.tables import TableError, open_table

SCORES = {
    "wide": lambda draw, y: np.round(np.clip(draw.normal(0.4 + 0.2 * y, 0.2), 0, 1), 2),
    "few": lambda draw, y: draw.integers(0, 4, y.size) / 4 * np.where(draw.random(y.size) < 0.7, y, 1),
    "one": lambda draw, y: np.full(y.size, 0.5),
    "fine": lambda draw, y: np.clip(draw.normal(0.5 + 0.1 * y, 0.15), 0, 1),
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Labels, decisions and scores of several kinds, with gaps in each."""
    draw = np.random.default_rng(17)
    y = draw.integers(0, 2, 400)
    frame = pd.DataFrame({"y": pd.array(y, "Int64")})
    for name, made in SCORES.items():
        frame[name] = made(draw, y)
        frame[f"{name}_p"] = pd.array((frame[name] > 0.45).astype(int), "Int64")
    for name in frame.columns:
        frame.loc[draw.choice(400, 7, replace=False), name] = None
    frame.loc[5, "fine"] = np.inf
    path = tmp_path_factory.mktemp("paired") / "rows.parquet"
    duckdb.from_df(frame).write_parquet(str(path))
    return path, frame


def known(frame, first, second):
    names = ["y", first, f"{first}_p", second, f"{second}_p"]
    columns = [frame[name].to_numpy(dtype=float, na_value=np.nan) for name in names]
    complete = np.isfinite(columns).all(axis=0)
    return [column[complete] for column in columns]


def agree(found, expected):
    assert (found.name, found.n, found.reason, found.counts) == (
        expected.name,
        expected.n,
        expected.reason,
        expected.counts,
    )
    for one, other in ((found.value, expected.value), (found.low, expected.low), (found.high, expected.high)):
        assert (one is None) == (other is None)
        assert one is None or one == pytest.approx(other, abs=1e-12)


PAIRS = [("wide", "fine"), ("few", "few"), ("few", "wide"), ("fine", "one"), ("one", "one"), ("one", "few")]


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("block_rows", [60, 10_000])
def test_scores_of_a_table_are_compared_as_arrays_are(rows, tmp_path, first, second, block_rows):
    path, frame = rows
    y, a, p, b, q = known(frame, first, second)
    with open_table(path) as table:
        pairs = paired_rows(table, label="y", first=Said(f"{first}_p", first), second=Said(f"{second}_p", second))
        areas = table_auc_difference(pairs, scratch=tmp_path, block_rows=block_rows)
        brier = table_brier_difference(pairs, block_rows=block_rows)
    assert pairs.sizes == (int(y.sum()), int((1 - y).sum()))
    for found, expected in zip(areas, auc_difference(y == 1, a, b), strict=True):
        agree(found, expected)
    agree(brier, brier_difference(y == 1, a, b))
    right = accuracy_difference(p == y, q == y)[0]
    counted = {one: sum(rows for cell, rows in pairs.cells.items() if is_so(*cell)) for one, is_so in RIGHT.items()}
    assert counted == {name: right.count(name) for name in RIGHT}
    assert not list(tmp_path.iterdir())  # what was laid down is gone


RIGHT = {
    "only_first_right": lambda y, p, q: p == y != q,
    "only_second_right": lambda y, p, q: q == y != p,
    "both_right": lambda y, p, q: p == y == q,
}


def test_no_cut_of_the_rows_changes_a_bit(rows, tmp_path):
    path, _ = rows
    found = set()
    with open_table(path) as table:
        pairs = paired_rows(table, label="y", first=Said("fine_p", "fine"), second=Said("wide_p", "wide"))
        for block_rows in (90, 250, 1000):
            difference, p = table_auc_difference(pairs, scratch=tmp_path, block_rows=block_rows)
            brier = table_brier_difference(pairs, block_rows=block_rows)
            found.add((difference.value, difference.low, difference.high, p.value, brier.value, brier.low, brier.high))
    assert len(found) == 1


def test_rows_without_two_of_each_class_and_scores_beyond_one_are_not_computable(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("y,p,s,q,r\n1,1,0.9,1,2\n0,0,0.1,0,0.2\n0,1,0.3,0,0.1\n")
    with open_table(path) as table:
        pairs = paired_rows(table, label="y", first=Said("p", "s"), second=Said("q", "r"))
        assert all("fewer than two" in measure.reason for measure in table_auc_difference(pairs))
        assert "outside 0 to 1" in table_brier_difference(pairs).reason
        none = paired_rows(table, label="y", first=Said("p"), second=Said("q", "r"))
        assert not none.has_scores
        with pytest.raises(TableError, match="no column"):
            paired_rows(table, label="y", first=Said("p", "s"), second=Said("gone"))
