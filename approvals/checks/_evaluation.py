"""What a submitter declares about a table, and the table itself, opened so that its problems become sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from approvals.checks._declared_slices import named_slices
from approvals.checks._verdicts import Rule
from approvals.checks.base import (
    CheckInputError,
    DeniedInputError,
    Input,
    Job,
    ParameterError,
    Reading,
    UnreachableInputError,
)
from approvals.measures.keeping import remembering
from approvals.measures.multiclass import MAX_CLASSES
from approvals.measures.reading import DeniedError, UnreachableError
from approvals.measures.referenced import open_referenced
from approvals.measures.rows import complete_rows
from approvals.measures.tables import Table, TableError, open_table
from approvals.measures.values import Measure, not_computable

TABLE_MEMORY_MB = 1024
MOST_SLICES = 100
BINARY, MULTICLASS, REGRESSION = "binary", "multiclass", "regression"
KINDS = (BINARY, MULTICLASS, REGRESSION)
"""What a table predicts: one of two classes, one of several, a number. A declaration without a kind is binary."""
_IN_WORDS = {BINARY: "two values", MULTICLASS: "several classes", REGRESSION: "numbers"}
_LARGEST_CLAIM = 1e300
_ONLY_FOR = {"score": BINARY, "favourable": BINARY, "class_scores": MULTICLASS}


@dataclass(frozen=True)
class Declaration:
    """Columns and meaning of an evaluation table, as declared at upload. An empty name is not declared.

    `score` and `favourable` belong to binary tables; `class_scores` names the score column of each of several classes.
    `slices` are parts of the rows by name, described as a policy describes them.
    """

    label: str
    prediction: str
    score: str = ""
    key: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    favourable: int = 1
    claims: Mapping[str, float] = field(default_factory=dict)
    kind: str = BINARY
    class_scores: Mapping[str, str] = field(default_factory=dict)
    slices: Mapping[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every declared column once."""
        scores = (self.score, *self.class_scores.values())
        slices = (column for described in self.slices.values() for column in described)
        named = (self.label, self.prediction, *scores, *self.key, *self.groups, *self.features, *slices)
        return tuple(dict.fromkeys(name for name in named if name))


def declaration_of(piece: Input, *, kinds: Sequence[str] = (BINARY,)) -> Declaration:
    """What is declared about the table.

    Raises CheckInputError for a declaration that does not say the necessary, and for a table of none of `kinds`: what
    is said of two classes is wrong of several and of numbers.
    """
    details = piece.details
    kind, class_scores = kind_of(details, piece.name)
    if kind not in kinds:
        raise CheckInputError(
            f"{piece.name} is declared as a {kind} table, which predicts {_IN_WORDS[kind]}; "
            f"what is asked here needs a {' or '.join(kinds)} one, of {' or '.join(_IN_WORDS[one] for one in kinds)}."
        )
    return Declaration(
        label=_name(piece, "label", required=True),
        prediction=_name(piece, "prediction", required=True),
        score=_name(piece, "score"),
        key=_names(piece, "key"),
        groups=_names(piece, "groups"),
        features=_names(piece, "features"),
        favourable=_favourable(piece, details.get("favourable", 1)),
        claims=_claims(piece, details.get("claims") or {}),
        kind=kind,
        class_scores=class_scores,
        slices=slices_of(details, piece.name),
    )


def kind_of(details: Mapping[str, Any], name: str) -> tuple[str, dict[str, str]]:
    """The declared kind of a table, and the score column of each class.

    Raises CheckInputError for a kind that does not exist, for what is declared but means nothing for this kind, and
    for a label that is also what the model says.
    """
    kind = details.get("kind", BINARY)
    if kind not in KINDS:
        raise CheckInputError(f"The declaration of {name} must say {', '.join(KINDS[:-1])} or {KINDS[-1]} as its kind.")
    for entry, only in _ONLY_FOR.items():
        if kind != only and details.get(entry) not in (None, "", {}):
            raise CheckInputError(
                f"The declaration of {name} names “{entry}”, which means something for {only} tables only, "
                f"and this one is declared as {kind}; take it out or correct the kind."
            )
    class_scores = _class_scores(name, details.get("class_scores") or {})
    label = details.get("label")
    if label and label in (details.get("prediction"), details.get("score"), *class_scores.values()):
        raise CheckInputError(
            f"The declaration of {name} names “{label}” as the label and as what the model says; what is compared with "
            "itself is always right, so name a column of its own."
        )
    return str(kind), class_scores


def _class_scores(name: str, value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(
        isinstance(text, str) and text for pair in value.items() for text in pair
    ):
        raise CheckInputError(f"The declaration of {name} must name one score column for each class.")
    if len(value) > MAX_CLASSES:
        raise CheckInputError(f"The declaration of {name} names {len(value):,} classes; at most {MAX_CLASSES} can be.")
    if twice := [column for column, times in Counter(value.values()).items() if times > 1]:
        raise CheckInputError(f"The declaration of {name} names the score column {twice[0]} for more than one class.")
    return dict(value)


def slices_of(details: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The declared slices. Raises CheckInputError for what describes no rows, and for more than MOST_SLICES."""
    given = details.get("slices") or {}
    if not isinstance(given, Mapping) or len(given) > MOST_SLICES:
        raise CheckInputError(
            f"The declaration of {name} must give slices by name, at most {MOST_SLICES}, each with columns and values."
        )
    try:
        named_slices(given)
    except ParameterError as error:
        raise CheckInputError(f"The declaration of {name}: {error.sentence}") from None
    return dict(given)


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
        if not abs(claimed) <= _LARGEST_CLAIM:
            raise CheckInputError(f"The claim “{name}” about {piece.name} is not a finite number.")
        claims[str(name)] = float(claimed)
    return claims


def with_kind(details: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Details of a reading that say of which kind the table is; binary goes without saying."""
    return dict(details) if kind == BINARY else {**details, "kind": kind}


def with_inapplicable(reading: Reading, kinds: Mapping[str, Container[str]]) -> Reading:
    """The reading, and a reason instead of a value for every measure that its kind of table does not have.

    `kinds` says for which kinds of tables each name of a measure exists.
    """
    kind = str(reading.details.get("kind", BINARY))
    lacking = tuple(
        not_computable(name, f"Not computable: no {kind} table has it.")
        for name, having in kinds.items()
        if kind not in having and not any(measure.name == name for measure in reading.measures)
    )
    return replace(reading, measures=(*reading.measures, *lacking))


def limits_of(job: Job) -> dict[str, list[float]]:
    """What each measure is compared with: the thresholds that are set, by their names without min_ and max_."""
    found: dict[str, list[float]] = {}
    given = [each for each in (job.thresholds, *job.further_thresholds) if each is not None]
    for thresholds, item in ((each, item) for each in given for item in fields(each)):
        limit = getattr(thresholds, item.name)
        if limit is not None and item.name[:4] in {"min_", "max_"}:
            found.setdefault(item.name[4:], []).append(limit)
    return found


LEFT_OUT = "share of rows left out"


def left_out_share(*, used: int, rows: int, name: str = LEFT_OUT) -> Measure:
    """What part of the rows decided nothing, because something that is needed is missing there.

    Not computable where there are no rows to be a part of.
    """
    if not rows:
        return not_computable(name, "Not computable: no row can be used.", (("rows", 0),), n=0)
    return Measure(name, (rows - used) / rows, rows, counts=(("rows_left_out", rows - used), ("rows", rows)))


def rows_with_all(table: Table, declared: Declaration, *, decided: int, scored: int) -> int:
    """Rows with a label, a prediction and all declared scores, from the rows with a prediction and those with scores.

    Where both lack some it has to be counted, because rows without the one may be others than those without the other.
    """
    fewer = min(decided, scored)
    if max(decided, scored) >= table.rows:
        return fewer
    scores = [name for name in (declared.score, *declared.class_scores.values()) if name]
    return min(fewer, complete_rows(table, present=(declared.label, declared.prediction), finite=scores))


def missing_rules(reading: Reading, limits: Mapping[str, float]) -> list[Rule]:
    """Rules that hold under any policy: nobody passes by leaving out the rows that would fail.

    `limits` are largest shares by name of the measure; a share of zero needs no sentence, an unknown one does.
    """
    names = dict.fromkeys(one.name for one in reading.measures if one.name in limits and one.value != 0)
    return [Rule(name, limits[name], at_least=False, exact=_exact_share) for name in names]


def _exact_share(measure: Measure) -> Fraction | None:
    return Fraction(measure.count("rows_left_out") or 0, measure.count("rows") or 1)


@contextmanager
def opened(piece: Input, job: Job) -> Iterator[Table]:
    """The table of a piece of evidence. What is wrong with it becomes a CheckInputError naming the uploaded file.

    Where a connection does not answer, it is an UnreachableInputError.
    """
    try:
        with _open(piece, job) as table:
            table.engine = remembering(table.engine, f"{piece.kind} {piece.sha256}")
            table.name = piece.name  # the stored file is named by its digest, which says nothing to people
            yield table
    except TableError as error:
        raise input_error(error, error.sentence.replace(Path(piece.path).name, piece.name)) from None


def input_error(error: TableError, sentence: str) -> CheckInputError:
    """What a problem of a table is to whoever asked for the measurement, in this sentence."""
    kinds: dict[type[TableError], type[CheckInputError]] = {
        UnreachableError: UnreachableInputError,
        DeniedError: DeniedInputError,
    }
    return kinds.get(type(error), CheckInputError)(sentence)


def _open(piece: Input, job: Job) -> AbstractContextManager[Table]:
    memory_mb = TABLE_MEMORY_MB // (2 if len(job.inputs) > 1 else 1)  # two tables may be open together
    if piece.table is not None:
        return open_referenced(piece.table, memory_limit_mb=memory_mb, spill=job.work)
    return open_table(Path(piece.path), memory_limit_mb=memory_mb, spill=job.work)
