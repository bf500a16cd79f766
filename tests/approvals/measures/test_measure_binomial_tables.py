"""Binomial counts from tables: the law is scipy's, one by one and of counts that were drawn themselves."""

import numpy as np
import pytest
from scipy.stats import binom, chisquare

from approvals.measures.binomial_tables import MOST_ROWS, draw, draw_of

DRAWS = 20_000
LAWS = [(1, 0.3), (7, 0.0), (7, 1.0), (30, 0.5), (64, 0.97), (200, 0.02), (900, 0.61)]


@pytest.mark.parametrize(("rows", "share"), [*LAWS, (MOST_ROWS + 1, 0.4)])
def test_counts_come_as_often_as_they_should(rows, share):
    drawn = draw(np.random.default_rng(1), np.array([rows, 5]), np.array([share, 0.5]), DRAWS)
    assert_law(drawn[0], rows, share)
    assert_law(drawn[1], 5, 0.5)


@pytest.mark.parametrize("rows", [12, 80, 2000])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.55, 1.0])
def test_counts_of_drawn_counts_come_as_often_as_they_should(rows, share):
    stream = np.random.default_rng(2)
    among = draw(stream, np.array([rows, rows]), np.array([0.4, 0.9]), DRAWS)
    drawn = draw_of(stream, among, np.array([share, 0.3]))
    assert (drawn <= among).all()
    assert drawn.min() >= 0
    assert_law(drawn[0], rows, 0.4 * share)
    assert_law(drawn[1], rows, 0.9 * 0.3)
    middle = among[0] == np.median(among[0])  # and within one number of rows
    assert_law(drawn[0][middle], int(np.median(among[0])), share)


def test_nothing_is_drawn_of_no_rows():
    assert not draw_of(np.random.default_rng(3), np.zeros((2, 5), dtype=np.int64), np.array([0.0, 0.4])).any()


def assert_law(drawn, rows, share):
    expected = binom.pmf(np.arange(rows + 1), rows, share) * drawn.size
    often = expected > 5
    seen = np.bincount(drawn, minlength=rows + 1)
    if often.sum() < 2:
        assert seen[often] == pytest.approx(drawn.size)
        return
    rest = max(expected[~often].sum(), 1e-9)
    found = chisquare([*seen[often], seen[~often].sum() + 1], [*(expected[often]), rest + 1], sum_check=False)
    assert found.pvalue > 1e-4
