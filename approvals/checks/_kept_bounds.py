"""Bounds that scikit-learn takes for granted when it predicts, and that the numbers of an artifact could break.

How wide a row or an answer is becomes known only while predicting, so no look at the file can tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.checks.base import CheckInputError

_OUTSIDE = "The artifact is not run: its trees ask for features, categories or answers that do not exist."


@contextmanager
def kept_bounds() -> Iterator[None]:
    """While this lasts, boosted trees are given rows and places for their answers only if these are wide enough.

    Raises CheckInputError where they are not. Without it, GradientBoosting adds beyond the end of its answers, and
    HistGradientBoosting reads beyond the end of a row.
    """
    from sklearn.ensemble import _gb  # noqa: PLC0415  (only where scikit-learn is loaded anyway)
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor  # noqa: PLC0415

    add_stages, predict = _gb.predict_stages, TreePredictor.predict

    def stages(estimators: NDArray[Any], X: Any, scale: float, out: NDArray[Any]) -> Any:  # noqa: N803
        widest = max((each.tree_.n_features for each in np.ravel(estimators)), default=0)
        if estimators.shape[1] > out.shape[1] or X.shape[0] > out.shape[0] or widest > X.shape[1]:
            raise CheckInputError(_OUTSIDE)
        return add_stages(estimators, X, scale, out)

    def predicted(
        tree: Any,
        X: NDArray[Any],  # noqa: N803
        known_cat_bitsets: NDArray[Any],
        f_idx_map: NDArray[Any],
        n_threads: int,
    ) -> Any:
        inner = tree.nodes[tree.nodes["is_leaf"] == 0]
        features = inner["feature_idx"]
        if features.size and features.max() >= min(X.shape[1], len(f_idx_map)):
            raise CheckInputError(_OUTSIDE)
        if np.any(f_idx_map[features[inner["is_categorical"] != 0]] >= len(known_cat_bitsets)):
            raise CheckInputError(_OUTSIDE)
        return predict(tree, X, known_cat_bitsets, f_idx_map, n_threads)

    _gb.predict_stages, TreePredictor.predict = stages, predicted
    try:
        yield
    finally:
        _gb.predict_stages, TreePredictor.predict = add_stages, predict
