"""Bootstrap of the rates of groups against those of their reference group, from counts. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from approvals.measures.area_intervals import Uncertain
from approvals.measures.intervals import Interval, bootstrap
from approvals.measures.performance import RATES, Confusion
from approvals.measures.scores import Floats

MOST_GROUPS = 50
"""Beyond it the draws of every group would not fit in memory; Newcombe's and Katz's intervals are there for all."""
_NAMES = ("difference", "ratio")
_Cells = tuple[tuple[int, ...], tuple[int, ...]]

_CELLS: dict[str, _Cells] = {
    "accuracy": ((0, 3), (0, 1, 2, 3)),
    "precision": ((0,), (0, 1)),
    "recall": ((0,), (0, 2)),
    "specificity": ((3,), (1, 3)),
    "fpr": ((1,), (1, 3)),
    "fnr": ((2,), (0, 2)),
    "npv": ((3,), (2, 3)),
    "prevalence": ((0, 2), (0, 1, 2, 3)),
    "selection_rate": ((0, 1), (0, 1, 2, 3)),
}
"""Which of the cells tp, fp, fn, tn stand above and below in each rate of `performance.RATES`."""


def bootstrap_rates(
    groups: Sequence[Confusion], reference: Confusion, rates: Mapping[str, str], *, draws: int, seed: int
) -> list[dict[str, dict[str, Uncertain | None]]]:
    """Of each group and named rate its difference from the reference and its ratio to it, at 95 %.

    Rows are drawn with replacement within each group, all on the same draws; None where a value is undefined, in more
    than one of twenty draws too, where no draw differs, for too few draws and beyond MOST_GROUPS. Groups have rows.
    """
    if len(groups) > MOST_GROUPS:
        return [{name: dict.fromkeys(_NAMES) for name in rates} for _ in groups]
    every = [reference, *groups]
    cells = np.array([[c.tp, c.fp, c.fn, c.tn] for c in every], dtype=np.int64)
    kept: list[dict[str, Floats]] = []

    def evaluate(drawn: Floats) -> dict[str, Floats]:
        found = {}
        for name, rate in rates.items():
            above, below = (drawn[:, :, list(part)].sum(axis=2) for part in _CELLS[rate])
            share = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
            base = share[:, :1]
            ratio = np.divide(share, base, out=np.full_like(share, np.nan), where=base > 0)
            for place in range(1, len(every)):
                found[f"{place} {name} difference"] = share[:, place] - base[:, 0]
                found[f"{place} {name} ratio"] = ratio[:, place]
        kept.append(found)
        return found

    intervals = bootstrap(cells, evaluate, draws=draws, seed=seed)
    answers = []
    for place, group in enumerate(groups, start=1):
        of_group = {}
        for name, rate in rates.items():
            points = dict(zip(_NAMES, _points(group, reference, rate), strict=True))
            of_group[name] = {
                kind: _uncertain(point, intervals, kept, f"{place} {name} {kind}", (draws, seed))
                for kind, point in points.items()
            }
        answers.append(of_group)
    return answers


def _points(group: Confusion, reference: Confusion, rate: str) -> tuple[float | None, float | None]:
    parts = RATES[rate]
    k1, n1, k2, n2 = parts.k(group), parts.n(group), parts.k(reference), parts.n(reference)
    if not n1 or not n2:
        return None, None
    return (k1 * n2 - k2 * n1) / (n1 * n2), (k1 * n2) / (k2 * n1) if k2 else None


def _uncertain(
    point: float | None,
    intervals: Mapping[str, Interval | None],
    kept: Sequence[Mapping[str, Floats]],
    name: str,
    how: tuple[int, int],
) -> Uncertain | None:
    interval = intervals.get(name)
    if point is None or interval is None:
        return None
    every = np.sort(np.concatenate([part[name] for part in kept]))  # blocks may come in any order
    return Uncertain(point, float(np.nanstd(every, ddof=1)), interval.low, interval.high, *how)
