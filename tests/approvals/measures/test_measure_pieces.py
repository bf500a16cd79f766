"""Columns that are read piece after piece, and slices of numbers that occur once, give the bits of the plain way."""

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.measures.distances import _Reading, distances
from approvals.measures.samples import ArraySample, MergedSample, samples_of
from approvals.measures.steps import SingleSteps, Steps
from approvals.measures.tables import TableError, open_table

SHARES = tuple(np.linspace(0.0, 1.0, 11).tolist())
ROWS = 300_000


def write(path, cell, rows=ROWS):
    duckdb.execute(f"COPY (SELECT {cell} AS x FROM range({rows}) r(i)) TO '{path}' (FORMAT parquet)")
    return path


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=300, unique=True),
    st.integers(0, 2**32),
    st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
    st.sampled_from([0.0, 0.3, 1.0]),
)
def test_numbers_that_occur_once_are_measured_with_the_bits_of_any_others(numbers, seed, below, share):
    values = np.unique(np.array(numbers) + 0.0)
    seconds = (np.random.default_rng(seed).random(values.size) < share).astype(np.int64)
    first_below, second_below = below
    single = SingleSteps(values, seconds, first_below, second_below, None)
    plain = Steps(values, single.first, single.second, first_below, second_below, None)
    assert single.first_rows.tolist() == plain.first_rows.tolist()
    for rows in (1_000, 2**33):  # products of rows that fit in 64 bits, and that do not
        reading = _Reading(first_below + values.size + rows, second_below + values.size + rows, SHARES)
        assert repr(reading.of(single)) == repr(reading.of(plain))


def test_columns_read_in_pieces_say_what_arrays_say_one_after_the_other(tmp_path):
    cell = "CASE WHEN i % 50 = 0 THEN NULL WHEN i % 77 = 0 THEN 'inf'::DOUBLE ELSE {} END"
    below_zero = cell.format("least(0.0, sin(i) - 0.5)")  # zero is the greatest number of some pieces only
    sides = [
        ("cos(i) * 3", "sin(i)"),
        (f"i / 7 - {ROWS}", f"-1.5 * i - {ROWS}"),
        (below_zero, cell.format("-exp(i % 9)")),
    ]
    for number, cells in enumerate(sides):
        paths = [write(tmp_path / f"{number}{side}.parquet", cell) for side, cell in enumerate(cells)]
        with open_table(paths[0]) as first, open_table(paths[1]) as second:
            for _ in range(2):  # the second time in memory that was used before
                pair = samples_of(first, second, "x")
                arrays = [ArraySample(table.numbers("x")) for table in (first, second)]
                found, expected = (distances(*both, quantiles=SHARES) for both in (pair, arrays))
                assert found == expected
                for ours, theirs in zip(pair, arrays, strict=True):
                    assert (ours.n, ours.missing, ours.low, ours.high) == (
                        theirs.n,
                        theirs.missing,
                        theirs.low,
                        theirs.high,
                    )
                    assert ours.below((-2.0, -0.5, 0.0)) == theirs.below((-2.0, -0.5, 0.0))
                del pair, ours


def test_whole_numbers_and_flags_are_read_in_pieces_as_doubles(tmp_path):
    paths = [write(tmp_path / "whole.parquet", "CAST(i * 3 AS BIGINT)"), write(tmp_path / "flag.parquet", "i % 2 = 0")]
    with open_table(paths[0]) as whole, open_table(paths[1]) as flags:
        pair = samples_of(whole, flags, "x")
        assert isinstance(pair[0], MergedSample)
        assert (pair[0].high, pair[1].high, pair[1].n) == (3.0 * (ROWS - 1), 1.0, ROWS)


def test_a_damaged_file_is_named_in_a_sentence(tmp_path):
    paths = [write(tmp_path / f"{name}.parquet", "random()") for name in ("good", "torn")]
    content = bytearray(paths[1].read_bytes())
    content[4:400_000] = bytes(399_996)
    paths[1].write_bytes(content)
    with open_table(paths[0]) as good, open_table(paths[1]) as torn, pytest.raises(TableError, match=r"torn\.parquet"):
        samples_of(good, torn, "x")
