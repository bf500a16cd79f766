"""What a check is: inputs, parameters and thresholds with types, a measurement, and a verdict that follows from both.

`measure` runs in a limited child process without database or network; `judge` is pure and runs in the worker.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

from approvals.measures.references import Referenced
from approvals.measures.values import Measure

Report = Callable[[float, str], None]
"""Progress reporter: share done in [0, 1] and what is being done now."""


class CheckInputError(Exception):
    """The input itself cannot be checked; the sentence tells the submitter why."""

    kind: ClassVar[str] = "input_error"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class UnreachableInputError(CheckInputError):
    """A connection to where the input lies does not answer: nothing is known of it, and later it may be there."""

    kind = "unreachable"


class DeniedInputError(CheckInputError):
    """A connection refuses the portal's account: nothing is known of the input until an administrator corrects it."""

    kind = "denied"


class ParameterError(Exception):
    """A policy names a parameter or threshold that the check does not have, or with the wrong type."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Input:
    """One piece of evidence handed to a check: its file, digest and what the submitter declared about it.

    `table` is there if the file only refers to a table that lies elsewhere.
    """

    kind: str
    path: Path
    name: str
    sha256: str
    artifact_sha256: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    table: Referenced | None = None

    def as_json(self) -> dict[str, Any]:
        """For the process that measures."""
        return {
            **vars(self),
            "path": str(self.path.resolve()),
            "details": dict(self.details),
            "table": self.table.as_json() if self.table else None,
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Input:
        """What `as_json` wrote."""
        table = Referenced.from_json(said["table"], str(said["name"])) if said["table"] else None
        return cls(**{**said, "path": Path(said["path"]), "table": table})


@dataclass(frozen=True)
class Job:
    """Everything a measurement may look at."""

    inputs: Mapping[str, Input]
    facts: Mapping[str, Any]
    parameters: Any
    seed: int
    work: Path
    thresholds: Any = None
    """What the numbers will be judged by, so that none is computed more exactly than that needs; None: not known."""
    output: Path | None = None
    """Where files go that whoever ordered the measurement takes; None: no files are asked for."""
    further_thresholds: tuple[Any, ...] = ()
    """What the same numbers will be compared with besides: the limits of other levels."""

    def input(self, kind: str) -> Input:
        """The attached piece of that kind. Raises CheckInputError if there is none."""
        piece = self.inputs.get(kind)
        if piece is None:
            raise CheckInputError(f"No {kind.replace('_', ' ')} is attached; attach one and run the check again.")
        return piece

    def fact(self, name: str) -> Any:
        """A fact about the version. Raises CheckInputError if it was not handed over."""
        if name not in self.facts:
            raise CheckInputError(f"The check was not given the version's {name}, so it can say nothing.")
        return self.facts[name]


@dataclass(frozen=True)
class NumberTable:
    """A table of numbers for people: header and rows of finished text or numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class ChartSpecification:
    """A Vega-Lite specification with the title and the sentence that a reader without the picture gets."""

    title: str
    description: str
    specification: dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """What was measured: numbers with their uncertainty, tables, charts, and what was and was not looked at."""

    measures: tuple[Measure, ...]
    looked_at: tuple[str, ...]
    not_looked_at: tuple[str, ...] = ()
    tables: tuple[NumberTable, ...] = ()
    charts: tuple[ChartSpecification, ...] = ()
    log: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """The verdict with its reasons; `failed_measures` are those that need a mitigation plan.

    `turns` say what would turn it, one sentence for each threshold.
    """

    verdict: str
    sentences: tuple[str, ...]
    failed_measures: tuple[Measure, ...] = ()
    turns: tuple[str, ...] = ()


class Check(ABC):
    """One automated check. Subclasses live one per file in this folder; the file name is the key."""

    key: ClassVar[str] = ""
    title: ClassVar[str]
    version: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]] = ()
    """Evidence kinds that must be attached; a missing one closes the gate before any run."""
    optional_inputs: ClassVar[tuple[str, ...]] = ()
    facts: ClassVar[tuple[str, ...]] = ()
    """Names of facts about the version that the check reads: "answers", "evidence", "questions", "version"."""
    hashes_inputs_itself: ClassVar[bool] = False
    """False: files that no longer have their recorded digest stop the run. True: the check itself judges digests."""
    runs_artifact: ClassVar[bool] = False
    """True: what others made runs inside of the check, so it never keeps the network, not even for a table."""
    Parameters: ClassVar[type]
    """Frozen dataclass: what is measured and how, with defaults."""
    Thresholds: ClassVar[type]
    """Frozen dataclass: from which numbers the verdict follows, fixed by the policy before the run."""
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Parameters and thresholds that only tables of some kinds have, and which; what no kind has together is refused
    where a policy is written."""

    @classmethod
    def looks_at(cls, name: str, value: Any, parameters: Mapping[str, Any]) -> Any:
        """The part of a fact that a run with these parameters reads, as the policy says them.

        A run is handed only that part, and only a change of that part makes it outdated.
        """
        del name, parameters  # all of it, unless a check says otherwise
        return value

    @abstractmethod
    def measure(self, job: Job, report: Report) -> Reading:
        """Measure. Raises CheckInputError with a sentence when the input cannot be measured."""

    @abstractmethod
    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        """The verdict that follows from the numbers. Anything not computable is never a pass."""


def build(kind: type, given: Mapping[str, Any], *, owner: str) -> Any:
    """An instance of a parameters or thresholds dataclass from policy text.

    Raises ParameterError naming the unknown, missing or wrongly typed entry.
    """
    known = {item.name: item for item in fields(kind)}
    for name in given:
        if name not in known:
            raise ParameterError(f"{owner} has no setting “{name}”; it knows {', '.join(sorted(known)) or 'none'}.")
    values: dict[str, Any] = {}
    for name, item in known.items():
        if name in given:
            values[name] = _typed(given[name], str(item.type), name=name, owner=owner)
        elif item.default is MISSING and item.default_factory is MISSING:
            raise ParameterError(f"{owner} needs the setting “{name}”.")
    return kind(**values)


def _typed(value: Any, annotation: str, *, name: str, owner: str) -> Any:
    if value is None and "None" in annotation:
        return None
    base = annotation.replace(" | None", "").strip()
    accepted, convert = _KINDS.get(base.partition("[")[0], ((), _frozen))
    if isinstance(value, accepted) and (base == "bool" or not isinstance(value, bool)):
        return convert(value)
    raise ParameterError(f"{owner}: the setting “{name}” must be of type {base}, not {type(value).__name__}.")


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


_KINDS: dict[str, tuple[tuple[type, ...], Callable[[Any], Any]]] = {
    "float": ((int, float), float),
    "int": ((int,), int),
    "bool": ((bool,), bool),
    "str": ((str,), str),
    "tuple": ((list, tuple), _frozen),
    "Mapping": ((Mapping,), dict),
    "dict": ((dict,), dict),
}
