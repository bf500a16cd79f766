"""Whether two environment markers (PEP 508) can hold in one installation. Tried out: they are small programs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.version import InvalidVersion, Version

MOST_TRIED = 5_000
_QUOTED = re.compile(r"['\"]([^'\"]*)['\"]")
_OTHER = "another"
_PLATFORMS = (
    ("linux", "posix", "Linux"),
    ("darwin", "posix", "Darwin"),
    ("win32", "nt", "Windows"),
    ("cygwin", "posix", "CYGWIN_NT"),
    (_OTHER, _OTHER, _OTHER),
)
_IMPLEMENTATIONS = (("CPython", "cpython"), ("PyPy", "pypy"), (_OTHER, _OTHER))


def may_hold_together(one: str, other: str) -> bool:
    """Whether some environment meets both markers; no marker holds everywhere. What cannot be told may be.

    Tried are the versions of Python that a marker names with one below and one above each, every usual platform and
    implementation with the names that belong to it, and the texts that a marker names with one that it does not.
    """
    if not one or not other or one == other:
        return True
    try:
        markers = Marker(one), Marker(other)
        tried = _environments(f"{one} {other}")
        for count, environment in enumerate(tried):
            if count >= MOST_TRIED or all(marker.evaluate(environment) for marker in markers):
                return True
    except (InvalidMarker, InvalidVersion, UndefinedComparison, UndefinedEnvironmentName, RecursionError):
        return True
    return False


def _environments(text: str) -> Iterator[dict[str, str]]:
    named = list(dict.fromkeys(_QUOTED.findall(text)))
    words = (*named, _OTHER)
    pythons = list(_pythons(named))
    platforms = [*_PLATFORMS, *((word, _OTHER, _OTHER) for word in named), *((_OTHER, _OTHER, word) for word in named)]
    asks = {name: name in text for name in ("platform_machine", "platform_release", "platform_version", "extra")}
    free = [words if asked else ("",) for asked in asks.values()]
    wide = "platform_system" in text or "sys_platform" in text or "os_name" in text
    for python, platform, implementation, *rest in itertools.product(
        pythons,
        platforms if wide else _PLATFORMS[:1],
        _IMPLEMENTATIONS if "implementation" in text else _IMPLEMENTATIONS[:1],
        *free,
    ):
        yield {
            "python_version": ".".join(python.split(".")[:2]),
            "python_full_version": python,
            "implementation_version": python,
            "sys_platform": platform[0],
            "os_name": platform[1],
            "platform_system": platform[2],
            "platform_python_implementation": implementation[0],
            "implementation_name": implementation[1],
            **dict(zip(asks, rest, strict=True)),
        }


def _pythons(named: Iterable[str]) -> Iterator[str]:
    """A full version at each named one, just before and just after it, and one far from all."""
    yield "3.11.5"
    for text in itertools.chain.from_iterable(re.split(r"[\s,|]+", word) for word in named):
        try:
            release = (*Version(text.removesuffix(".*")).release, 0, 0)[:3]
        except InvalidVersion:
            continue
        major, minor, micro = release
        yield f"{major}.{minor}.{micro}"
        yield f"{major}.{minor}.{micro + 1}"
        yield f"{major}.{minor + 1}.0"
        if micro:
            yield f"{major}.{minor}.{micro - 1}"
        if minor:
            yield f"{major}.{minor - 1}.9"
