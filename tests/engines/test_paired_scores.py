"""Two models are compared row by row with the same bits wherever the rows lie, and in however many ranges."""

import random

import pytest

from approvals.measures.paired_scores import Said, paired_rows, table_auc_difference, table_brier_difference
from approvals.measures.tables import open_relation, open_table

pytestmark = [
    pytest.mark.engines,
    pytest.mark.timeout(300),  # a session of Spark begins in the first
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Decisions and scores of two models with gaps, the second of few different scores."""
    draw = random.Random(11)
    lines = ["y,p,s,q,r"]
    for _ in range(300):
        y = int(draw.random() < 0.4)
        s, r = round(draw.random() * 0.6 + 0.4 * y, 3), (draw.randrange(4) + y) / 5
        cells = [y, int(s > 0.5), s, int(r > 0.5), r]
        lines.append(",".join("" if draw.random() < 0.02 else str(cell) for cell in cells))
    path = tmp_path_factory.mktemp("pairs") / "paired_scores.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["postgresql", "spark"])
def test_an_engine_says_what_a_file_says(request, pairs, tmp_path, name):
    def of(table, block_rows):
        rows = paired_rows(table, label="y", first=Said("p", "s"), second=Said("q", "r"))
        areas = table_auc_difference(rows, scratch=tmp_path, block_rows=block_rows)
        return rows.cells, areas, table_brier_difference(rows, block_rows=block_rows)

    with open_table(pairs) as table:
        expected = of(table, 10_000)
    with open_relation(*request.getfixturevalue(name)(pairs)) as table:
        assert of(table, 130) == of(table, 10_000) == expected
