"""What half of each value's rows says of the other half, against every halving of small tables."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.measures.held_out import ValuesOfSize, held_out_area, held_out_correlation


def halvings(labels):
    """Every way to learn from half of a value's rows, each with its chance: what is learnt, and what is not."""
    sizes = {len(labels) // 2, len(labels) - len(labels) // 2}
    for size in sizes:
        chance = 1 / len(sizes) / math.comb(len(labels), size)
        for chosen in itertools.combinations(range(len(labels)), size):
            rest = [label for place, label in enumerate(labels) if place not in chosen]
            yield chance, [labels[place] for place in chosen], rest


def every_halving(values):
    for parts in itertools.product(*(list(halvings(labels)) for labels in values)):
        yield math.prod(part[0] for part in parts), [(learnt, rest) for _, learnt, rest in parts]


def area_by_hand(values):
    everything = [label for labels in values for label in labels]
    overall = sum(everything) / len(everything)
    won = pairs = 0.0
    for chance, parts in every_halving(values):
        scored = [(sum(a) / len(a) if a else overall, label) for a, b in parts for label in b]
        for share, label in scored:
            for other, low in scored:
                if label > low:
                    pairs += chance
                    won += chance * ((share > other) + (share == other) / 2)
    return won / pairs if pairs else None


def patterns(values):
    found: dict[tuple[int, int], int] = {}
    for labels in values:
        found[sum(labels), len(labels)] = found.get((sum(labels), len(labels)), 0) + 1
    return [(*pattern, count) for pattern, count in found.items()]


VALUES = st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=5), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(VALUES.filter(lambda values: math.prod(len(list(halvings(labels))) for labels in values) < 3000))
def test_the_area_is_that_of_every_halving(values):
    expected, found = area_by_hand(values), held_out_area(patterns(values))
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-12))
    assert held_out_area(reversed(patterns(values))) == found


NUMBERS = st.lists(st.lists(st.integers(-6, 6), min_size=1, max_size=4), min_size=2, max_size=4)


def sizes_of(values):
    return [
        ValuesOfSize(
            n,
            sum(len(one) == n for one in values),
            *(
                sum(moment(one) for one in values if len(one) == n)
                for moment in (lambda one: sum(one) ** 2, lambda one: sum(label**2 for label in one))
            ),
        )
        for n in sorted({len(one) for one in values})
    ]


@settings(max_examples=40, deadline=None)
@given(NUMBERS)
def test_the_correlation_has_the_moments_of_every_halving(values):
    both = means = labels = 0.0
    for chance, parts in every_halving(values):
        for learnt, rest in parts:
            mean = sum(learnt) / len(learnt) if learnt else 0.0
            both += chance * sum(mean * label for label in rest)
            means += chance * len(rest) * mean**2
            labels += chance * sum(label**2 for label in rest)
    found = held_out_correlation(sizes_of(values))
    if not labels:
        assert found is None
    elif means < 1e-9:
        assert found == pytest.approx(0.0, abs=1e-6)
    else:
        assert found == pytest.approx(both / math.sqrt(means * labels), abs=1e-9)


def test_one_class_and_no_rows_have_no_area():
    assert held_out_area([]) is None
    assert held_out_area([(3, 3, 5)]) is None
    assert held_out_area([(1, 2, 1)]) is None  # one row in each half
    assert held_out_correlation([]) is None


def test_unique_values_say_nothing_and_values_of_one_label_everything():
    assert held_out_area([(1, 1, 400), (0, 1, 9600)]) == 0.5
    assert held_out_area([(4, 4, 40), (0, 4, 960)]) == 1.0
    assert held_out_area([(1, 2, 500)]) == 0.0  # a row's fellow has the other label
    assert held_out_correlation([ValuesOfSize(1, 100, 5000, 5000)]) == 0.0
    assert held_out_correlation([ValuesOfSize(3, 100, 9 * 5000, 3 * 5000)]) == 1.0


def test_noise_is_one_half_though_values_are_rare():
    draw = np.random.default_rng(5)
    areas, in_sample, correlations = [], [], []
    for _ in range(60):
        values = np.repeat(np.arange(400), draw.integers(1, 6, 400))
        labels = (draw.random(values.size) < 0.3).astype(int)
        n, k = np.bincount(values), np.bincount(values, labels).astype(int)
        areas.append(held_out_area(zip(k, n, itertools.repeat(1))))
        share = (k / n)[values]
        higher = share[labels == 1][:, None] - share[labels == 0][None, :]
        in_sample.append(float(np.mean((higher > 0) + (higher == 0) / 2)))
        ranks = 2 * np.argsort(np.argsort(draw.random(values.size))) - values.size + 1
        s, q = np.bincount(values, ranks), np.bincount(values, ranks.astype(float) ** 2)
        sizes = [ValuesOfSize(i, 0, round((s[n == i] ** 2).sum()), round(q[n == i].sum())) for i in range(1, 6)]
        correlations.append(held_out_correlation(sizes))
    assert np.mean(areas) == pytest.approx(0.5, abs=4 * float(np.std(areas)) / math.sqrt(60))
    assert max(areas) < 0.56
    assert np.mean(correlations) == pytest.approx(0.0, abs=4 * float(np.std(correlations)) / math.sqrt(60))
    assert min(in_sample) > 0.75  # what the share in the very same rows would have said


def test_values_of_very_many_rows_take_no_longer():
    assert held_out_area([(3_000_000, 10_000_000, 100), (300, 1_000, 5)]) == pytest.approx(0.5, abs=1e-3)
    assert held_out_area([(9_000_000, 9_000_001, 3), (0, 9_000_000, 3)]) == pytest.approx(1.0, abs=1e-6)
