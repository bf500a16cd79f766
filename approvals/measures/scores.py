"""Scores against two-valued labels, as counts per distinct score. Undefined is None, never 0.

So ties are exact and no result depends on the order of rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from approvals.measures.merging import Merged
from approvals.measures.ranks import MeanLoss, Ranks, _Reading, ranks_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Closed = Literal["right", "left"]

_BINNINGS: tuple[tuple[int, Closed], ...] = ((10, "right"), (15, "right"), (10, "left"))
"""Counted while the scores are read for anything else, so that asking for one of them reads nothing again."""


@dataclass(frozen=True, eq=False)
class Binned:
    """Rows, positives and sum of scores of every equal-width bin on [0, 1]."""

    rows: Integers
    positives: Integers
    totals: Floats


class Scores(ABC):
    """Finite scores with their labels, ascending, in blocks that fit in memory; nothing is read before it is asked.

    `left_out` counts rows with a label but no finite score.
    """

    positive_rows: int
    negative_rows: int
    left_out: int

    @abstractmethod
    def blocks(self) -> Iterator[ScoreCounts]:
        """The counts, in parts of rising scores; no score is in two of them."""

    @property
    def n(self) -> int:
        """Rows with a label and a score."""
        return self.positive_rows + self.negative_rows

    @property
    def ranks(self) -> Ranks:
        """Every rank and probability statistic."""
        return self._read[0]

    @property
    def are_probabilities(self) -> bool:
        """Whether there is a score and every score is within [0, 1]."""
        lowest, highest = self.ranks.lowest, self.ranks.highest
        return lowest is not None and highest is not None and lowest >= 0.0 and highest <= 1.0

    def binned(self, bins: int, closed: Closed) -> Binned:
        """The rows by equal-width bins on [0, 1]; the scores must be probabilities."""
        return self._read[1].get((bins, closed)) or _binned(self.blocks(), [(bins, closed)])[bins, closed]

    @cached_property
    def _read(self) -> tuple[Ranks, dict[tuple[int, Closed], Binned]]:
        binned = _Bins(_BINNINGS)
        with np.errstate(over="ignore", invalid="ignore"):  # sums of scores beyond [0, 1], which have no bins
            ranks = ranks_of(binned.counting(self.blocks()), self.positive_rows, self.negative_rows)
        return ranks, binned.found


@dataclass(frozen=True, eq=False)
class ScoreCounts(Scores):
    """How many positives and negatives have each distinct finite score, scores ascending, all in memory."""

    scores: Floats
    positives: Integers
    negatives: Integers
    left_out: int = 0

    def blocks(self) -> Iterator[ScoreCounts]:
        yield self

    @cached_property
    def positive_rows(self) -> int:  # type: ignore[override]
        """Rows with a positive label and a score."""
        return int(self.positives.sum())

    @cached_property
    def negative_rows(self) -> int:  # type: ignore[override]
        """Rows with a negative label and a score."""
        return int(self.negatives.sum())

    @classmethod
    def from_arrays(cls, labels: NDArray[np.bool_], scores: Floats) -> ScoreCounts:
        """Counts from one boolean label and one score per row; rows with a non-finite score are left out."""
        finite = np.isfinite(scores)
        return cls.from_finite(labels[finite], scores[finite] + 0.0, int(scores.size - finite.sum()))

    @classmethod
    def from_finite(cls, labels: NDArray[np.bool_], scores: Floats, left_out: int = 0) -> ScoreCounts:
        """Counts from one boolean label and one finite score per row, without negative zeros."""
        parts = list(rising(labels, scores))
        if not parts:
            return cls(np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), left_out)
        return _joined(parts, left_out)

    def part(self, start: int, stop: int) -> ScoreCounts:
        """The counts of some of the scores."""
        return ScoreCounts(self.scores[start:stop], self.positives[start:stop], self.negatives[start:stop])


def even(blocks: Iterable[ScoreCounts]) -> Iterator[ScoreCounts]:
    """The same counts in pieces of the same number of scores, small enough for the fast memory of a processor.

    What is summed in each piece and then piece after piece has the same bits, whatever blocks it was read in.
    """
    pieces = Pieces()
    for block in blocks:
        yield from pieces.add(block)
    yield from pieces.rest()


class Pieces:
    """Takes blocks of rising scores and hands out those of `even`."""

    def __init__(self) -> None:
        self._held: list[ScoreCounts] = []
        self._lacking = _PIECE

    def add(self, block: ScoreCounts) -> Iterator[ScoreCounts]:
        """The next block: the pieces that are full now. What is left is kept apart from the block."""
        start = 0
        while block.scores.size - start >= self._lacking:
            stop = start + self._lacking
            yield _joined([*self._held, block.part(start, stop)])
            start, self._held, self._lacking = stop, [], _PIECE
        if start < block.scores.size:
            left = block.part(start, block.scores.size)
            self._held.append(ScoreCounts(left.scores.copy(), left.positives.copy(), left.negatives.copy()))
            self._lacking -= left.scores.size

    def rest(self) -> Iterator[ScoreCounts]:
        """What is left when there are no more blocks."""
        if self._held:
            yield _joined(self._held)


def _joined(parts: Sequence[ScoreCounts], left_out: int = 0) -> ScoreCounts:
    if len(parts) == 1 and not left_out:
        return parts[0]
    scores, positives, negatives = (np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS)
    return ScoreCounts(scores, positives, negatives, left_out)


_ARRAYS = ("scores", "positives", "negatives")
_PIECE = 1 << 15
_PACKED_BELOW = 2.0


def rising(labels: NDArray[np.bool_], scores: Floats) -> Iterator[ScoreCounts]:
    """Pieces of rising scores from one boolean label and one finite score per row, without negative zeros."""
    if not scores.size:
        return
    if scores.min() < 0.0 or scores.max() >= _PACKED_BELOW:
        merged = Merged(scores.size)
        merged.add(scores[~labels], second=False)
        merged.add(scores[labels], second=True)
        for steps in merged.steps():
            yield ScoreCounts(steps.values, steps.second_rows, steps.first_rows)
        return
    # The bits of doubles in [0, 2) rise with their values and leave the highest bit free: the label takes the lowest,
    # so that both are sorted as one number.
    keys = scores.view(np.uint64) << np.uint64(1)
    keys |= labels.view(np.uint8)
    keys.sort()
    start = 0
    while start < keys.size:
        end = min(start + _PIECE, keys.size)
        end += int(np.searchsorted(keys[end:], keys[end - 1] | np.uint64(1), side="right"))
        piece = keys[start:end]
        yield _distinct((piece >> np.uint64(1)).view(np.float64), piece & np.uint64(1))
        start = end


def _distinct(values: Floats, is_positive: NDArray[Any]) -> ScoreCounts:
    ends = np.append(np.flatnonzero(values[1:] != values[:-1]), values.size - 1)
    sizes, positives = ends + 1, np.cumsum(is_positive, dtype=np.int64)[ends]
    sizes[1:] -= ends[:-1] + 1
    positives[1:] -= positives[:-1].copy()
    return ScoreCounts(values[ends], positives, sizes - positives)


class Gathering:
    """Adds up the scores of one group, of so many positives and negatives, that come in rising blocks."""

    def __init__(self, positives: int, negatives: int) -> None:
        self._reading, self._bins, self._pieces = _Reading(positives, negatives), _Bins(_BINNINGS), Pieces()

    def add(self, block: ScoreCounts) -> None:
        """The next block."""
        self._take(self._pieces.add(block))

    def done(self) -> tuple[Ranks, dict[tuple[int, Closed], Binned]]:
        """What `Scores` reads, when all blocks were added."""
        self._take(self._pieces.rest())
        return self._reading.done(), self._bins.found

    def _take(self, pieces: Iterable[ScoreCounts]) -> None:
        with np.errstate(over="ignore", invalid="ignore"):  # sums of scores beyond [0, 1], which have no bins
            for piece in pieces:
                self._bins.count(piece)
                self._reading.add(piece)


def of_rising(values: Floats, is_positive: NDArray[np.bool_]) -> ScoreCounts:
    """Counts from scores that rise already and whether each is positive; there must be some."""
    return _distinct(values, is_positive)


def roc_auc(counts: Scores) -> float | None:
    """Area under the ROC curve; see `ranks.Ranks`."""
    return counts.ranks.roc_auc


class _Bins:
    """Counts into bins what passes through, for several binnings at once."""

    def __init__(self, binnings: Sequence[tuple[int, Closed]]) -> None:
        self.found = {
            (bins, closed): Binned(np.zeros(bins, dtype=np.int64), np.zeros(bins, dtype=np.int64), np.zeros(bins))
            for bins, closed in binnings
        }

    def counting(self, blocks: Iterator[ScoreCounts]) -> Iterator[ScoreCounts]:
        """The same counts in even pieces, each counted as it passes."""
        for block in even(blocks):
            self.count(block)
            yield block

    def count(self, block: ScoreCounts) -> None:
        """Count one piece."""
        rows = block.positives + block.negatives
        with np.errstate(over="ignore", invalid="ignore"):  # of scores that are no probabilities, nobody asks for sums
            totals = rows * block.scores
            for (bins, closed), binned in self.found.items():
                edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]
                cuts = np.searchsorted(block.scores, edges, side="right" if closed == "right" else "left")
                starts = np.concatenate(([0], cuts))
                filled = np.diff(np.append(starts, block.scores.size)) > 0
                for values, sums in ((rows, binned.rows), (block.positives, binned.positives), (totals, binned.totals)):
                    if filled.any():
                        sums[filled] += np.add.reduceat(values, starts[filled])


def _binned(blocks: Iterator[ScoreCounts], binnings: Sequence[tuple[int, Closed]]) -> dict[tuple[int, Closed], Binned]:
    counted = _Bins(binnings)
    for _ in counted.counting(blocks):
        pass
    return counted.found


__all__ = ["Binned", "Closed", "Floats", "Integers", "MeanLoss", "ScoreCounts", "Scores", "roc_auc"]
