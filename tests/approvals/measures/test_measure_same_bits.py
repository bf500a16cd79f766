"""The same table gives the same numbers to the last bit, however many threads read it and in whatever blocks."""

import duckdb
import pytest

from approvals.measures import merging
from approvals.measures.calibration import calibration_measures
from approvals.measures.distance_bounds import bound_distances
from approvals.measures.distances import distances
from approvals.measures.performance import score_measures
from approvals.measures.samples import sample_of
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
