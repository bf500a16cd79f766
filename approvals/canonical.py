"""Canonical JSON (RFC 8785) and its SHA-256: the one way this app turns facts into digests.

What facts are made of is written here; whatever is rare, and every refusal, is the library's, which takes ten times as
long. A test holds both against each other.
"""

from __future__ import annotations

import hashlib
from json.encoder import encode_basestring
from typing import Any

import rfc8785

LARGEST_INTEGER = 2**53 - 1


class _Rare(Exception):
    """A value that the library writes, or refuses."""


def canonical_bytes(value: Any) -> bytes:
    """The canonical JSON of a JSON-able value. Raises rfc8785.CanonicalizationError for anything else."""
    try:
        return _written(value).encode()
    except (_Rare, TypeError, UnicodeEncodeError, RecursionError):
        return rfc8785.dumps(value)


def canonical_text(value: Any) -> str:
    """The canonical JSON text of a JSON-able value. Raises rfc8785.CanonicalizationError for anything else."""
    return canonical_bytes(value).decode()


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, hexadecimal."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def _written(value: Any) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        if not "".join(value).isascii():  # other names are sorted by their UTF-16
            raise _Rare
        return "{" + ",".join([f"{encode_basestring(name)}:{_written(value[name])}" for name in sorted(value)]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([_written(item) for item in value]) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if type(value) is float:
        text = repr(value)
        if "e" in text or "n" in text:  # an exponent, which JavaScript writes otherwise; nan and inf
            raise _Rare
        return text.removesuffix(".0") if value else "0"
    if type(value) is int and -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        return str(value)
    raise _Rare
