"""Reads a data lineage: datasets, and the steps that used some of them and generated others.

The words are those of W3C PROV (used, generated) and OpenLineage (dataset, job); docs/data_lineage.md has the format.
Entries in prose are kept as what they are; entries of a wrong type are refused with their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from approvals.checks._strict_json import list_at, object_at, strict_json, text_at
from approvals.checks.base import CheckInputError, Input

LARGEST_LINEAGE = 1 << 20
MOST_ENTRIES, MOST_LINKS = 2_000, 100_000
LONGEST_NAME, LONGEST_TEXT = 200, 2_000
SOURCE, INTERMEDIATE, ARTIFACT = "source", "intermediate", "artifact"
TRAINING, VALIDATION, EVALUATION = "training", "validation", "evaluation"
ROLES = (SOURCE, INTERMEDIATE, TRAINING, VALIDATION, EVALUATION, "reference", ARTIFACT)
PERSONAL_DATA = ("none", "personal", "special")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DAY = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}")


@dataclass(frozen=True)
class Dataset:
    """A source, or a table that a step made, with what is stated about it; empty is not stated."""

    name: str
    role: str
    place: str
    stated: Mapping[str, str] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """The digest of its bytes, or nothing."""
        return self.stated.get("sha256", "")


@dataclass(frozen=True)
class Step:
    """A transformation: the datasets that it used, those that it generated, and the code that did it."""

    name: str
    place: str
    used: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    code: str = ""
    code_sha256: str = ""


@dataclass(frozen=True)
class Lineage:
    """All datasets and steps of a document in its order, and the names of attributes that it declares sensitive."""

    sources: tuple[Dataset, ...]
    tables: tuple[Dataset, ...]
    steps: tuple[Step, ...]
    sensitive: tuple[str, ...]

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """Sources first, then tables."""
        return (*self.sources, *self.tables)


def read_lineage(piece: Input) -> Lineage:
    """The lineage in a file. Raises CheckInputError with a sentence naming the place of what cannot be read."""
    reader = _Reader(piece.name)
    document = object_at(strict_json(piece, largest=LARGEST_LINEAGE), "the document", name=piece.name)
    sources = reader.each(document, "sources", reader.source)
    tables = reader.each(document, "tables", reader.table)
    steps = reader.each(document, "transformations", reader.step)
    reader.require_one_each((*sources, *tables))
    if sum((1 + len(step.used)) * (1 + len(step.generated)) for step in steps) > MOST_LINKS:
        raise CheckInputError(f"{piece.name}: the transformations link more than {MOST_LINKS:,} pairs of datasets.")
    sensitive = reader.each(document, "sensitive_attributes", reader.attribute)
    return Lineage(tuple(sources), tuple(tables), tuple(steps), tuple(sensitive))


class _Reader:
    """Reads entries of one file, whose name its sentences begin with."""

    def __init__(self, name: str) -> None:
        self._name = name

    def each(self, document: Mapping[str, Any], key: str, read: Any) -> list[Any]:
        entries = list_at(document.get(key), key, name=self._name)
        if len(entries) > MOST_ENTRIES:
            raise CheckInputError(f"{self._name}: {key} has more than {MOST_ENTRIES:,} entries.")
        return [read(entry, f"{key}[{position}]") for position, entry in enumerate(entries)]

    def source(self, entry: Any, place: str) -> Dataset:
        return self._dataset(entry, place, SOURCE)

    def table(self, entry: Any, place: str) -> Dataset:
        return self._dataset(entry, place, INTERMEDIATE)

    def step(self, entry: Any, place: str) -> Step:
        if isinstance(entry, str):
            return Step(self._prose(entry, place), place)
        item = object_at(entry, place, name=self._name)
        return Step(
            name=self._text(item, "name", place, LONGEST_NAME) or place,
            place=place,
            used=self._names(item, "used", place),
            generated=self._names(item, "generated", place),
            code=self._text(item, "code", place),
            code_sha256=self._digest(item, "code_sha256", place),
        )

    def attribute(self, entry: Any, place: str) -> str:
        if isinstance(entry, str):
            return self._prose(entry, place)
        return self._text(object_at(entry, place, name=self._name), "name", place, LONGEST_NAME)

    def require_one_each(self, datasets: Iterable[Dataset]) -> None:
        """Raise CheckInputError if two datasets have one name, so that a step could mean either."""
        seen: dict[str, str] = {}
        for dataset in datasets:
            if dataset.name in seen:
                places = f"{seen[dataset.name]} and {dataset.place}"
                raise CheckInputError(f"{self._name}: {places} have the same name, “{dataset.name}”.")
            seen[dataset.name] = dataset.place

    def _dataset(self, entry: Any, place: str, usual: str) -> Dataset:
        if isinstance(entry, str):
            return Dataset(self._prose(entry, place), usual, place)
        item = object_at(entry, place, name=self._name)
        name = self._text(item, "name", place, LONGEST_NAME)
        if not name:
            raise CheckInputError(f"{self._name}: {place} has no name.")
        stated = {key: self._text(item, key, place) for key in ("origin", "owner", "licence", "lawful_basis")}
        stated["period"] = self._period(item.get("period"), f"{place}.period")
        stated["sha256"] = self._digest(item, "sha256", place)
        stated |= self._personal(item.get("personal_data"), f"{place}.personal_data")
        return Dataset(name, self._word(item, "role", place, ROLES) or usual, place, stated)

    def _personal(self, value: Any, place: str) -> dict[str, str]:
        if value is None:
            return {}
        item = object_at(value, place, name=self._name)
        stated = {key: self._text(item, key, place) for key in ("purpose", "retention")}
        return {"category": self._word(item, "category", place, PERSONAL_DATA), **stated}

    def _period(self, value: Any, place: str) -> str:
        """When the data were collected: in words, or from one day, month or year to another."""
        if not isinstance(value, dict):
            return text_at(value, place, longest=LONGEST_TEXT, name=self._name)
        begin, end = (self._text(value, key, place) for key in ("from", "to"))
        if not (_is_day(begin) and _is_day(end)):
            raise CheckInputError(f"{self._name}: {place} must name “from” and “to” as dates such as 2025-01-31.")
        if begin > end and not begin.startswith(end):
            raise CheckInputError(f"{self._name}: {place} ends before it begins.")
        return f"{begin} to {end}"

    def _names(self, item: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
        here = f"{place}.{key}"
        names = [
            text_at(value, f"{here}[{position}]", longest=LONGEST_NAME, name=self._name)
            for position, value in enumerate(list_at(item.get(key), here, name=self._name))
        ]
        if not all(names):
            raise CheckInputError(f"{self._name}: {here}[{names.index('')}] names no dataset.")
        return tuple(dict.fromkeys(names))

    def _digest(self, item: Mapping[str, Any], key: str, place: str) -> str:
        value = self._text(item, key, place).lower()
        if value and not _SHA256.fullmatch(value):
            raise CheckInputError(f"{self._name}: {place}.{key} is no SHA-256, which has 64 digits from 0 to f.")
        return value

    def _word(self, item: Mapping[str, Any], key: str, place: str, known: tuple[str, ...]) -> str:
        value = self._text(item, key, place)
        if value and value not in known:
            raise CheckInputError(
                f"{self._name}: {place}.{key} is “{value[:60]}”; it must be one of {', '.join(known)}."
            )
        return value

    def _text(self, item: Mapping[str, Any], key: str, place: str, longest: int = LONGEST_TEXT) -> str:
        return text_at(item.get(key), f"{place}.{key}", longest=longest, name=self._name)

    def _prose(self, text: str, place: str) -> str:
        """The beginning of an entry that is only a sentence."""
        line = " ".join(text.split())[:LONGEST_NAME]
        if not line.isprintable():
            raise CheckInputError(f"{self._name}: {place} holds a character that cannot be printed.")
        return line or place


def _is_day(text: str) -> bool:
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text + "-01-01"[len(text) - 4 :])
    except ValueError:
        return False
    return True
