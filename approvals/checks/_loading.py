"""Loads an artifact and its columns, for checks that run it: only what the artifact scan finds harmless."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals import artifacts
from approvals.checks._archives import Bounds
from approvals.checks._evaluation import REGRESSION, Declaration
from approvals.checks._onnx import onnx_report
from approvals.checks._scoring import Columns, OnnxScorer, Scored, Scorer, SkopsScorer, Wanted
from approvals.checks._skops import known_types, skops_report
from approvals.checks.base import CheckInputError, Input, Job
from approvals.measures.tables import Table

MIB = 1 << 20


@dataclass(frozen=True)
class ArchiveBounds:
    """Bounds of the artifact's archive, as in the artifact scan."""

    max_members: int = 10_000
    max_unpacked_mb: int = 2_048
    max_ratio: int = 200


def loaded(artifact: Input, job: Job, declared: Declaration) -> Scorer:
    """The artifact, loaded only if its file holds nothing that could act. Raises CheckInputError otherwise.

    Also for an artifact that predicts something else than what is declared of the table.
    """
    kind = artifacts.format_of(artifact.path)
    if kind == artifacts.SKOPS:
        limits = job.parameters
        bounds = Bounds(limits.max_members, limits.max_unpacked_mb * MIB, limits.max_ratio)
        with artifact.path.open("rb") as stream:
            problems = skops_report(stream, artifact.path.stat().st_size, bounds).problems
    elif kind == artifacts.ONNX:
        with artifact.path.open("rb") as stream:
            problems = onnx_report(stream).problems
    else:
        raise CheckInputError(
            f"{artifact.name} is a {artifacts.LABELS[kind]}, which holds no program that the portal could run; "
            "predictions are reproduced from skops and ONNX."
        )
    if problems:
        raise CheckInputError(f"The artifact is not run, because of what the artifact scan finds: {problems[0]}")
    wanted = Wanted(numbers=declared.kind == REGRESSION, classes=tuple(declared.class_scores))
    try:
        return (
            SkopsScorer(artifact.path, sorted(known_types()), wanted)
            if kind == artifacts.SKOPS
            else OnnxScorer(artifact.path, wanted)
        )
    except CheckInputError:
        raise
    except Exception as error:
        raise CheckInputError(f"The artifact cannot be loaded: {type(error).__name__}: {str(error)[:300]}") from error


def column_of(table: Table, name: str) -> NDArray[Any]:
    """A feature: numbers as float64 with NaN where missing, anything else as texts with None."""
    if table.column(name).kind in {"number", "boolean"}:
        return table.numbers(name)
    texts = np.empty(table.rows, dtype=object)
    texts[:] = table.texts(name)
    return texts


def require_features(declared: Declaration, piece: Input) -> None:
    """CheckInputError for a table whose declaration does not say what the artifact is given, or gives it the answer."""
    if not declared.features:
        raise CheckInputError(f"{piece.name} declares no features, so the artifact cannot be given its rows.")
    said = (declared.label, declared.prediction, declared.score, *declared.class_scores.values())
    answer = next((name for name in declared.features if name in said), None)
    if answer is not None:
        raise CheckInputError(
            f"{piece.name} declares “{answer}” as a feature and as what is known or said of a row, so the artifact "
            "would be given the answer; take it out of the features."
        )


def answers(scorer: Scorer, columns: Columns, rows: int) -> Scored:
    """What the artifact says about rows. Whatever stops it becomes a CheckInputError."""
    try:
        found = scorer.score(columns, rows)
    except CheckInputError:
        raise
    except Exception as error:
        raise CheckInputError(
            f"The artifact cannot be run on the declared features: {type(error).__name__}: {str(error)[:300]}"
        ) from error
    for part in (found.scores, found.decisions, found.class_scores, found.numbers):
        if part is not None and len(part) != rows:
            raise CheckInputError(f"The artifact gives {len(part):,} answers for {rows:,} rows.")
    return found
