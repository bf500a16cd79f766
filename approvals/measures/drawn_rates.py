"""The lowest and the highest rate of groups in every bootstrap draw of their rows. Judges nothing.

A draw resamples the rows within each group, which is a multinomial draw of its four cells. Of many groups most can
hardly be the lowest or the highest, so these are drawn only where they may be: see `rare_draws`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from approvals.measures.binomial_tables import draw, draw_of
from approvals.measures.rare_draws import bound, least_rows, reached
from approvals.measures.scores import Floats, Integers

SELECTION, TPR, FPR, ACCURACY, PRECISION = "selection rate", "TPR", "FPR", "accuracy", "precision"
RATES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    SELECTION: ((1, 1, 0, 0), (1, 1, 1, 1)),
    TPR: ((1, 0, 0, 0), (1, 0, 1, 0)),
    FPR: ((0, 1, 0, 0), (0, 1, 0, 1)),
    ACCURACY: ((1, 0, 0, 1), (1, 1, 1, 1)),
    PRECISION: ((1, 0, 0, 0), (1, 1, 0, 0)),
}
"""Each rate as (above, below) of the cells (tp, fp, fn, tn). Other rates are 1 minus one of these."""

_TOGETHER = 16
"""Groups whose draws are in memory at once, per thread; part of what a seed means."""
_FEW = 64
"""So many groups are all drawn everywhere."""
_ANCHORS, _FAR = 40, 2.0
"""Guesses, which change no law: this many groups are likely to have an extreme among them, at one standard error from
their rates; a group is seldom beyond, when this many standard errors do not take it there."""
_SELDOM = 0.02
_PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, eq=False)
class Ends:
    """Of one rate in each draw: the lowest and highest among groups, and how many of these have the rate at all."""

    low: Floats
    high: Floats
    groups: Integers

    @classmethod
    def none(cls, draws: int) -> Ends:
        """Of no groups."""
        return cls(np.full(draws, np.inf), np.full(draws, -np.inf), np.zeros(draws, dtype=np.int64))

    def include(self, other: Ends) -> None:
        """Take in other groups, in place."""
        np.minimum(self.low, other.low, out=self.low)
        np.maximum(self.high, other.high, out=self.high)
        np.add(self.groups, other.groups, out=self.groups)


@dataclass(frozen=True)
class Chosen:
    """Groups that are compared, as row numbers of the cells; `reference` is one of them that is asked for alone too."""

    rows: tuple[int, ...]
    reference: int | None = None


@dataclass(frozen=True, eq=False)
class Drawn:
    """The ends of every rate among the other groups, and of the reference group, if there is one."""

    others: Mapping[str, Ends]
    reference: Mapping[str, Ends] | None

    def every(self, rate: str) -> Ends:
        """The ends of the rate among all groups."""
        together = Ends.none(self.others[rate].low.size)
        together.include(self.others[rate])
        if self.reference:
            together.include(self.reference[rate])
        return together


def drawn_rates(cells: Integers, among: Sequence[Chosen], *, draws: int, seed: int) -> list[Drawn]:
    """The ends in each entry of `among`, from cells [groups, (tp, fp, fn, tn)]; every group has rows.

    All entries are of the same draws. Every part of the groups has a stream of its own, so that the number of
    processors changes no result.
    """
    return _Draws(cells, among, draws, seed).all()


class _Draws:
    def __init__(self, cells: Integers, among: Sequence[Chosen], draws: int, seed: int) -> None:
        self._cells, self._among, self._draws, self._seed = cells, among, draws, seed
        self._streams = 0
        self._member = np.zeros((len(among), len(cells)), dtype=np.bool_)
        for i, chosen in enumerate(among):
            self._member[i, list(chosen.rows)] = True
        self._references = {chosen.reference for chosen in among if chosen.reference is not None}
        self._others = [{name: Ends.none(draws) for name in RATES} for _ in among]
        self._alone: dict[int, dict[str, Ends]] = {}
        self._shares = {name: _shares(cells, *vectors) for name, vectors in RATES.items()}

    def all(self) -> list[Drawn]:
        wide = _wide(self._shares.values()) if len(self._cells) > _FEW else np.ones(len(self._cells), dtype=np.bool_)
        wide[list(self._references)] = True
        self._fully(np.flatnonzero(wide))
        narrow = np.flatnonzero(~wide & self._member.any(axis=0))
        if narrow.size:
            self._fully(self._seldom(narrow))
        return [
            Drawn(others, None if chosen.reference is None else self._alone[chosen.reference])
            for others, chosen in zip(self._others, self._among, strict=True)
        ]

    def _stream(self) -> np.random.Generator:
        self._streams += 1
        return np.random.default_rng((self._seed, self._streams))

    def _fully(self, rows: Integers) -> None:
        """Draw these groups in every draw."""
        parts = list(self._parts(rows))
        jobs = [(self._cells[part], self._draws, self._stream()) for part in parts]
        with ThreadPoolExecutor(max(1, min(len(jobs), _PROCESSORS))) as threads:
            for part, ends in zip(parts, threads.map(lambda job: _ends(*job), jobs), strict=True):
                first = int(part[0])
                if first in self._references:
                    self._alone[first] = ends
                for others in self._holding(first):
                    for name, end in ends.items():
                        others[name].include(end)

    def _holding(self, row: int) -> list[dict[str, Ends]]:
        """The ends of other groups that this group belongs to."""
        return [
            others
            for others, member, chosen in zip(self._others, self._member[:, row], self._among, strict=True)
            if member and chosen.reference != row
        ]

    def _parts(self, rows: Integers) -> Iterator[Integers]:
        """Groups that are compared in the same entries, a few of about the same size at a time; a reference alone."""
        kinds: dict[tuple[object, ...], list[int]] = {}
        for row in rows[np.argsort(self._cells[rows].sum(axis=1), kind="stable")].tolist():
            kinds.setdefault((*self._member[:, row], row if row in self._references else None), []).append(row)
        for same in kinds.values():
            for start in range(0, len(same), _TOGETHER):
                yield np.array(same[start : start + _TOGETHER], dtype=np.int64)

    def _seldom(self, narrow: Integers) -> Integers:
        """Draw these groups where they may be beyond the ends of the others; return those that may be so too often."""
        beyond = {name: self._beyond(name, narrow) for name in RATES}
        often = np.any([found.most > _SELDOM for found in beyond.values()], axis=0)
        stream = self._stream()
        places = {name: _candidates(stream, found, ~often, self._draws) for name, found in beyond.items()}
        below = self._below(stream, narrow, places)
        for name, (groups, draws, is_up) in places.items():
            found, m = beyond[name], below[name]
            for upper in (True, False):
                chosen = np.flatnonzero(is_up == upper)
                g = groups[chosen]
                law = (found.rate[g], found.high[g]) if upper else (1.0 - found.rate[g], 1.0 - found.low[g])
                kept, counts = reached(stream, m[chosen], *law, found.up[g] if upper else found.down[g])
                rows = m[chosen][kept]
                self._take(name, narrow[g[kept]], draws[chosen][kept], (counts if upper else rows - counts) / rows)
            for row in narrow[~often & found.defined].tolist():
                for others in self._holding(row):
                    others[name].groups[:] += 1
        return narrow[often]

    def _beyond(self, name: str, narrow: Integers) -> _Beyond:
        share = self._shares[name].of(narrow)
        low, high = np.zeros(narrow.size), np.ones(narrow.size)
        for others, member in zip(self._others, self._member[:, narrow], strict=True):
            low = np.where(member, np.maximum(low, others[name].low.max()), low)
            high = np.where(member, np.minimum(high, others[name].high.min()), high)
        surely = least_rows(share.rows, share.part)
        defined = share.part > 0
        up, down = bound(surely, share.rate, high), bound(surely, 1.0 - share.rate, 1.0 - low)
        return _Beyond(share.rate, low, high, np.where(defined, up, 0.0), np.where(defined, down, 0.0), defined)

    def _below(
        self, stream: np.random.Generator, narrow: Integers, places: Mapping[str, Places]
    ) -> dict[str, Integers]:
        """The rows that the rate is a share of, at every place; TPR and FPR share what they are shares of."""
        rows = self._cells[narrow].sum(axis=1)
        found = {name: rows[groups] for name, (groups, _, _) in places.items()}
        called = self._shares[PRECISION].part[narrow]
        found[PRECISION] = stream.binomial(found[PRECISION], called[places[PRECISION][0]])
        at = {name: places[name][0] * self._draws + places[name][1] for name in (TPR, FPR)}
        every = np.unique(np.concatenate(list(at.values())))
        groups = every // self._draws
        positives = stream.binomial(rows[groups], self._shares[TPR].part[narrow][groups])
        found[TPR] = positives[np.searchsorted(every, at[TPR])]
        found[FPR] -= positives[np.searchsorted(every, at[FPR])]
        return found

    def _take(self, name: str, rows: Integers, draws: Integers, values: Floats) -> None:
        for others, member in zip(self._others, self._member[:, rows], strict=True):
            np.minimum.at(others[name].low, draws[member], values[member])
            np.maximum.at(others[name].high, draws[member], values[member])


Places = tuple[Integers, Integers, NDArray[np.bool_]]
"""Where groups may be beyond an end: which of the groups, in which draw, and whether at the upper end."""


@dataclass(frozen=True, eq=False)
class _Shares:
    """A rate of every group, and the part of its rows that the rate is a share of; NaN where that is nothing."""

    rows: Integers
    part: Floats
    rate: Floats

    def of(self, rows: Integers) -> _Shares:
        return _Shares(self.rows[rows], self.part[rows], self.rate[rows])


@dataclass(frozen=True, eq=False)
class _Beyond:
    """Rates of groups, the ends that no draw falls short of, and bounds of the probability of being beyond them."""

    rate: Floats
    low: Floats
    high: Floats
    up: Floats
    down: Floats
    defined: NDArray[np.bool_]

    @property
    def most(self) -> Floats:
        return self.up + self.down


def _shares(cells: Integers, above: Sequence[int], below: Sequence[int]) -> _Shares:
    rows, part = cells.sum(axis=1), cells @ np.array(below, dtype=np.int64)
    with np.errstate(invalid="ignore"):
        return _Shares(rows, part / rows, (cells @ np.array(above, dtype=np.int64)) / part)


def _wide(shares: Iterable[_Shares]) -> NDArray[np.bool_]:
    """Groups that may well be extreme in a draw, or that may lack a rate in one."""
    found: list[NDArray[np.bool_]] = []
    for share in shares:
        rows = share.rows * share.part
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(share.rate * (1.0 - share.rate) / rows)
        defined = np.flatnonzero(rows > 0)
        if defined.size <= _ANCHORS:
            return np.ones(rows.size, dtype=np.bool_)
        for rate in (share.rate, 1.0 - share.rate):
            anchor = np.partition((rate + error)[defined], -_ANCHORS)[-_ANCHORS]
            found.append((rows > 0) & (rate + _FAR * error >= anchor))
        found.append((rows > 0) & (least_rows(share.rows, share.part) == 0.0))
    wide: NDArray[np.bool_] = np.any(found, axis=0)
    return wide


def _candidates(stream: np.random.Generator, beyond: _Beyond, wanted: NDArray[np.bool_], draws: int) -> Places:
    most = np.where(wanted, beyond.most, 0.0)
    times = stream.binomial(draws, most)
    groups = np.repeat(np.arange(times.size), times)
    chosen = [stream.choice(draws, size=int(n), replace=False) for n in times[times > 0]]
    at = np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)
    return groups, at, stream.random(groups.size) * most[groups] < beyond.up[groups]


def _ends(cells: Integers, draws: int, stream: np.random.Generator) -> dict[str, Ends]:
    """The ends among these groups, all drawn in every draw: actual positives first, then what is called positive."""
    rows = cells.sum(axis=1)
    tp, fp, fn, tn = cells.T
    positives = draw(stream, rows, (tp + fn) / rows, draws)
    negatives = rows[:, None] - positives
    hits = draw_of(stream, positives, tp / np.maximum(tp + fn, 1))
    alarms = draw_of(stream, negatives, fp / np.maximum(fp + tn, 1))
    called = hits + alarms
    return {
        SELECTION: _ends_of(called, rows[:, None]),
        TPR: _ends_of(hits, positives),
        FPR: _ends_of(alarms, negatives),
        ACCURACY: _ends_of(hits + negatives - alarms, rows[:, None]),
        PRECISION: _ends_of(hits, called),
    }


def _ends_of(above: Integers, below: Integers) -> Ends:
    if below.min() > 0:
        rates = above / below
        return Ends(rates.min(axis=0), rates.max(axis=0), np.full(rates.shape[1], len(rates)))
    rates = above / np.maximum(below, 1)
    lacks = np.broadcast_to(below == 0, rates.shape)
    groups = len(rates) - lacks.sum(axis=0)
    high = np.where(groups > 0, rates.max(axis=0), -np.inf)
    np.putmask(rates, lacks, np.inf)
    return Ends(rates.min(axis=0), high, groups)
