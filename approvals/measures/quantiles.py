"""Quantiles from the few order statistics that they lie between, wherever those come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


class Places:
    """Which order statistics of n numbers the quantiles of these shares lie between, linear as numpy's are."""

    def __init__(self, n: int, shares: Sequence[float]) -> None:
        places = (n - 1) * np.asarray(shares, dtype=np.float64)
        self._low = np.floor(places).astype(np.int64)
        self._shares = places - self._low
        self._high = np.minimum(self._low + 1, max(n - 1, 0))
        self.ranks = np.unique(np.concatenate([self._low, self._high]))
        """The order statistics that are needed, counted from 0, rising."""

    def between(self, at_rank: Mapping[int, float]) -> tuple[float, ...]:
        """The quantiles from the order statistics by rank."""
        low, high = (np.array([at_rank[rank] for rank in ranks.tolist()]) for ranks in (self._low, self._high))
        with np.errstate(over="ignore", invalid="ignore"):
            step = high - low
            between = np.where(self._shares >= 0.5, high - step * (1.0 - self._shares), low + step * self._shares)
        wide = ~np.isfinite(step)  # further apart than a double can hold
        between[wide] = low[wide] * (1.0 - self._shares[wide]) + high[wide] * self._shares[wide]
        return tuple(between.tolist())
