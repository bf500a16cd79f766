"""JSON into frozen dataclasses, strictly: an unknown, missing or wrongly typed entry is refused by name; and back.

A field with the metadata ADDED came after cards were issued without it. While it says nothing it is not written, so
that an earlier card gives the same bytes, and with them the digest that it was signed under, for ever.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any


class CardFormatError(ValueError):
    """A document that does not fit the schema; the sentence names the place."""


ADDED = {"added after cards were issued without it": True}
"""Metadata of such a field; its default must say nothing."""


def written(value: Any) -> Any:
    """Plain JSON values; `typed` gives the equal value back."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: written(getattr(value, item.name))
            for item in dataclasses.fields(value)
            if not (item.metadata == ADDED and getattr(value, item.name) == item.default)
        }
    if isinstance(value, tuple | list):
        return [written(item) for item in value]
    return {key: written(item) for key, item in value.items()} if isinstance(value, dict) else value


def typed(kind: Any, data: Any, where: str) -> Any:
    """The value of `kind` that JSON `data` stands for. Raises CardFormatError."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _typed_object(kind, data, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and isinstance(data, list | tuple):
        if arguments[-1] is Ellipsis:
            return tuple(typed(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(data))
        if len(arguments) == len(data):
            return tuple(typed(one, item, where) for one, item in zip(arguments, data, strict=True))
    if origin in {typing.Union, types.UnionType}:
        return _typed_choice(arguments, data, where)
    if origin is dict and isinstance(data, dict):
        return data
    if kind in {str, bool, int, float} and _is_plain(kind, data):
        return data
    raise CardFormatError(f"{where} is not what the schema asks for.")


def _is_plain(kind: type, data: Any) -> bool:
    if kind is float:
        return isinstance(data, float | int) and not isinstance(data, bool)
    return type(data) is kind


def _typed_choice(arguments: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and types.NoneType in arguments:
        return None
    for one in arguments:
        if dataclasses.is_dataclass(one):
            return typed(one, data, where)
        if one in {str, int, float} and _is_plain(one, data):
            return data
    raise CardFormatError(f"{where} is not what the schema asks for.")


def _typed_object(kind: type, data: Any, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise CardFormatError(f"{where} must be an object.")
    hints = _hints(kind)
    if unknown := sorted(set(data) - set(hints)):
        raise CardFormatError(f"{where} has entries that the schema does not know: {', '.join(unknown)}.")
    for item in dataclasses.fields(kind):
        has_default = item.default is not dataclasses.MISSING or item.default_factory is not dataclasses.MISSING
        if item.name not in data and not has_default:
            raise CardFormatError(f"{where}.{item.name} is missing.")
    return kind(**{name: typed(hints[name], data[name], f"{where}.{name}") for name in hints if name in data})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
