"""Reads the public credit applications, splits them once per seed, and writes tables. Trains nothing."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

TABLE = Path(__file__).with_name("german_credit.csv")
HELD_OUT_SHARE = 0.5
"""Half, so that the 190 applicants of 25 or under leave about 95 to test on; groups below 30 could decide nothing."""
NUMBERS = ("age", "duration", "amount")
CATEGORIES = {
    "status": ("A11", "A12", "A13", "A14"),
    "purpose": ("A40", "A41", "A410", "A42", "A43", "A44", "A45", "A46", "A48", "A49"),
    "sex": ("female", "male"),
    "foreign_worker": ("no", "yes"),
}
"""Every value that the data set has, so that a model knows the same columns whatever the split."""

Row = dict[str, str]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """Applications to train on and applications held out; no application is in both."""

    training: tuple[Row, ...]
    held_out: tuple[Row, ...]


def applications() -> tuple[Row, ...]:
    """All 1,000 applications in the order of the data set."""
    return rows_of(TABLE.read_bytes())


def rows_of(table: bytes) -> tuple[Row, ...]:
    """The rows of a CSV in UTF-8."""
    return tuple(csv.DictReader(io.StringIO(table.decode(), newline="")))


def split(seed: int) -> Split:
    """Half and half, with the same share of each combination of outcome, age group and sex on both sides."""
    rows = applications()
    strata = [f"{row['y_true']} {row['age_group']} {row['sex']}" for row in rows]
    training, held_out = train_test_split(
        np.arange(len(rows)), test_size=HELD_OUT_SHARE, random_state=seed, stratify=strata
    )
    return Split(*(tuple(rows[position] for position in sorted(half)) for half in (training, held_out)))


def matrix(rows: Sequence[Row], features: Sequence[str]) -> NDArray[np.object_]:
    """The features as the models take them: numbers as float, categories as text, one row per application."""
    values = [[float(row[name]) if name in NUMBERS else row[name] for name in features] for row in rows]
    return np.array(values, dtype=object).reshape(len(rows), len(features))


def as_csv(rows: Iterable[Row], columns: Sequence[str]) -> bytes:
    """The named columns as CSV in UTF-8 with plain line ends."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def with_columns(rows: Sequence[Row], **columns: Iterable[Any]) -> tuple[Row, ...]:
    """The rows with further columns, each as text."""
    named = [[(name, str(value)) for value in values] for name, values in columns.items()]
    return tuple({**row, **dict(added)} for row, *added in zip(rows, *named, strict=True))


def sha256(content: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()
