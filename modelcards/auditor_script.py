"""The one file that an auditor runs without the portal: the verifier of cards with all that it needs, in one."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from types import ModuleType

from modelcards import (
    continuations,
    countersignatures,
    detached,
    envelopes,
    file_states,
    increments,
    offline,
    packs,
    pdf_objects,
    permitted,
    proofs,
    revisions,
    revocation,
    sealed_part,
    standing,
    timestamps,
    trust,
)
from portal import merkle

SCRIPT_NAME = "verify_card.py"
PARTS: tuple[ModuleType, ...] = (
    detached,
    pdf_objects,
    trust,
    timestamps,
    revisions,
    increments,
    file_states,
    permitted,
    continuations,
    revocation,
    proofs,
    countersignatures,
    standing,
    sealed_part,
    merkle,
    envelopes,
    packs,
)
"""In the order in which they need each other."""
OURS = ("modelcards", "portal")


def auditor_script() -> str:
    """The source of the script: the standard library and `cryptography` are all it needs.

    Raises RuntimeError if two of its parts use a name for two things.
    """
    source = _source(offline)
    body = ast.parse(source).body
    first = next(node for node in body if isinstance(node, ast.ImportFrom) and _is_ours(node))
    parts = [_body(part) for part in PARTS]
    lines = source.splitlines()
    text = "\n".join([*lines[: first.lineno - 1], *parts, _without(source, first.lineno)])
    _refuse_double_names(text)
    return text


def _source(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text("utf-8")


def _is_ours(node: ast.ImportFrom) -> bool:
    return (node.module or "").partition(".")[0] in OURS


def _body(module: ModuleType) -> str:
    """A module's source without its docstring, its imports of ours and its own command line."""
    source = _source(module)
    docstring = ast.parse(source).body[0]
    return _without(source, (docstring.end_lineno or 0) + 1, names=("main",))


def _without(source: str, start: int, names: tuple[str, ...] = ()) -> str:
    dropped: set[int] = set(range(1, start))
    for node in ast.parse(source).body:
        is_main = isinstance(node, ast.If) and "__name__" in ast.dump(node.test) and bool(names)
        is_named = isinstance(node, ast.FunctionDef) and node.name in names
        if is_main or is_named or (isinstance(node, ast.ImportFrom) and _is_ours(node)):
            dropped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    kept = (line for number, line in enumerate(source.splitlines(), start=1) if number not in dropped)
    return "\n".join(kept).strip("\n") + "\n\n"


def _refuse_double_names(text: str) -> None:
    names: Counter[str] = Counter()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] += 1
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name))
    double = sorted(name for name, count in names.items() if count > 1)
    if double:
        message = f"Parts of the auditor's script use one name twice: {', '.join(double)}."
        raise RuntimeError(message)
