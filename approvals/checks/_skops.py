"""Whether a skops file holds only arrays and names of types that run no code of their own. Imports none of them."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from approvals.checks._archives import BROKEN, Bounds, archive_problems
from approvals.checks._formats import npy_problems, npz_problems
from approvals.checks._skops_contents import LOOKED_INTO, SPARSE_LOADER, UNREADABLE, Objects, content_problem

PROTOCOL = 2
LARGEST_SCHEMA = 256 << 20
MOST_NAMED = 10
_SCHEMA = "schema.json"
_MEMBER = re.compile(r"\d{1,20}\.(npy|npz)")
_LOADERS = frozenset(
    {
        "CachedNode",
        "DTypeNode",
        "DefaultDictNode",
        "DictNode",
        "FunctionNode",
        "JsonNode",
        "ListNode",
        "LossNode",
        "MaskedArrayNode",
        "NdArrayNode",
        "ObjectNode",
        "PartialNode",
        "RandomGeneratorNode",
        "RandomStateNode",
        "SetNode",
        "SliceNode",
        "SparseMatrixNode",
        "TreeNode",
        "TupleNode",
        "TypeNode",
    }
)
_CONTAINERS = frozenset({"DictNode", "ListNode", "TupleNode"})
_PARTIAL, _TREE, _PLACE_OF_A_TREE = "PartialNode", "TreeNode", "tree_"
_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
_LOSSES = ("sklearn._loss._loss.Cy", "sklearn.linear_model._sgd_fast.")
"""What a LossNode calls with arguments out of the file begins with one of these, and is known besides."""


@cache
def known_types() -> frozenset[str]:
    """Names that a skops file may hold under any policy."""
    lines = Path(__file__).with_name("skops_types.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


@dataclass
class SkopsReport:
    """What a skops file names and what is wrong with it."""

    types: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def skops_report(stream: BinaryIO, size: int, bounds: Bounds, extra_types: Iterable[str] = ()) -> SkopsReport:
    """Read the schema and the headers of all arrays; load no object."""
    report = SkopsReport(problems=archive_problems(stream, size, bounds))
    if report.problems:
        return report
    try:
        with zipfile.ZipFile(stream) as archive:
            _look_into(archive, report, bounds, known_types() | set(extra_types))
    except (*BROKEN, RecursionError, TypeError) as error:
        report.problems.append(f"The skops file cannot be read: {error}.")
    return report


def _look_into(archive: zipfile.ZipFile, report: SkopsReport, bounds: Bounds, allowed: frozenset[str]) -> None:
    names = set(archive.namelist())
    strange = sorted(name for name in names if name != _SCHEMA and not _MEMBER.fullmatch(name))
    report.problems += [f"The skops file has a member that does not belong in it: {name!r}." for name in strange[:5]]
    if archive.getinfo(_SCHEMA).file_size > LARGEST_SCHEMA:
        report.problems.append(f"The schema of the skops file is larger than {LARGEST_SCHEMA:,} bytes.")
    if report.problems:
        return
    for name in sorted(names - {_SCHEMA}):
        report.problems += [f"{name}: {sentence}" for sentence in _array_problems(archive, name, bounds)]
    schema = json.loads(archive.read(_SCHEMA))
    if not isinstance(schema, dict) or schema.get("protocol") != PROTOCOL:
        report.problems.append(f"The skops file must have protocol {PROTOCOL}; save it again with a current skops.")
        return
    walk = _Walk(names)
    walk.visit(schema)
    report.types = walk.types
    report.problems += walk.problems
    foreign = sorted(walk.types - allowed)
    report.problems += [
        f"The skops file names the type {name}, which is not known to be harmless." for name in foreign
    ][:MOST_NAMED]
    if not report.problems:
        objects = Objects(archive, walk.resolved)
        found = [sentence for node in walk.looked_into if (sentence := content_problem(node, objects))]
        report.problems += list(dict.fromkeys(found))[:MOST_NAMED]


def _array_problems(archive: zipfile.ZipFile, name: str, bounds: Bounds) -> list[str]:
    size = archive.getinfo(name).file_size
    with archive.open(name) as member:
        if name.endswith(".npy"):
            return npy_problems(member, size)
        return npz_problems(member, size, bounds)


class _Walk:
    """Goes through every object of the schema and collects what it names."""

    def __init__(self, members: set[str]) -> None:
        self._members = members
        self.nodes: dict[Any, dict[str, Any]] = {}
        self.types: set[str] = set()
        self.looked_into: list[dict[str, Any]] = []
        self._elsewhere: list[dict[str, Any]] = []
        self._unlike: set[Any] = set()
        self.problems: list[str] = []

    def visit(self, root: Any) -> None:
        """Everything below; without recursion, because a file can nest as deep as it likes."""
        waiting: list[tuple[str, Any]] = [("", root)]
        while waiting and len(self.problems) < MOST_NAMED:
            name, item = waiting.pop()
            if isinstance(item, dict):
                if item.keys() & {"__class__", "__module__", "__loader__"}:
                    self._visit_node(item)
                    self._elsewhere += [item] if name != _PLACE_OF_A_TREE else []
                waiting.extend(item.items())
            elif isinstance(item, list):
                waiting.extend(("", member) for member in item)
        if not self.problems and any(_is_tree(node, self.nodes) for node in self._elsewhere):
            self.problems.append("The skops file has a decision tree that belongs to no estimator, which would run it.")

    def _visit_node(self, node: dict[str, Any]) -> None:
        kind, module, loader = node.get("__class__"), node.get("__module__"), node.get("__loader__")
        if not (isinstance(kind, str) and isinstance(module, str) and isinstance(loader, str)):
            self.problems.append("The schema of the skops file has an entry without a complete type.")
            return
        self.types.add(f"{module}.{kind}")
        if loader not in _LOADERS:
            self.problems.append(
                f"The skops file asks for the loader {loader} with {module}.{kind}, which may run code."
            )
        if "file" in node and loader in {"NdArrayNode", "SparseMatrixNode"} and node["file"] not in self._members:
            self.problems.append(f"The skops file names an array that it does not contain: {node['file']!r}.")
        if loader == "RandomGeneratorNode" and _generator_of(node) not in _GENERATORS:
            self.problems.append("The skops file names a random generator that NumPy does not have.")
        self._look_into(node, f"{module}.{kind}", loader)
        self._remember(node, loader)

    def _look_into(self, node: dict[str, Any], name: str, loader: str) -> None:
        """Types whose numbers are followed without bounds come by their own loader only, so that all are seen."""
        wanted = LOOKED_INTO[name].loader if name in LOOKED_INTO else ""
        strange = (wanted or loader == _PARTIAL) and loader not in (wanted, "CachedNode")
        if strange or (loader == "LossNode" and not name.startswith(_LOSSES)):
            self.problems.append(
                f"The skops file asks for the loader {loader} with {name}, which does not belong to it."
            )
        elif (wanted and loader == wanted) or loader == SPARSE_LOADER:
            self.looked_into.append(node)

    def _remember(self, node: dict[str, Any], loader: str) -> None:
        """The loader takes the first object of an identity for all later ones, so they must be of one kind and file.

        Their insides may differ: skops numbers what an object makes for the occasion anew each time. Which ones do is
        kept, because what is looked into must be what is loaded.
        """
        identity = node.get("__id__")
        if identity is None or loader == "CachedNode":
            return
        first = self.nodes.setdefault(identity, node)
        if _outside(first) != _outside(node):
            self.problems.append("The schema of the skops file gives one identity to two different objects.")
        elif loader in _CONTAINERS and _members(first) != _members(node):
            self._unlike.add(identity)

    def resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        """The object that a reference stands for; ValueError if the loader might take another one."""
        identity = node.get("__id__")
        if identity in self._unlike:
            raise ValueError("two objects of one identity")
        return self.nodes[identity] if node["__loader__"] == "CachedNode" else node


def _is_tree(node: Mapping[str, Any], known: Mapping[Any, Mapping[str, Any]]) -> bool:
    """Whether it is, or stands for, a compiled tree; a tree alone asks for features that a row may not have."""
    meant = known.get(node.get("__id__"), node) if node["__loader__"] == "CachedNode" else node
    return bool(meant["__loader__"] == _TREE)


def _outside(node: Mapping[str, Any]) -> tuple[Any, ...]:
    text = node.get("content") if node["__loader__"] == "JsonNode" else None
    return (node["__loader__"], node["__module__"], node["__class__"], node.get("file"), text)


def _members(node: Mapping[str, Any]) -> Any:
    """What a container holds, each by its identity; the insides of these are compared where they stand."""
    content = node.get("content")
    items = content.items() if isinstance(content, dict) else enumerate(content if isinstance(content, list) else ())
    return [(key, _reference(item)) for key, item in items]


def _reference(item: Any) -> Any:
    known = isinstance(item, dict) and {"__id__", "__loader__", "__module__", "__class__"} <= item.keys()
    return (item["__id__"], _outside(item)) if known else item


def _generator_of(node: Mapping[str, Any]) -> Any:
    try:
        return json.loads(node["content"]["bit_generator"]["content"]["bit_generator"]["content"])
    except UNREADABLE:
        return None
