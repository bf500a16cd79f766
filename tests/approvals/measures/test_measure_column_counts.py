"""Counts of columns of few and of many values, read at once or in parts."""

import math

import duckdb
import numpy as np
import pytest

from approvals.measures.column_counts import column_counts
from approvals.measures.tables import open_table

ROWS = 210_000


@pytest.fixture(scope="module")
def values():
    random = np.random.default_rng(1)
    many = random.normal(size=ROWS) * 1000
    many[:1000] = many[1000:2000]
    crowded = np.where(random.random(ROWS) < 0.5, 0.0, random.random(ROWS) - 0.5)
    return {"many": many, "crowded": crowded, "few": random.integers(0, 7, ROWS) / 4}


@pytest.fixture(scope="module")
def table(values, tmp_path_factory):
    path = tmp_path_factory.mktemp("columns") / "table.csv"
    gaps = np.arange(ROWS) % 10 == 0
    with path.open("w") as stream:
        stream.write("many,crowded,few,account,name,late\n")
        for row, (many, crowded, few) in enumerate(zip(*(part.tolist() for part in values.values()), strict=True)):
            cells = ("" if gaps[row] else many, "-inf" if row < 3 else crowded, few, 2**60 + row % (ROWS - 5))
            stream.write(",".join(map(str, (*cells, f"n{row}", max(row, ROWS - 9)))) + "\n")
    with open_table(path) as opened:
        yield opened


@pytest.mark.parametrize("part_rows", [20_000, 1 << 24])
def test_numbers_of_many_values(table, values, part_rows):
    there = values["many"][np.arange(ROWS) % 10 != 0]
    found = column_counts(table, "many", part_rows=part_rows)
    assert (found.present, found.distinct) == (there.size, np.unique(there).size)
    assert (found.numbers.n, found.numbers.missing, found.numbers.not_finite) == (there.size, ROWS // 10, 0)
    assert (found.numbers.minimum, found.numbers.maximum) == (there.min(), there.max())
    assert found.numbers.mean == pytest.approx(there.mean(), abs=1e-9)
    assert found.numbers.std == pytest.approx(there.std(), rel=1e-12)


@pytest.mark.parametrize("part_rows", [20_000, 1 << 24])
def test_one_value_that_fills_half_of_a_column_and_infinite_ones(table, values, part_rows):
    finite = values["crowded"][3:]
    found = column_counts(table, "crowded", part_rows=part_rows)
    assert (found.present, found.distinct) == (ROWS, np.unique(finite).size + 1)
    assert (found.numbers.n, found.numbers.not_finite) == (ROWS - 3, 3)
    assert found.numbers.mean == pytest.approx(math.fsum(finite) / finite.size, abs=1e-15)
    assert found.numbers.std == pytest.approx(finite.std(), rel=1e-12)


@pytest.mark.parametrize("part_rows", [20_000, 1 << 24])
def test_long_account_numbers_and_names_are_told_apart(table, part_rows):
    assert column_counts(table, "account", part_rows=part_rows).distinct == ROWS - 5
    found = column_counts(table, "name", part_rows=part_rows)
    assert (found.present, found.distinct, found.numbers) == (ROWS, ROWS, None)


def test_columns_of_few_values(table, values):
    found = column_counts(table, "few").numbers
    assert (found.distinct, found.minimum, found.maximum) == (7, 0.0, 1.5)
    assert found.mean == pytest.approx(values["few"].mean(), abs=1e-12)
    assert column_counts(table, "late").distinct == 9


def test_a_column_without_equals_needs_no_comparison_of_rows(table):
    table.count_columns()
    assert table.counted("name").distinct == ROWS
    assert (table.duplicates(), table.rows_in_duplicate_groups()) == (0, 0)
    assert table.rows_with_missing() == ROWS // 10


@pytest.mark.parametrize("ordered", [True, False])
def test_numbers_that_rise_and_numbers_of_both_signs_with_infinite_ones(tmp_path, ordered):
    path, rows = tmp_path / "table.parquet", np.arange(ROWS)
    duckdb.execute(
        "COPY (SELECT i AS rising, -i - 5 AS below, i - 100000 AS both, CASE i WHEN 7 THEN 'inf'::DOUBLE "
        "WHEN 8 THEN '-inf'::DOUBLE WHEN 9 THEN 'nan'::DOUBLE ELSE i / 8 - 900 END AS odd "
        f"FROM range({ROWS}) AS r(i) {'' if ordered else 'ORDER BY HASH(i)'}) TO '{path}' (FORMAT parquet)"
    )
    odd = (rows / 8 - 900)[[place not in {7, 8, 9} for place in rows]]
    expected = {"rising": rows, "below": -rows - 5, "both": rows - 100_000, "odd": odd}
    with open_table(path) as table:
        for name, values in expected.items():
            found = table.counted(name).numbers
            assert (found.n, found.minimum, found.maximum) == (values.size, values.min(), values.max())
            assert (found.distinct, found.missing) == ((ROWS - 1, 1) if name == "odd" else (ROWS, 0))
            assert found.not_finite == (2 if name == "odd" else 0)
            assert found.mean == pytest.approx(values.mean(), rel=1e-12)
            assert found.std == pytest.approx(values.std(), rel=1e-12)
