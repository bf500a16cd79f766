"""Entries that several rules of a policy share, read with a sentence that names the place."""

from __future__ import annotations

from typing import Any

from approvals.requirements.base import RequirementError
from approvals.stages import Role


def roles(given: Any, where: str) -> tuple[Role, ...]:
    """A list of different roles. Raises RequirementError."""
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise RequirementError(f"{where} must be a list of roles.")
    unknown = [name for name in given if name not in Role.values]
    if unknown:
        raise RequirementError(f"{where}: there is no role “{unknown[0]}”; known: {', '.join(Role.values)}.")
    if len(given) != len(set(given)):
        raise RequirementError(f"{where} names a role twice.")
    return tuple(Role(name) for name in given)


def whole(value: Any, where: str, lowest: int, highest: int) -> int:
    """A whole number within limits. Raises RequirementError."""
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise RequirementError(f"{where} must be a whole number from {lowest} to {highest}.")
    return value
