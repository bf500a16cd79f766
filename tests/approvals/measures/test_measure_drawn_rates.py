"""Bootstrap draws of many groups, where most groups are drawn only where they may be extreme."""

import numpy as np
import pytest
from scipy.stats import binom

from approvals.measures.drawn_rates import RATES, Chosen, drawn_rates
from approvals.measures.rare_draws import bound, least_rows, reached

DRAWS = 4000


def cells_of(groups, small, large, seed=5):
    """Cells (tp, fp, fn, tn) of groups alike in their rates, half of them small."""
    random = np.random.default_rng(seed)
    rows = np.where(np.arange(groups) % 2, small, large)
    positives = random.binomial(rows, 0.5)
    hits, alarms = random.binomial(positives, 0.6), random.binomial(rows - positives, 0.4)
    return np.stack([hits, alarms, positives - hits, rows - positives - alarms], axis=1)


def drawn_in_full(cells, seed):
    """So few groups at a time that every one is drawn in every draw."""
    parts = [np.arange(start, min(start + 50, len(cells))) for start in range(0, len(cells), 50)]
    found = [
        drawn_rates(cells[part], [Chosen(tuple(range(part.size)))], draws=DRAWS, seed=seed + i)[0]
        for i, part in enumerate(parts)
    ]
    return {
        name: (
            np.min([part.every(name).low for part in found], axis=0),
            np.max([part.every(name).high for part in found], axis=0),
        )
        for name in RATES
    }


@pytest.mark.parametrize("large", [600, 2000, 20_000])
def test_drawing_where_it_matters_has_the_law_of_drawing_all(large):
    cells = cells_of(160, 200, large)
    found = drawn_rates(cells, [Chosen(tuple(range(160)))], draws=DRAWS, seed=1)[0]
    expected = drawn_in_full(cells, seed=100)
    for name, (low, high) in expected.items():
        ends = found.every(name)
        assert (ends.groups == 160).all()
        for ours, theirs in ((ends.low, low), (ends.high, high)):
            error = theirs.std() / np.sqrt(DRAWS)
            assert abs(ours.mean() - theirs.mean()) < 6 * error
            assert ours.std() == pytest.approx(theirs.std(), rel=0.1)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    cells = cells_of(160, 200, 2000)
    among = [Chosen(tuple(range(160))), Chosen(tuple(range(0, 160, 2)), reference=4)]
    first, again, other = (drawn_rates(cells, among, draws=500, seed=seed) for seed in (1, 1, 2))
    for name in RATES:
        assert all(np.array_equal(a.every(name).high, b.every(name).high) for a, b in zip(first, again, strict=True))
        assert not np.array_equal(first[0].every(name).high, other[0].every(name).high)


def test_the_reference_is_apart_from_the_others():
    cells = np.array([[90, 0, 0, 10], [10, 0, 0, 90], [50, 0, 0, 50]])
    drawn = drawn_rates(cells, [Chosen((0, 1, 2), reference=0)], draws=500, seed=1)[0]
    assert drawn.reference["selection rate"].low.mean() == pytest.approx(0.9, abs=0.01)
    assert drawn.others["selection rate"].high.mean() == pytest.approx(0.5, abs=0.01)
    assert drawn.others["FPR"].high.max() == 0.0


def test_counts_at_and_above_a_share_come_as_often_as_they_should():
    random, tries = np.random.default_rng(3), 200_000
    rows, rate, share = 60, 0.3, 0.42
    most = min(1.0, 1.5 * float(bound(np.array(60.0), np.array(rate), np.array(share))))
    tried = [np.full(tries, value) for value in (rows, rate, share, most)]
    _, counts = reached(random, *tried)
    for count in range(26, 34):
        expected = tries * binom.pmf(count, rows, rate) / most
        assert (counts == count).sum() == pytest.approx(expected, abs=5 * np.sqrt(expected))
    assert counts.min() == 26


def test_the_bounds_hold():
    rows = np.array([100, 1000, 100_000])
    share = np.array([0.9, 0.5, 0.01])
    assert (binom.cdf(least_rows(rows, share) - 1, rows, share) < 1e-19).all()
    levels = np.array([0.95, 0.56, 0.012])
    assert (binom.sf(np.ceil(rows * levels) - 1, rows, share) <= bound(rows, share, levels)).all()
    assert bound(rows, share, np.array([1.0, 0.4, 0.01])).tolist() == [0.0, 1.0, 1.0]
