"""Canonical JSON (RFC 8785) and its SHA-256: the one way this app turns facts into digests."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785


def canonical_text(value: Any) -> str:
    """The canonical JSON text of a JSON-able value. Raises rfc8785.CanonicalizationError for anything else."""
    return rfc8785.dumps(value).decode()


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, hexadecimal."""
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()
