"""A bill of materials in one shape, whichever of the formats it came in. Reads what is said; looks nothing up."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from approvals.checks._markers import may_hold_together
from approvals.checks.base import CheckInputError

LARGEST_BILL = 16 << 20
MOST_COMPONENTS = 20_000
_MOST_PAIRS = 100
MOST_VULNERABILITIES = 20_000
LONGEST_TEXT = 500
SEVERITIES = ("none", "info", "low", "medium", "high", "critical", "unknown")
"""In order; what has no severity counts as worse than all."""
_STRONG = {f"{family}{bits}": bits // 4 for family in ("sha", "sha3", "blake2b") for bits in (256, 384, 512)}
_STRONG["blake3"] = 64
_HEX = re.compile(r"[0-9a-fA-F]+")
_DIGIT, _OPEN_ENDED = re.compile(r"[0-9]"), re.compile(r"[\s*^~<>=|,\[\]()$]|(^|\.)x(\.|$)|snapshot$", re.IGNORECASE)


@dataclass(frozen=True)
class Component:
    """One component as the document states it; `where` are the conditions under which it is installed.

    `package` is its package URL without the version, `package_version` the version there.
    """

    name: str
    version: str
    licences: tuple[str, ...] = ()
    pinned: bool = False
    has_digest: bool = False
    where: str = ""
    package: str = ""
    package_version: str = ""

    @property
    def identity(self) -> str:
        """What is the same for all versions of a component."""
        return self.package or str(canonicalize_name(self.name))


@dataclass(frozen=True)
class Vulnerability:
    """One known weakness that the document itself lists, with its worst rating."""

    identifier: str
    severity: str
    state: str
    affects: str


@dataclass(frozen=True)
class Bill:
    """All components that a document lists, and how to call the document."""

    format: str
    components: tuple[Component, ...]
    states_licences: bool
    vulnerabilities: tuple[Vulnerability, ...] | None = None
    unread: tuple[str, ...] = ()
    incomplete: tuple[str, ...] | None = None
    """Of what it says about its own completeness, all that is not “complete”; None: it says nothing about that."""


def is_exact(version: str) -> bool:
    """Whether a version can stand for one release only: “unknown”, “latest”, “1.x” and “>=2” cannot."""
    return _DIGIT.search(version) is not None and _OPEN_ENDED.search(version) is None


def is_strong_digest(algorithm: str, value: str) -> bool:
    """Whether it is a digest of an algorithm that nobody can forge, of the right length."""
    length = _STRONG.get(algorithm.lower().replace("-", ""))
    return length == len(value) and _HEX.fullmatch(value) is not None


def conflicts(components: Iterable[Component]) -> dict[str, tuple[str, ...]]:
    """Components listed in more than one version, of which two may be installed together by their conditions."""
    found: dict[str, dict[str, set[str]]] = {}
    for component in components:
        found.setdefault(component.identity, {}).setdefault(component.version, set()).add(component.where)
    return {
        identity: tuple(sorted(versions))
        for identity, versions in sorted(found.items())
        if len(versions) > 1 and _overlap(versions.values())
    }


def _overlap(conditions: Iterable[set[str]]) -> bool:
    """Whether a condition of one version can hold where one of another does; of very many it is taken to."""
    pairs = (
        pair
        for first, second in itertools.combinations(conditions, 2)
        for pair in itertools.product(sorted(first), sorted(second))
    )
    tried = itertools.islice(pairs, _MOST_PAIRS)
    return any(may_hold_together(one, other) for one, other in tried) or next(pairs, None) is not None


def require_few(count: int, name: str) -> None:
    """Raise CheckInputError for a document with too many components."""
    if count > MOST_COMPONENTS:
        raise CheckInputError(
            f"{name} lists more than {MOST_COMPONENTS:,} components; attach the list of what this model needs."
        )
