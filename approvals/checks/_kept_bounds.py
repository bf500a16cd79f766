"""Bounds that scikit-learn takes for granted when it predicts, and that the numbers of an artifact could break.

How wide a row or an answer is becomes known only while predicting, so no look at the file can tell. What is handed to
compiled code is looked at, not what the estimator says of itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.checks._kept_vectors import machine_holds_together
from approvals.checks.base import CheckInputError

_OUTSIDE = "The artifact is not run: it asks for features, categories, rows or answers that do not exist."
_OF_NORMS = frozenset({"X_norm_squared", "Y_norm_squared"})
Call = Callable[..., Any]
CALLS_OF_MACHINES = ("predict", "decision_function", "predict_proba")


@contextmanager
def kept_bounds() -> Iterator[None]:
    """While this lasts, compiled code of scikit-learn is given rows and places for answers only if these fit.

    Raises CheckInputError where they do not. Without it, boosted trees and neighbours that vote add beyond the end of
    their answers, and trees, neighbours, clusters and support vectors read beyond the end of rows.
    """
    from joblib import parallel_config  # noqa: PLC0415  (only where scikit-learn is loaded anyway)
    from sklearn.cluster import _bisect_k_means, _kmeans  # noqa: PLC0415
    from sklearn.ensemble import _gb  # noqa: PLC0415
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor  # noqa: PLC0415
    from sklearn.neighbors import _base, _classification  # noqa: PLC0415
    from sklearn.svm import _base as _machines  # noqa: PLC0415
    from sklearn.tree import BaseDecisionTree  # noqa: PLC0415

    limit_of_clusters = "_labels_inertia_threadpool_limit"
    with ExitStack() as kept:
        for owner, name, made in (
            (_gb, "predict_stages", _stages),
            (TreePredictor, "predict", _boosted),
            (BaseDecisionTree, "_validate_X_predict", _wide_enough),
            (_kmeans, limit_of_clusters, _clusters),
            (_bisect_k_means, limit_of_clusters, _clusters),
            (_base, "ArgKmin", _Neighbours),
            (_base, "RadiusNeighbors", _Neighbours),
            (_classification, "ArgKminClassMode", _Neighbours),
            (_classification, "RadiusNeighborsClassMode", _Neighbours),
            (_machines, "libsvm", _Machines),
            (_machines, "libsvm_sparse", _Machines),
        ):
            before = vars(owner)[name]
            kept.callback(setattr, owner, name, before)
            setattr(owner, name, made(before))
        # An artifact may ask for processes, which would know nothing of this.
        kept.enter_context(parallel_config(backend="sequential"))
        yield


def _require(is_within: object) -> None:
    if not is_within:
        raise CheckInputError(_OUTSIDE)


def _stages(add_stages: Call) -> Call:
    def stages(estimators: NDArray[Any], X: Any, scale: float, out: NDArray[Any]) -> Any:  # noqa: N803
        widest = max((each.tree_.n_features for each in np.ravel(estimators)), default=0)
        _require(estimators.shape[1] <= out.shape[1] and X.shape[0] <= out.shape[0] and widest <= X.shape[1])
        return add_stages(estimators, X, scale, out)

    return stages


def _boosted(predict: Call) -> Call:
    def predicted(
        tree: Any,
        X: NDArray[Any],  # noqa: N803
        known_cat_bitsets: NDArray[Any],
        f_idx_map: NDArray[Any],
        n_threads: int,
    ) -> Any:
        inner = tree.nodes[tree.nodes["is_leaf"] == 0]
        features = inner["feature_idx"]
        _require(not features.size or features.max() < min(X.shape[1], len(f_idx_map)))
        _require(np.all(f_idx_map[features[inner["is_categorical"] != 0]] < len(known_cat_bitsets)))
        return predict(tree, X, known_cat_bitsets, f_idx_map, n_threads)

    return predicted


class _wide_enough:  # noqa: N801  (stands for a method)
    """The look at rows of one tree. It can be set on a class only: a file gives estimators any attribute it likes."""

    def __init__(self, validate: Call) -> None:
        self._validate = validate

    def __get__(self, tree: Any, owner: type) -> Call:
        return functools.partial(self._rows, tree)

    def __set__(self, tree: Any, value: object) -> None:
        raise CheckInputError(_OUTSIDE)

    def _rows(self, tree: Any, rows: Any, check_input: Any) -> Any:
        found = self._validate(tree, rows, check_input)
        _require(tree.tree_.n_features <= found.shape[1])
        return found


def _clusters(labelled: Call) -> Call:
    def clusters(X: Any, sample_weight: Any, centers: Any, **others: Any) -> Any:  # noqa: N803
        _require(X.shape[1] == centers.shape[1] and X.shape[0] == len(sample_weight))
        return labelled(X, sample_weight, centers, **others)

    return clusters


class _Neighbours:
    """A search for neighbours, or a vote of them, that looks at rows and classes first."""

    def __init__(self, search: Any) -> None:
        self._search = search

    def __getattr__(self, name: str) -> Any:
        return getattr(self._search, name)

    def compute(self, X: Any, Y: Any, **others: Any) -> Any:  # noqa: N803
        """The same call as the library's."""
        _require(X.shape[1] == Y.shape[1] and 0 < others.get("k", 1) <= Y.shape[0])
        _require(not _OF_NORMS & (others.get("metric_kwargs") or {}).keys())
        if "Y_labels" in others:
            voted = np.asarray(others["Y_labels"])
            _require(voted.shape == (Y.shape[0],) and voted.min() >= 0)
            _require(voted.max() < len(others["unique_Y_labels"]))
        return self._search.compute(X=X, Y=Y, **others)


class _Machines:
    """A library of support vectors that looks at them first."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._library, name)
        kind = next((kind for kind in CALLS_OF_MACHINES if name in {kind, f"libsvm_sparse_{kind}"}), None)
        if kind is None:
            return call

        def looked_at(*given: Any, **others: Any) -> Any:
            _require(machine_holds_together(given, others, is_sparse=name != kind, votes=kind == "predict_proba"))
            return call(*given, **others)

        return looked_at
