"""Whether what libsvm is given holds together: it follows numbers of support vectors and classes without bounds.

Read in scikit-learn 1.9.1 (`svm/src/libsvm`): `l` support vectors, each with k - 1 coefficients for k classes, and
k (k - 1) / 2 intercepts; regression and one class count as two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CLASSIFIES, _FEWEST = 2, 2
"""Machines of lower numbers tell classes apart; each has two or more."""


@dataclass(frozen=True)
class Vectors:
    """What there is of a machine."""

    kind: int
    vectors: int
    coefficients: int
    intercepts: int
    of_classes: NDArray[Any]
    first: int
    second: int
    needs_chances: bool

    @property
    def hold_together(self) -> bool:
        """Whether every number that is followed leads to what is there."""
        classes = len(self.of_classes)
        pairs = classes * (classes - 1) // 2
        sized = classes >= _FEWEST and self.coefficients == (classes - 1) * self.vectors and self.intercepts == pairs
        none = self.first == self.second == 0 and not self.needs_chances
        chances = none or self.first == self.second == pairs
        if self.kind < _CLASSIFIES:
            sized = sized and bool(np.all(self.of_classes >= 0)) and int(self.of_classes.sum()) == self.vectors
        return sized and chances


def machine_holds_together(given: Sequence[Any], named: Mapping[str, Any], *, is_sparse: bool, votes: bool) -> bool:
    """Looks at the arguments of one call of libsvm, as scikit-learn makes it."""
    return _sparse(given, votes=votes) if is_sparse else _dense(given, named, votes=votes)


def _dense(given: Sequence[Any], named: Mapping[str, Any], *, votes: bool) -> bool:
    rows, support, vectors, of_classes, coefficients, intercepts, first, second = given[:8]
    count = len(support)
    if named["kernel"] == "precomputed":
        within = bool(np.all((support >= 0) & (support < rows.shape[1])))
    else:
        within = len(vectors) == count and (not count or vectors.shape[1] == rows.shape[1])
    kind = named["svm_type"]
    sizes = (coefficients.size, intercepts.size, of_classes, first.size, second.size)
    return within and Vectors(kind, count, *sizes, needs_chances=votes).hold_together


def _sparse(given: Sequence[Any], *, votes: bool) -> bool:
    from sklearn.svm._base import BaseLibSVM  # noqa: PLC0415  (only where scikit-learn is loaded anyway)

    ends, coefficients, intercepts, kind, kernel = given[5:10]
    may_vote, of_classes, first, second = given[19:23]
    if BaseLibSVM._sparse_kernels[kernel] == "precomputed":  # noqa: SLF001  (is not trained on sparse rows)
        return False
    sizes = (len(coefficients), intercepts.size, of_classes, first.size, second.size)
    return Vectors(kind, len(ends) - 1, *sizes, needs_chances=votes or bool(may_vote)).hold_together
