"""Adjusted p values against the definitions of Holm and of Benjamini and Hochberg, and scipy."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from approvals.measures.multiplicity import adjusted, benjamini_hochberg, chance_sentence, expected_by_chance, holm
from approvals.measures.values import Measure, not_computable

probabilities = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1e-300, 0.01, 0.05, 0.5, 1.0]))


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


def p_measure(p):
    return Measure("p", p, 9) if p is not None else not_computable("p", "Not computable: nothing differs.", n=9)


@settings(deadline=None)
@given(st.lists(probabilities, min_size=1, max_size=30))
def test_holm_is_the_step_down_adjustment(p_values):
    found = holm(p_values)
    m, highest = len(p_values), 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (m - rank) * p_values[place]))
        assert found[place] == close(highest)


@settings(deadline=None)
@given(st.lists(probabilities, min_size=1, max_size=8), st.sampled_from([0.01, 0.05, 0.1]))
def test_holm_rejects_what_the_closed_test_of_bonferroni_rejects(p_values, level):
    """Holm is the closed test: a hypothesis falls when every set that has it falls by its smallest p."""
    assume(all(abs(p * size - level) > 1e-12 for p in p_values for size in range(1, len(p_values) + 1)))
    sets = [[i for i in range(len(p_values)) if number >> i & 1] for number in range(1, 2 ** len(p_values))]
    fallen = {tuple(places): min(p_values[i] for i in places) * len(places) <= level for places in sets}
    for place, p in enumerate(holm(p_values)):
        assert (p <= level) == all(rejected for places, rejected in fallen.items() if place in places)


@settings(deadline=None)
@given(st.lists(probabilities, min_size=1, max_size=30))
def test_benjamini_and_hochberg_is_that_of_scipy(p_values):
    assert benjamini_hochberg(p_values) == close(list(stats.false_discovery_control(p_values)))


@settings(deadline=None)
@given(st.lists(probabilities, max_size=30))
def test_no_adjustment_makes_a_p_smaller_and_holm_is_the_stricter(p_values):
    for p, mild, strict in zip(p_values, benjamini_hochberg(p_values), holm(p_values), strict=True):
        assert p <= mild + 1e-12
        assert mild <= strict + 1e-12
        assert strict <= 1.0


def test_the_examples_of_the_papers():
    assert holm([0.01, 0.04, 0.03, 0.005]) == close([0.03, 0.06, 0.06, 0.02])
    found = benjamini_hochberg(
        # Benjamini and Hochberg 1995, section 3.3: at 0.05 Bonferroni calls three of these fifteen small, they four.
        [
            0.0001,
            0.0004,
            0.0019,
            0.0095,
            0.0201,
            0.0278,
            0.0298,
            0.0344,
            0.0459,
            0.3240,
            0.4262,
            0.5719,
            0.6528,
            0.7590,
            1.0,
        ]
    )
    assert sum(p <= 0.05 for p in found) == 4


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("number", [-0.1, 1.1, math.nan, math.inf])
def test_what_is_no_p_value_is_refused(adjust, number):
    with pytest.raises(ValueError, match="is no p value"):
        adjust([0.5, number])
    assert adjust([]) == []


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), probabilities), max_size=20))
def test_an_undefined_p_is_no_comparison(p_values):
    found = adjusted([p_measure(p) for p in p_values])
    made = [p for p in p_values if p is not None]
    assert [item.holm.value for item in found if item.holm.computable] == holm(made)
    assert [item.benjamini_hochberg.value for item in found if item.benjamini_hochberg.computable] == (
        benjamini_hochberg(made)
    )
    for p, item in zip(p_values, found, strict=True):
        for measure in (item.holm, item.benjamini_hochberg):
            assert measure.computable == (p is not None)
            assert measure.reason == ("" if measure.computable else "Not computable: nothing differs.")
            assert measure.count("comparisons") == (len(made) if measure.computable else None)
    assert {item.holm.name for item in found} <= {"p_holm"}


@pytest.mark.parametrize(
    ("comparisons", "sentence"),
    [
        (0, "0 comparisons were made; at 5 % about 0 would be significant by chance."),
        (1, "1 comparison was made; at 5 % about 0.05 would be significant by chance."),
        (12, "12 comparisons were made; at 5 % about 0.6 would be significant by chance."),
        (1400, "1,400 comparisons were made; at 5 % about 70 would be significant by chance."),
    ],
)
def test_how_many_are_significant_by_chance_is_said(comparisons, sentence):
    assert chance_sentence(comparisons) == sentence
    assert expected_by_chance(comparisons) == comparisons / 20
