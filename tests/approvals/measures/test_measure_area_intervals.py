import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.measures.area_intervals import MOST_DRAWN, bootstrap_area, bootstrap_share, hanley_mcneil
from approvals.measures.equal_mass import equal_mass_calibration
from approvals.measures.intervals import delong
from approvals.measures.pair_bootstrap import MOST_GROUPS, bootstrap_rates
from approvals.measures.performance import Confusion
from approvals.measures.scores import ScoreCounts


def counts_of(pairs):
    labels, scores = zip(*pairs, strict=True)
    return ScoreCounts.from_arrays(np.array(labels) == 1, np.array(scores, dtype=float))


PAIRS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10).map(lambda tenth: tenth / 10)), min_size=2)


def test_areas_without_spread_have_no_standard_error():
    assert hanley_mcneil(1.0, 10, 10) is None
    assert hanley_mcneil(0.7, 1, 10) is None


def test_a_bootstrap_of_nothing_or_of_no_difference_is_none():
    assert bootstrap_share(0, 0) is None
    assert bootstrap_share(5, 5) is None
    assert bootstrap_share(2, 5, draws=10) is None
    assert bootstrap_area(counts_of([(1, 0.1), (1, 0.4)])) is None
    assert bootstrap_area(counts_of([(1, 0.1), (0, 0.4)]), draws=MOST_DRAWN) is None


def test_a_drawn_area_is_much_like_delongs():
    stream = np.random.default_rng(3)
    labels = stream.random(800) < 0.4
    counts = ScoreCounts.from_arrays(labels, np.round(stream.normal(size=800) + labels, 1))
    drawn, exact = bootstrap_area(counts, draws=1000), delong(counts)
    assert drawn.point == exact.auc
    assert drawn.se == pytest.approx(exact.se, rel=0.1)
    assert [drawn.low, drawn.high] == pytest.approx([exact.interval.low, exact.interval.high], abs=0.01)
    assert bootstrap_area(counts, draws=1000) == drawn


def test_rates_against_a_reference_are_drawn_within_each_group():
    group, reference = Confusion(30, 10, 20, 40), Confusion(60, 5, 15, 20)
    [found] = bootstrap_rates([group], reference, {"tpr": "recall", "fpr": "fpr"}, draws=2000, seed=1)
    ratio = found["tpr"]["ratio"]
    assert ratio.point == pytest.approx((30 / 50) / (60 / 75))
    assert ratio.low < ratio.point < ratio.high
    assert found["fpr"]["difference"].point == pytest.approx(10 / 50 - 5 / 25)


def test_undefined_rates_and_too_many_groups_are_not_drawn():
    none = Confusion(0, 3, 0, 4)
    [found] = bootstrap_rates([none], Confusion(5, 5, 5, 5), {"tpr": "recall"}, draws=200, seed=0)
    assert found["tpr"] == {"difference": None, "ratio": None}
    groups = [Confusion(1, 2, 3, 4)] * (MOST_GROUPS + 1)
    drawn = bootstrap_rates(groups, Confusion(5, 5, 5, 5), {"tpr": "recall"}, draws=200, seed=0)
    assert [part["tpr"]["ratio"] for part in drawn] == [None] * len(groups)


@settings(max_examples=80, deadline=None)
@given(PAIRS, st.integers(1, 12), st.sampled_from(["right", "left"]))
def test_equal_mass_bins_are_cut_at_the_quantiles(pairs, bins, closed):
    labels, scores = np.array([y for y, _ in pairs]), np.array([s for _, s in pairs])
    cuts = np.quantile(scores, np.linspace(0, 1, bins + 1))[1:-1]
    place = np.searchsorted(cuts, scores, side="left" if closed == "right" else "right")
    gaps = [((place == b).mean(), abs(labels[place == b].mean() - scores[place == b].mean())) for b in np.unique(place)]
    found = equal_mass_calibration(counts_of(pairs), bins=bins, closed=closed)
    assert found["ece"].value == pytest.approx(sum(share * gap for share, gap in gaps), abs=1e-12)
    assert found["mce"].value == pytest.approx(max(gap for _, gap in gaps), abs=1e-12)


def test_scores_that_are_no_probabilities_are_not_calibrated():
    assert "outside 0 to 1" in equal_mass_calibration(counts_of([(1, 2.0), (0, 0.5)]))["ece"].reason
    with pytest.raises(ValueError, match="at least one bin"):
        equal_mass_calibration(counts_of([(1, 0.2)]), bins=0)
