"""The same table gives the same numbers to the last bit, however many threads read it and in whatever blocks."""

import duckdb
import pytest

from approvals.measures import merging
from approvals.measures.calibration import calibration_measures
from approvals.measures.distance_bounds import bound_distances
from approvals.measures.distances import distances
from approvals.measures.performance import score_measures
from approvals.measures.samples import ArraySample, CountedSample, sample_of, samples_of
from approvals.measures.score_bounds import bound_scores
from approvals.measures.score_reading import read_scores
from approvals.measures.tables import open_table
from approvals.measures.thresholds import CostMatrix, decision_curves

ROWS = 3_000_000


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Three million rows: scores with ties, amounts of both signs with a long tail."""
    path = tmp_path_factory.mktemp("bits") / "table.parquet"
    duckdb.execute("SELECT setseed(0.3)")
    duckdb.execute(
        f"""
        COPY (
          SELECT s, CAST(random() < 0.1 + 0.7 * s AS TINYINT) AS y, x, x * 1.01 + 0.1 AS z
          FROM (SELECT CASE WHEN i % 3 = 0 THEN round(random(), 3) ELSE random() END AS s,
                       exp(3 * random()) - 5 * random() AS x FROM range({ROWS}) r(i))
        ) TO '{path}' (FORMAT parquet)
        """
    )
    return path


def everything(path, block_rows):
    with open_table(path) as table:
        scores = read_scores(table, "s", "y", positive=1, block_rows=block_rows)
        whole = block_rows > ROWS
        samples = [sample_of(table, name, block_rows=ROWS if whole else 0) for name in ("x", "z")]
        return repr(
            (
                score_measures(scores),
                calibration_measures(scores),
                decision_curves(scores, CostMatrix(false_positive=0.1, false_negative=0.7)),
                distances(*samples, quantiles=(0.1, 0.5, 0.9), block_rows=block_rows),
                [repr(bounds) for bounds in _bounds(table)],
            )
        )


def _bounds(table):
    score = bound_scores(table, "s", "y", positive=1)
    apart = bound_distances(*(sample_of(table, name, block_rows=0) for name in ("x", "z")))
    yield from (score.roc_auc, score.ks, score.average_precision, score.brier, score.log_loss)
    yield from (apart.ks, apart.wasserstein, apart.wasserstein_normalised, apart.mean(0), apart.mean(1))


def test_no_bit_depends_on_threads_or_blocks(path, monkeypatch):
    connect, found = duckdb.connect, []
    for threads, block_rows in ((2, 1 << 22), (1, 1 << 22), (2, 1_100_000)):
        monkeypatch.setattr(merging, "THREADS", threads)
        monkeypatch.setattr(
            "duckdb.connect",
            lambda place, config, threads=threads: connect(place, config=config | {"threads": str(threads)}),
        )
        found.append(everything(path, block_rows))
    assert "average_precision" in found[0]
    assert found[1] == found[0]
    assert found[2] == found[0]


def test_numbers_of_few_values_are_counted_with_the_bits_of_those_that_are_read(tmp_path):
    tables = []
    for name, shift in (("then", 0.0), ("now", 0.4)):
        tables.append(tmp_path / f"{name}.parquet")
        duckdb.execute(
            f"COPY (SELECT CASE WHEN i % 50 = 0 THEN NULL WHEN i % 77 = 0 THEN 'inf'::DOUBLE "
            f"ELSE floor(sqrt(i % 900)) / 7 - 1.5 + {shift} * (i % 3) END AS x FROM range(400000) r(i)) "
            f"TO '{tables[-1]}' (FORMAT parquet)"
        )
    with open_table(tables[0]) as then, open_table(tables[1]) as now:
        counted = samples_of(then, now, "x")
        read = [ArraySample(table.numbers("x")) for table in (then, now)]
        assert all(isinstance(sample, CountedSample) for sample in counted)
        shares = tuple(i / 10 for i in range(11))
        assert distances(*counted, quantiles=shares) == distances(*read, quantiles=shares)
        assert distances(counted[0], None, quantiles=shares) == distances(read[0], None, quantiles=shares)
        for ours, theirs in zip(counted, read, strict=True):
            assert (ours.n, ours.missing, ours.low, ours.high) == (theirs.n, theirs.missing, theirs.low, theirs.high)
            assert ours.below((-9.0, -1.5, 0.1, 0.5)) == theirs.below((-9.0, -1.5, 0.1, 0.5))
            assert ours.below(()) == theirs.below(())
            assert ours.histogram(-1.0, 1.0) == theirs.histogram(-1.0, 1.0)
            for value in (-1.5, 0.1, -1.5 + 3 / 7):
                assert ours.rows_at(value) == theirs.rows_at(value)
        mixed = distances(counted[0], read[1], quantiles=shares)
        assert mixed == distances(*read, quantiles=shares)
