"""Texts of long columns, held as small numbers, are those of the table, row by row."""

import duckdb
import numpy as np
import pytest

from approvals.measures.outcomes import WITHOUT, codes
from approvals.measures.row_cells import row_cells
from approvals.measures.rows import row_texts
from approvals.measures.tables import open_table

ROWS = 530_000
COLUMNS = {
    "name": "CASE WHEN i % 11 = 0 THEN NULL WHEN i % 7 = 0 THEN ' ' ELSE 'näme ' || i % 40 END",
    "whole": "i % 5",
    "flag": "CASE WHEN i % 3 = 0 THEN NULL ELSE i % 2 = 0 END",
    "zeros": "CASE WHEN i % 2 = 0 THEN CAST('-0' AS DOUBLE) ELSE i % 3 END",
    "nothing": "CAST(NULL AS VARCHAR)",
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("cells") / "table.parquet"
    chosen = ", ".join(f"{made} AS {name}" for name, made in COLUMNS.items())
    duckdb.execute(
        f"COPY (SELECT {chosen}, CASE WHEN i % 9 > 0 THEN i / 7 END AS number FROM range({ROWS}) AS r(i)) TO '{path}'"
    )
    with open_table(path) as opened:
        yield opened


@pytest.mark.parametrize("column", COLUMNS)
def test_every_row_has_its_text(table, column):
    cells, places = row_cells(table, column)
    expected = table.texts(column)
    assert [cells[place] for place in places.tolist()] == expected
    assert len(cells) == len(set(expected))


def test_places_of_few_texts_are_two_bytes_each(table):
    assert row_cells(table, "name")[1].nbytes == 2 * ROWS


def test_texts_and_codes_are_sorted_and_missing_ones_have_their_own(table):
    found = row_texts(table, "name")
    assert found.texts == tuple(sorted(f"näme {i}" for i in range(40)))
    cells = table.texts("name")
    assert [found.texts[at] if at >= 0 else None for at in found.positions.tolist()[:5000]] == cells[:5000]
    numbers, levels = codes(table, "whole", quantiles=5)
    assert (levels, numbers.nbytes) == (("0", "1", "2", "3", "4"), ROWS)
    np.testing.assert_array_equal(numbers, np.arange(ROWS) % 5)
    numbers, levels = codes(table, "nothing", quantiles=4)
    assert levels == (WITHOUT,)
    np.testing.assert_array_equal(numbers, np.zeros(ROWS))


def test_numbers_are_read_in_order_and_cut_at_their_quantiles(table):
    expected = np.where(np.arange(ROWS) % 9 > 0, np.arange(ROWS) / 7, np.nan)
    np.testing.assert_array_equal(table.numbers("number"), expected)
    numbers, levels = codes(table, "number", quantiles=4)
    cuts = np.nanquantile(expected, [0.25, 0.5, 0.75])
    np.testing.assert_array_equal(numbers, np.where(np.isnan(expected), 4, np.searchsorted(cuts, expected)))
    assert levels[4:] == (WITHOUT,)
