"""Reads a CycloneDX document in JSON, versions 1.4 to 1.7: its components, nested ones too, and its vulnerabilities."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from approvals.checks._bills import (
    LONGEST_TEXT,
    MOST_VULNERABILITIES,
    SEVERITIES,
    Bill,
    Component,
    Vulnerability,
    is_exact,
    is_strong_digest,
    require_few,
)
from approvals.checks._licences import LONGEST_EXPRESSION
from approvals.checks._strict_json import list_at, object_at, text_at
from approvals.checks.base import CheckInputError

MOST_NAMED = 20
VERSIONS = ("1.4", "1.5", "1.6", "1.7")
UNNAMED = "not named"
_PURL = re.compile(r"pkg:(?P<type>[A-Za-z0-9.+-]+)/(?P<path>[^@?#]+)(@(?P<version>[^?#]*))?")
_READ = {"components", "vulnerabilities", "compositions"}
_ABOUT_ITSELF = {"$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "signature"}
_SCORES = ((0.0, "none"), (3.9, "low"), (6.9, "medium"), (8.9, "high"), (10.0, "critical"))
"""The highest score of each severity (CVSS 3.1, section 5)."""


def cyclonedx_bill(content: Any, name: str) -> Bill:
    """The bill in a CycloneDX document. Raises CheckInputError with a sentence naming the place otherwise."""
    document = object_at(content, "the document", name=name)
    if document.get("bomFormat") != "CycloneDX":
        raise CheckInputError(f"{name} is JSON, but no CycloneDX document: its bomFormat is not CycloneDX.")
    version = document.get("specVersion")
    if version not in VERSIONS:
        raise CheckInputError(f"{name} must be of CycloneDX {VERSIONS[0]} to {VERSIONS[-1]}, as its specVersion says.")
    components = tuple(_component(item, place, name) for place, item in _all_components(document, name))
    listed = document.get("vulnerabilities")
    unread = sorted(word for word in document.keys() - _READ - _ABOUT_ITSELF if document[word])
    return Bill(
        format=f"CycloneDX {version}",
        components=components,
        states_licences=True,
        vulnerabilities=None if listed is None else _vulnerabilities(listed, name),
        unread=(*_subject(document), *(f"Its section “{word[:60]}”." for word in unread[:MOST_NAMED])),
        incomplete=_incomplete(document, name),
    )


def _subject(document: Mapping[str, Any]) -> tuple[str, ...]:
    metadata = document.get("metadata")
    there = isinstance(metadata, dict) and metadata.get("component")
    return ("The licence of what the bill is about, its metadata.component; what that contains was looked at.",) * bool(
        there
    )


def _incomplete(document: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    """What the document says of its own parts that is not “complete”, such as “incomplete” or “unknown”."""
    stated = list_at(document.get("compositions"), "compositions", name=name)
    if not stated:
        return None
    words = [
        text_at(
            object_at(entry, f"compositions[{position}]", name=name).get("aggregate"),
            f"compositions[{position}].aggregate",
            longest=LONGEST_TEXT,
            name=name,
        )
        for position, entry in enumerate(stated)
    ]
    return tuple(word or "not specified" for word in words if word != "complete")


def _all_components(document: Mapping[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every component in order of the document with its place, without recursion; last those inside its subject."""
    count = 0
    about = object_at(
        object_at(document.get("metadata") or {}, "metadata", name=name).get("component") or {},
        "metadata.component",
        name=name,
    )
    waiting = [*_placed(about, "metadata.component.components", name), *_placed(document, "components", name)]
    while waiting:
        place, item = waiting.pop()
        count += 1
        require_few(count + len(waiting), name)
        component = object_at(item, place, name=name)
        waiting += _placed(component, f"{place}.components", name)
        yield place, component


def _placed(owner: Mapping[str, Any], place: str, name: str) -> list[tuple[str, Any]]:
    inner = list_at(owner.get("components"), place, name=name)
    return [(f"{place}[{position}]", inner[position]) for position in reversed(range(len(inner)))]


def _component(item: Mapping[str, Any], place: str, name: str) -> Component:
    def text(key: str) -> str:
        return text_at(item.get(key), f"{place}.{key}", longest=LONGEST_TEXT, name=name)

    own, group, version = text("name"), text("group"), text("version")
    if not own:
        raise CheckInputError(f"{name}: {place} has no name.")
    full = f"{group}/{own}" if group else own
    purl = _PURL.match(text("purl"))
    evidence = object_at(item.get("evidence") or {}, f"{place}.evidence", name=name)
    return Component(
        name=full,
        version=version,
        # What somebody found in the files holds beside what is declared.
        licences=(*_licences(item, place, name), *_licences(evidence, f"{place}.evidence", name)),
        pinned=is_exact(version),
        has_digest=_has_digest(item, place, name),
        package=_package(purl, full),
        package_version=unquote(purl["version"] or "") if purl else "",
    )


def _package(purl: re.Match[str] | None, name: str) -> str:
    """The package URL without its version; what it leaves open is the name."""
    if not purl:
        return f"component {name}"
    kind, path = purl["type"].lower(), unquote(purl["path"]).strip("/")
    return f"pkg:{kind}/{canonicalize_name(path) if kind == 'pypi' else path}"


def _licences(item: Mapping[str, Any], place: str, name: str) -> Iterator[str]:
    for position, entry in enumerate(list_at(item.get("licenses"), f"{place}.licenses", name=name)):
        here = f"{place}.licenses[{position}]"
        stated = object_at(entry, here, name=name)
        _require_one_of(stated, ("expression", "license"), here, name)
        if stated.get("expression") is not None:
            expression = text_at(stated["expression"], f"{here}.expression", longest=LONGEST_EXPRESSION, name=name)
            yield expression or UNNAMED
            continue
        licence = object_at(stated.get("license"), f"{here}.license", name=name)
        _require_one_of(licence, ("id", "name"), f"{here}.license", name)
        if licence.get("id") is not None:
            yield text_at(licence["id"], f"{here}.license.id", longest=LONGEST_TEXT, name=name) or UNNAMED
        else:
            yield _words(licence.get("name"))


def _require_one_of(stated: Mapping[str, Any], words: tuple[str, str], place: str, name: str) -> None:
    """CheckInputError for two statements where CycloneDX has one: programs would not agree on which one counts."""
    if all(stated.get(word) is not None for word in words):
        raise CheckInputError(f"{name}: {place} has both “{words[0]}” and “{words[1]}”; CycloneDX allows one of them.")


def _words(name: Any) -> str:
    """A licence by a name of its own, which may be a whole text, as one short line."""
    line = " ".join(name.split())[:LONGEST_TEXT] if isinstance(name, str) else ""
    return line if line and line.isprintable() else UNNAMED


def _has_digest(item: Mapping[str, Any], place: str, name: str) -> bool:
    strong = False
    for position, entry in enumerate(list_at(item.get("hashes"), f"{place}.hashes", name=name)):
        here = f"{place}.hashes[{position}]"
        stated = object_at(entry, here, name=name)
        words = [
            text_at(stated.get(key), f"{here}.{key}", longest=LONGEST_TEXT, name=name) for key in ("alg", "content")
        ]
        strong = strong or is_strong_digest(*words)
    return strong


def _vulnerabilities(listed: Any, name: str) -> tuple[Vulnerability, ...]:
    entries = list_at(listed, "vulnerabilities", name=name)
    if len(entries) > MOST_VULNERABILITIES:
        raise CheckInputError(f"{name} lists more than {MOST_VULNERABILITIES:,} vulnerabilities.")
    return tuple(_vulnerability(item, f"vulnerabilities[{place}]", name) for place, item in enumerate(entries))


def _vulnerability(item: Any, place: str, name: str) -> Vulnerability:
    entry = object_at(item, place, name=name)
    ratings = list_at(entry.get("ratings"), f"{place}.ratings", name=name)
    severities = [_severity(rating, f"{place}.ratings[{position}]", name) for position, rating in enumerate(ratings)]
    known = [severity for severity in severities if severity != "unknown"]
    analysis = object_at(entry.get("analysis") or {}, f"{place}.analysis", name=name)
    affects = [
        text_at(
            object_at(target, f"{place}.affects[{position}]", name=name).get("ref"),
            f"{place}.affects[{position}].ref",
            longest=LONGEST_TEXT,
            name=name,
        )
        for position, target in enumerate(list_at(entry.get("affects"), f"{place}.affects", name=name))
    ]
    more = f" and {len(affects) - 3:,} more" if len(affects) > 3 else ""
    return Vulnerability(
        identifier=text_at(entry.get("id"), f"{place}.id", longest=LONGEST_TEXT, name=name) or place,
        severity=max(known, key=SEVERITIES.index, default="unknown"),
        state=text_at(analysis.get("state"), f"{place}.analysis.state", longest=LONGEST_TEXT, name=name),
        affects=", ".join(affects[:3]) + more,
    )


def _severity(rating: Any, place: str, name: str) -> str:
    stated = object_at(rating, place, name=name)
    word = text_at(stated.get("severity"), f"{place}.severity", longest=LONGEST_TEXT, name=name)
    if word and word not in SEVERITIES:
        raise CheckInputError(f"{name}: {place}.severity is “{word[:60]}”; CycloneDX knows {', '.join(SEVERITIES)}.")
    by_score = _severity_of_score(stated)
    return max(word, by_score, key=SEVERITIES.index) if word and by_score else word or by_score or "unknown"


def _severity_of_score(rating: Mapping[str, Any]) -> str:
    """What a CVSS score alone says; empty for none."""
    score, method = rating.get("score"), str(rating.get("method", "CVSS"))
    if isinstance(score, bool) or not isinstance(score, int | float) or not method.startswith("CVSS"):
        return ""
    if not 0.0 <= score <= _SCORES[-1][0]:
        return ""
    return next(severity for highest, severity in _SCORES if score <= highest)
