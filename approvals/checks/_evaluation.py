"""What a submitter declares about a table, and the table itself, opened so that its problems become sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from approvals.checks._verdicts import Rule
from approvals.checks.base import CheckInputError, Input, Job, Reading
from approvals.measures.tables import Table, TableError, open_table
from approvals.measures.values import Measure

TABLE_MEMORY_MB = 1024


@dataclass(frozen=True)
class Declaration:
    """Columns and meaning of an evaluation table, as declared at upload. An empty name is not declared."""

    label: str
    prediction: str
    score: str = ""
    key: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    favourable: int = 1
    claims: Mapping[str, float] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every declared column once."""
        named = (self.label, self.prediction, self.score, *self.key, *self.groups, *self.features)
        return tuple(dict.fromkeys(name for name in named if name))


def declaration_of(piece: Input) -> Declaration:
    """What is declared about the table. Raises CheckInputError for a declaration that does not say the necessary."""
    details = piece.details
    return Declaration(
        label=_name(piece, "label", required=True),
        prediction=_name(piece, "prediction", required=True),
        score=_name(piece, "score"),
        key=_names(piece, "key"),
        groups=_names(piece, "groups"),
        features=_names(piece, "features"),
        favourable=_favourable(piece, details.get("favourable", 1)),
        claims=_claims(piece, details.get("claims") or {}),
    )


def _name(piece: Input, entry: str, *, required: bool = False) -> str:
    value = piece.details.get(entry) or ""
    if not isinstance(value, str):
        raise CheckInputError(f"The declaration of {piece.name} must name one column as “{entry}”.")
    if required and not value:
        raise CheckInputError(
            f"The declaration of {piece.name} names no {entry} column; attach the table again and name it."
        )
    return value


def _names(piece: Input, entry: str) -> tuple[str, ...]:
    value = piece.details.get(entry) or []
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
        raise CheckInputError(f"The declaration of {piece.name} must list column names as “{entry}”.")
    return tuple(names)


def _favourable(piece: Input, value: object) -> int:
    if value in (0, 1) and isinstance(value, int):
        return int(value)
    raise CheckInputError(f"The declaration of {piece.name} must say 0 or 1 as the favourable prediction.")


def _claims(piece: Input, value: object) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise CheckInputError(f"The claims about {piece.name} must be names with numbers.")
    claims: dict[str, float] = {}
    for name, claimed in value.items():
        if isinstance(claimed, bool) or not isinstance(claimed, int | float):
            raise CheckInputError(f"The claim “{name}” about {piece.name} must be a number.")
        claims[str(name)] = float(claimed)
    return claims


LEFT_OUT = "share of rows left out"


def left_out_share(*, used: int, rows: int, name: str = LEFT_OUT) -> Measure:
    """What part of the table decided nothing, because something that is needed is missing there."""
    return Measure(name, (rows - used) / rows, rows, counts=(("rows_left_out", rows - used), ("rows", rows)))


def missing_rules(reading: Reading, limits: Mapping[str, float]) -> list[Rule]:
    """Rules that hold under any policy: nobody passes by leaving out the rows that would fail.

    `limits` are largest shares by name of the measure; a share of zero needs no sentence.
    """
    return [
        Rule(measure.name, limits[measure.name], at_least=False, exact=_exact_share)
        for measure in reading.measures
        if measure.name in limits and measure.value
    ]


def _exact_share(measure: Measure) -> Fraction | None:
    return Fraction(measure.count("rows_left_out") or 0, measure.count("rows") or 1)


@contextmanager
def opened(piece: Input, job: Job) -> Iterator[Table]:
    """The table of a piece of evidence. What is wrong with it becomes a CheckInputError naming the uploaded file."""
    try:
        with open_table(Path(piece.path), memory_limit_mb=TABLE_MEMORY_MB, spill=job.work) as table:
            table.name = piece.name  # the stored file is named by its digest, which says nothing to people
            yield table
    except TableError as error:
        raise CheckInputError(error.sentence.replace(Path(piece.path).name, piece.name)) from None
