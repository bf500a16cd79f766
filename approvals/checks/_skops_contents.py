"""Whether the numbers inside a skops object lead where they may: its library follows them without checking bounds.

Each type here was read in the library's source (scikit-learn 1.9.1, SciPy 1.17.1). A place out of bounds reads, or even
writes, memory of the process that predicts. Nothing is loaded; arrays are read as numbers only.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.checks._formats import array_in

SPARSE_LOADER = "SparseMatrixNode"
UNREADABLE = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
Node = Mapping[str, Any]
_WORDS_OF_A_SET, _LARGEST_DEGREE = 8, 32


class Objects:
    """What stands in a schema and the arrays beside it."""

    def __init__(self, archive: zipfile.ZipFile, resolved: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._archive = archive
        self._resolved = resolved

    def items(self, node: Any) -> list[Any]:
        """The members of a tuple or list."""
        found = self._resolved(node)
        if found["__loader__"] not in {"TupleNode", "ListNode"}:
            raise TypeError("no tuple")
        return list(found["content"])

    def named(self, node: Any, names: frozenset[str]) -> dict[str, Any]:
        """The members of a dictionary that has just these keys."""
        found = self._resolved(node)
        if found["__loader__"] != "DictNode" or found["content"].keys() != names:
            raise TypeError("no dictionary of these names")
        if any((one["__module__"], one["__class__"]) != ("builtins", "str") for one in self.items(found["key_types"])):
            raise TypeError("names that are no texts")
        return dict(found["content"])

    def array(self, node: Any) -> NDArray[Any]:
        """The numbers of an array."""
        found = self._resolved(node)
        if found["__loader__"] != "NdArrayNode" or found["type"] != "numpy":
            raise TypeError("no array of numbers")
        with self._archive.open(found["file"]) as member:
            return array_in(member)

    def plain(self, node: Any) -> Any:
        """A number, text or nothing that is written in the schema, or an array of one number."""
        found = self._resolved(node)
        if found["__loader__"] == "NdArrayNode":
            return self.array(found).item()
        if found["__loader__"] != "JsonNode":
            raise TypeError("no plain value")
        return json.loads(found["content"])

    def class_of(self, node: Any) -> str:
        """The class of any object."""
        return str(self._resolved(node)["__class__"])

    def arrays_of(self, node: Any) -> dict[str, NDArray[Any]]:
        """The arrays of a NumPy archive by name."""
        with self._archive.open(node["file"]) as member, zipfile.ZipFile(member) as inner:
            return {name.removesuffix(".npy"): _member(inner, name) for name in inner.namelist()}


def _member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(name) as member:
        return array_in(member)


@dataclass(frozen=True)
class Look:
    """How a type is loaded, what it is called, and whether its numbers are in order."""

    loader: str
    what: str
    is_whole: Callable[[Node, Objects], bool]
    fault: str = "leads to nodes, rows or features that do not exist"


def content_problem(node: Node, objects: Objects) -> str:
    """A sentence about an object whose numbers lead to what does not exist, else nothing."""
    sparse = node["__loader__"] == SPARSE_LOADER
    look = _SPARSE if sparse else LOOKED_INTO[f"{node['__module__']}.{node['__class__']}"]
    try:
        whole = look.is_whole(node, objects)
    except (*UNREADABLE, zipfile.BadZipFile) as error:
        return f"A {look.what} of the skops file cannot be read: {type(error).__name__}."
    return "" if whole else f"A {look.what} of the skops file {look.fault}."


def _is_whole_tree(node: Node, objects: Objects) -> bool:
    """Every branch leads on to a node behind it, and asks for a feature that the tree has. Nodes are counted right."""
    features, classes, outputs = objects.items(node["__reduce__"]["args"])
    features, of_outputs = int(objects.plain(features)), objects.array(classes)
    state = objects.named(node["content"], frozenset({"max_depth", "node_count", "nodes", "values"}))
    nodes, count = objects.array(state["nodes"]), objects.plain(state["node_count"])
    left, right, feature = nodes["left_child"], nodes["right_child"], nodes["feature"]
    place, inner = np.arange(nodes.size), left != -1
    ends = (right == -1) | inner
    leads_on = (left > place) & (left < nodes.size) & (right > place) & (right < nodes.size)
    uses_feature = (feature >= 0) & (feature < features)
    counted = nodes.size and count == nodes.size and of_outputs.shape == (objects.plain(outputs),)
    return bool(counted and np.all(ends & (~inner | (leads_on & uses_feature))))


def _is_whole_predictor(node: Node, objects: Objects) -> bool:
    """The same of a tree of histogram boosting, whose sets of categories must be there, too.

    How many features a row has is seen when it predicts (`_kept_bounds`).
    """
    names = frozenset({"nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets"})
    state = objects.named(node["content"], names)
    nodes, sets = objects.array(state["nodes"]), objects.array(state["raw_left_cat_bitsets"])
    place = np.arange(nodes.size)
    left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    leads_on = (left > place) & (left < nodes.size) & (right > place) & (right < nodes.size)
    known = (nodes["is_categorical"] == 0) | (nodes["bitset_idx"] < len(sets))
    inner_is_whole = leads_on & known & (nodes["feature_idx"] >= 0)
    shaped = nodes.ndim == 1 and sets.ndim == 2 and sets.shape[1] == _WORDS_OF_A_SET
    return bool(shaped and nodes.size and np.all((nodes["is_leaf"] != 0) | inner_is_whole))


def _is_whole_neighbourhood(sides: int) -> Callable[[Node, Objects], bool]:
    """A tree of neighbours: each node holds what its two children hold together, the root every row once."""

    def is_whole(node: Node, objects: Objects) -> bool:
        state = objects.items(node["content"])
        data, order, nodes, bounds = (objects.array(item) for item in state[:4])
        levels, count = int(objects.plain(state[5])), int(objects.plain(state[6]))
        start, end, inner = nodes["idx_start"], nodes["idx_end"], np.flatnonzero(nodes["is_leaf"] == 0)
        rows, features = data.shape
        shaped = bounds.shape == (sides, count, features) and nodes.shape == (count,) and count == 2**levels - 1
        every = order.shape == (rows,) and bool(np.array_equal(np.sort(order), np.arange(rows)))
        no_weight = objects.plain(state[12]) is None
        on_a_globe = not objects.class_of(state[11]).startswith("Haversine") or features == len(
            ("latitude", "longitude")
        )
        if not (shaped and every and no_weight and on_a_globe and rows and bool(np.all(2 * inner + 2 < count))):
            return False
        first, second = 2 * inner + 1, 2 * inner + 2
        parts = (start[first] == start[inner]) & (end[first] == start[second]) & (end[second] == end[inner])
        in_order = (start >= 0) & (start <= end) & (end <= rows)
        return bool(np.all(parts) and np.all(in_order) and start[0] == 0 and end[0] == rows)

    return is_whole


def _is_plain_distance(most: int) -> Callable[[Node, Objects], bool]:
    """A distance without weights of its own, which would have to be as many as there are features."""

    def is_whole(node: Node, objects: Objects) -> bool:
        _, weights, matrix = objects.items(node["content"])
        return objects.array(weights).size <= most and objects.array(matrix).size <= 1

    return is_whole


def _is_whole_spline(node: Node, objects: Objects) -> bool:
    """Knots in order, and a coefficient for each basis function that they make."""
    state = objects.named(node["content"], frozenset({"_t", "_c", "k", "extrapolate", "axis", "_asarray"}))
    knots, values = objects.array(state["_t"]), objects.array(state["_c"])
    degree, axis = objects.plain(state["k"]), objects.plain(state["axis"])
    if knots.ndim != 1 or not values.ndim or axis != 0 or not 0 <= degree <= _LARGEST_DEGREE:
        return False
    in_order = bool(np.all(np.isfinite(knots)) and np.all(np.diff(knots) >= 0))
    functions = knots.size - degree - 1
    return in_order and functions > degree and len(values) == functions


def _is_whole_matrix(node: Node, objects: Objects) -> bool:
    """A sparse matrix by rows or by columns whose places are within it. Other kinds are not looked into."""
    arrays = objects.arrays_of(node)
    kind = arrays["format"].item()
    name = (kind.decode("ascii") if isinstance(kind, bytes) else str(kind)).strip()
    if name not in {"csr", "csc"}:
        raise TypeError("a sparse matrix of another kind")
    rows, columns = (int(size) for size in arrays["shape"])
    across, along = (columns, rows) if name == "csr" else (rows, columns)
    places, ends, values = arrays["indices"], arrays["indptr"].astype(np.int64), arrays["data"]
    shaped = places.ndim == ends.ndim == values.ndim == 1 and ends.shape == (along + 1,)
    counted = shaped and ends[0] == 0 and bool(np.all(np.diff(ends) >= 0)) and ends[-1] == len(places) == len(values)
    return bool(counted and np.all((places >= 0) & (places < across)))


def _is_check_of_an_array(node: Node, objects: Objects) -> bool:
    """The one call that a model of scikit-learn keeps: HistGradientBoosting looks at its numbers with it."""
    called = node["content"]["func"]
    name = (called["__loader__"], called["__module__"], called["__class__"])
    plain = not objects.items(node["content"]["args"]) and objects.plain(node["content"]["namespace"]) is None
    return plain and name == ("FunctionNode", "sklearn.utils.validation", "check_array")


_SPARSE = Look(SPARSE_LOADER, "sparse matrix", _is_whole_matrix)
_DISTANCES = ("BrayCurtis", "Canberra", "Chebyshev", "Euclidean", "Hamming", "Haversine", "Manhattan")
LOOKED_INTO: Mapping[str, Look] = {
    "sklearn.tree._tree.Tree": Look("TreeNode", "decision tree", _is_whole_tree),
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": Look(
        "ObjectNode", "decision tree", _is_whole_predictor
    ),
    "sklearn.neighbors._kd_tree.KDTree": Look("ObjectNode", "tree of neighbours", _is_whole_neighbourhood(2)),
    "sklearn.neighbors._ball_tree.BallTree": Look("ObjectNode", "tree of neighbours", _is_whole_neighbourhood(1)),
    **{
        f"sklearn.metrics._dist_metrics.{name}Distance64": Look("ObjectNode", "distance", _is_plain_distance(1))
        for name in _DISTANCES
    },
    "sklearn.metrics._dist_metrics.MinkowskiDistance64": Look("ObjectNode", "distance", _is_plain_distance(0)),
    "functools.partial": Look("PartialNode", "prepared call", _is_check_of_an_array, "calls something unknown"),
    "scipy.interpolate._bsplines.BSpline": Look("ObjectNode", "spline", _is_whole_spline),
    **{
        f"scipy.sparse._{kind}.{kind}_{shape}": _SPARSE
        for kind in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
        for shape in ("array", "matrix")
    },
}
"""Types that are loaded only after a look at their numbers, whatever a policy adds."""
