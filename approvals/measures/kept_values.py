"""Numbers, tables of counts and carried sums as plain JSON and back, bit for bit. Nothing that is read can run.

Only values and objects of the measures are known; anything else is not kept.
"""

from __future__ import annotations

import base64
import importlib
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

_OURS = "approvals.measures."
_NUMBERS = "biuf"
_TAG = "~"


UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ImportError, ArithmeticError, RecursionError)
"""What `from_plain` raises for anything that `as_plain` did not write."""


class NotKeptError(Exception):
    """A value of a kind that is not kept."""


def as_plain(value: Any) -> Any:
    """A value as JSON can say it. Raises NotKeptError for kinds that it cannot."""
    if value is None or type(value) in (bool, int, float, str):
        return value  # JSON in Python writes every bit of a double, and infinity too
    if isinstance(value, list):
        return [as_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _numbers(value)
    if isinstance(value, dict):
        return {_TAG: "dict", "of": [[as_plain(key), as_plain(item)] for key, item in value.items()]}
    for kind, (write, _) in _SIMPLE.items():
        if type(value).__name__ == kind:
            return {_TAG: kind, "of": write(value)}
    return _object(value)


def _object(value: Any) -> dict[str, Any]:
    if not type(value).__module__.startswith(_OURS) or callable(value):
        raise NotKeptError(type(value).__name__)
    names = [item.name for item in fields(value)] if is_dataclass(value) else list(vars(value))
    return {_TAG: _name_of(value), "of": {name: as_plain(getattr(value, name)) for name in names}}


def _name_of(value: Any) -> str:
    return f"{type(value).__module__.removeprefix(_OURS)}:{type(value).__qualname__}"


def _numbers(value: Any) -> dict[str, Any]:
    array = np.asarray(value)
    if array.dtype.kind not in _NUMBERS or isinstance(value, np.ma.MaskedArray):
        raise NotKeptError(str(array.dtype))
    content = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {_TAG: "number" if isinstance(value, np.generic) else "array", "of": [array.dtype.str, array.shape, content]}


def from_plain(said: Any) -> Any:
    """What `as_plain` wrote. Raises one of UNREADABLE for anything else."""
    if isinstance(said, list):
        return [from_plain(item) for item in said]
    if not isinstance(said, dict):
        return said
    kind, of = said[_TAG], said["of"]
    if kind == "dict":
        return {from_plain(key): from_plain(item) for key, item in of}
    if kind in ("array", "number"):
        return _array(*of, scalar=kind == "number")
    if kind in _SIMPLE:
        return _SIMPLE[kind][1](of)
    return _built(kind, of)


def _array(dtype: str, shape: list[int], content: str, *, scalar: bool) -> Any:
    if np.dtype(dtype).kind not in _NUMBERS:
        raise ValueError(dtype)
    array = np.frombuffer(base64.b64decode(content, validate=True), dtype=dtype).reshape(shape).copy()
    return array[()] if scalar else array


def _built(kind: str, of: dict[str, Any]) -> Any:
    module, _, name = kind.partition(":")
    if not module.isidentifier() or not name.isidentifier():
        raise ValueError(kind)
    found = getattr(importlib.import_module(_OURS + module), name)
    if not isinstance(found, type) or not found.__module__.startswith(_OURS):
        raise ValueError(kind)
    values = {key: from_plain(item) for key, item in of.items()}
    if is_dataclass(found):
        return found(**values)
    made: Any = object.__new__(found)
    vars(made).update(values)
    return made


def _pair(said: list[Any]) -> tuple[Any, ...]:
    return tuple(from_plain(item) for item in said)


_SIMPLE: dict[str, tuple[Any, Any]] = {
    "tuple": (lambda value: [as_plain(item) for item in value], _pair),
    "Decimal": (str, Decimal),
    "datetime": (datetime.isoformat, datetime.fromisoformat),
    "date": (date.isoformat, date.fromisoformat),
}


def state_of(carried: object) -> dict[str, Any]:
    """What an object holds that adds something up, without what it was given to call."""
    return {name: value for name, value in vars(carried).items() if not callable(value)}
