"""Binomial counts drawn only where they are at least so high, which is seldom. The law is exactly that of drawing all.

With r the rate and s > r the share that counts: P(k >= s m) <= bound = exp(-m KL(s, r)) (Chernoff 1952). A draw is a
candidate with a probability `most` >= bound; a candidate stands with bound / most; then k comes from the binomial law
of s instead of r, and is kept, if k >= s m, with probability exp(-t (k - s m)), t = log(s (1 - r) / (r (1 - s))).
Multiplied, these are the probability of k under r; everything else means that k is below s m.
"""

from __future__ import annotations

import numpy as np

from approvals.measures.scores import Floats, Integers

SURELY = 46.0
"""What happens with a probability of at most exp(-46), 1e-20, is taken not to happen: 1e-12 over all that is drawn."""


def least_rows(rows: Integers, share: Floats) -> Floats:
    """What a binomial count of `rows` with this share surely reaches, by Chernoff's lower bound; 0 where nothing."""
    mean = rows * share
    return np.maximum(0.0, mean - np.sqrt(2.0 * SURELY * mean))


def bound(rows: Floats, rate: Floats, share: Floats) -> Floats:
    """The most that P(k >= share * rows) can be for a binomial k of `rate`; 1 where the share is not above the rate."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = share * np.log(share / rate) + (1.0 - share) * np.log((1.0 - share) / (1.0 - rate))
        found = np.exp(-rows * gap)
    found = np.where(share > rate, found, 1.0)
    return np.where((share >= 1.0) | ((rate <= 0.0) & (share > 0.0)), 0.0, found)


def reached(
    stream: np.random.Generator, rows: Integers, rate: Floats, share: Floats, most: Floats
) -> tuple[Integers, Integers]:
    """Which of these candidates reach share * rows, by position, and their counts; `most` as at the top."""
    standing = np.flatnonzero(stream.random(rows.size) * most < bound(rows.astype(np.float64), rate, share))
    m, r, s = rows[standing], rate[standing], share[standing]
    drawn = stream.binomial(m, s)
    over = drawn - s * m
    slope = np.log(s * (1.0 - r) / (r * (1.0 - s)))
    kept = (over >= 0.0) & (stream.random(m.size) < np.exp(-slope * np.maximum(over, 0.0)))
    return standing[kept], drawn[kept]
