"""Reads lists of Python packages: requirements.txt, uv.lock, poetry.lock and pylock.toml. They state no licences."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from approvals.checks._bills import LONGEST_TEXT, Bill, Component, is_exact, is_strong_digest, require_few
from approvals.checks._strict_json import list_at, object_at, text_at, too_deep
from approvals.checks.base import CheckInputError

LARGEST_LIST = 4 << 20
MOST_SETTINGS = 5
LONGEST_LINE, LONGEST_REQUIREMENT = 20_000, 1000
_PACKAGES = re.compile(r"^\[\[(packages?)\]\]", re.MULTILINE)
_HASH = re.compile(r"\s--hash[= ](?P<algorithm>[A-Za-z0-9]+):(?P<value>\S+)")
_ELSEWHERE = re.compile(r"-[rc]|--(requirement|constraint)\b")
_EDITABLE = re.compile(r"-e|--editable\b")
_SETTING = re.compile(
    r"(-[if]|--(index-url|extra-index-url|no-index|find-links|no-binary|only-binary|prefer-binary|require-hashes|pre|"
    r"trusted-host|use-feature)\b)"
)
_IN_URL = re.compile(r"[#&](?P<algorithm>[A-Za-z0-9]+)=(?P<value>[0-9a-fA-F]+)")
_COMMIT = re.compile(r"git\+.*@[0-9a-f]{40,64}(#.*)?")
_OWN_FOLDER = (".", "")


def listed_bill(text: str, name: str) -> Bill:
    """The bill in a list of packages. Raises CheckInputError with a sentence naming the place otherwise."""
    if len(text) > LARGEST_LIST:
        raise CheckInputError(f"{name} is larger than the {LARGEST_LIST >> 20} MiB that a list of packages may have.")
    lines = text.splitlines()
    for place, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            raise CheckInputError(f"{name}: line {place:,} has more than {LONGEST_LINE:,} characters.")
    sections = sorted(set(_PACKAGES.findall(text)))
    if len(sections) > 1:
        raise CheckInputError(f"{name} lists packages in two sections, {' and '.join(sections)}; tools read only one.")
    if sections:
        return Bill("lock file", tuple(_locked(text, sections[0], name)), states_licences=False)
    required = tuple(_required(lines, name))
    return Bill("requirements list", required, states_licences=False, unread=tuple(_settings(lines)))


def _settings(lines: list[str]) -> Iterator[str]:
    """Lines that say how or from where packages are installed, which no component shows."""
    found = [(place, line) for place, line in _whole_lines(lines) if _SETTING.match(line)]
    for place, line in found[:MOST_SETTINGS]:
        yield f"Its line {place:,}, “{_shown(line)}”, which says how or from where packages are installed."
    if len(found) > MOST_SETTINGS:
        yield f"{len(found) - MOST_SETTINGS:,} more lines of that kind."


def _required(lines: list[str], name: str) -> Iterator[Component]:
    for count, (place, line) in enumerate(_whole_lines(lines), 1):
        require_few(count, name)
        component = _requirement(line, f"line {place:,}", name)
        if component is not None:
            yield component


def _whole_lines(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines without comments, continued ones joined, with the number of their first line."""
    parts: list[str] = []
    start = 1
    for place, line in enumerate(lines, 1):
        start = start if parts else place
        stripped = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        if stripped.endswith("\\"):
            parts.append(stripped[:-1])
            continue
        whole = " ".join((*parts, stripped)).strip()
        parts = []
        if whole:
            yield start, whole
    if whole := " ".join(parts).strip():
        yield start, whole


def _requirement(line: str, place: str, name: str) -> Component | None:
    if _ELSEWHERE.match(line):
        raise CheckInputError(f"{name}: {place} refers to another file; attach one file that lists everything.")
    if _EDITABLE.match(line):
        return Component(name=_shown(line), version="")
    if _SETTING.match(line):
        return None
    digests = [is_strong_digest(found["algorithm"], found["value"]) for found in _HASH.finditer(line)]
    stated = _HASH.sub("", line).strip()
    requirement = _parsed(stated)
    if requirement is None:
        raise CheckInputError(f"{name}: {place} is no requirement of a package: “{_shown(stated)}”.")
    version = _exact_version(requirement)
    url = requirement.url or ""
    return Component(
        name=requirement.name,
        version=version or str(requirement.specifier) or url,
        pinned=bool(version) or any(_strong_in(url)) or bool(_COMMIT.fullmatch(url)),
        has_digest=any(digests) or any(_strong_in(url)),
        where=str(requirement.marker or ""),
    )


def _parsed(stated: str) -> Requirement | None:
    if len(stated) > LONGEST_REQUIREMENT or not stated.isprintable():
        return None
    try:
        return Requirement(stated)
    except (InvalidRequirement, RecursionError):
        return None


def _exact_version(requirement: Requirement) -> str:
    """The only version that the requirement allows, or nothing."""
    exact = {rule.version for rule in requirement.specifier if rule.operator in ("==", "===")}
    version = exact.pop() if len(exact) == 1 else ""
    return version if is_exact(version) else ""


def _strong_in(url: str) -> Iterator[bool]:
    return (is_strong_digest(found["algorithm"], found["value"]) for found in _IN_URL.finditer(url))


def _shown(text: str) -> str:
    return text[:80] if text[:80].isprintable() else "something unprintable"


def _locked(text: str, section: str, name: str) -> Iterator[Component]:
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        why = (
            str(error)[:200] if isinstance(error, ValueError) and str(error).isprintable() else "it cannot be followed"
        )
        raise CheckInputError(f"{name} is no valid lock file: {why}.") from None
    packages = list_at(content.get(section), section, name=name)
    require_few(len(packages), name)
    if too_deep(content):
        raise CheckInputError(f"{name} nests its entries too deep.")
    for position, entry in enumerate(packages):
        place = f"{section}[{position}]"
        package = object_at(entry, place, name=name)
        if not _is_project(package):
            yield _package(package, place, name)


def _is_project(package: Mapping[str, Any]) -> bool:
    """Whether it is the project that the file locks, which uv lists beside what it needs."""
    source = package.get("source")
    return isinstance(source, dict) and any(source.get(kind) in _OWN_FOLDER for kind in ("editable", "virtual"))


def _package(package: Mapping[str, Any], place: str, name: str) -> Component:
    own = text_at(package.get("name"), f"{place}.name", longest=LONGEST_TEXT, name=name)
    if not own:
        raise CheckInputError(f"{name}: {place} has no name.")
    version = text_at(package.get("version"), f"{place}.version", longest=LONGEST_TEXT, name=name)
    digests = list(_digests(package, place, name))
    return Component(
        name=own,
        version=version,
        pinned=is_exact(version),
        has_digest=bool(digests) and all(digests),
        where=_conditions(package, place, name),
    )


def _conditions(package: Mapping[str, Any], place: str, name: str) -> str:
    """The marker of pylock.toml and poetry.lock, or the resolution markers of uv.lock."""
    stated = package.get("marker", package.get("markers", package.get("resolution-markers")))
    words = stated if isinstance(stated, list) else [stated]
    texts = [
        text_at(word, f"{place}.marker", longest=LONGEST_LINE, name=name) for word in words if isinstance(word, str)
    ]
    return texts[0] if len(texts) == 1 else " or ".join(f"({text})" for text in texts)


def _digests(package: Mapping[str, Any], place: str, name: str) -> Iterator[bool]:
    """For each file of a package whether it has a digest that nobody can forge."""
    for key in ("wheels", "files", "sdist", "archive"):
        stated = package.get(key)
        for entry in stated if isinstance(stated, list) else [] if stated is None else [stated]:
            file = object_at(entry, f"{place}.{key}", name=name)
            hashes = file.get("hashes") or {}
            pairs = dict(object_at(hashes, f"{place}.{key}.hashes", name=name))
            algorithm, _, value = str(file.get("hash", "")).partition(":")
            pairs |= {algorithm: value} if value else {}
            yield any(is_strong_digest(str(kind), str(digest)) for kind, digest in pairs.items())
