"""Outcomes that come after the rows they belong to, joined by key. Contradictions are found here, never settled.

A later delivery replaces what an earlier one said only if it says that it corrects. Keys are compared as people write
them: 7 and 7.0 are one key, 007 is another where the column is text. Only tables in files are joined; a relation is
copied first (`relation_copies`).
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from approvals.measures.duckdb_engine import Workbench
from approvals.measures.engine import Column
from approvals.measures.kinds import Kind
from approvals.measures.reading import TableError
from approvals.measures.sources import Source, plain_source

MEMORY_MB = 900


@dataclass(frozen=True)
class Files:
    """One table of files: what people call it, where it lies, and which files of a folder count (none: it is one)."""

    name: str
    path: Path
    files: tuple[Path, ...] = ()
    corrects: bool = False


@dataclass(frozen=True)
class Named:
    """Which columns name a row and which holds its outcome, in every table alike."""

    key: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class News:
    """What a table says that was not delivered before: keys, and how many of them had another outcome."""

    keys: int
    changed: int


@dataclass(frozen=True)
class BatchMatch:
    """Rows of a batch, how many a delivery has an outcome for, and how many of these said another outcome before."""

    rows: int
    matched: int
    contradicted: int


@dataclass
class Examined:
    """What a delivery holds. Keys are counted once, with `repeated` rows that say the same again.

    `unmatched` are keys that no batch so far has.
    """

    rows: int
    without_key: int
    without_outcome: int
    keys: int
    repeated: int
    unmatched: int = 0
    batches: dict[str, BatchMatch] = field(default_factory=dict)


class Contradiction(TableError):
    """A key has two outcomes, so nobody knows which is right."""


class Matcher:
    """Deliveries of one version beside its batches, in one engine."""

    def __init__(self, bench: Workbench, stack: ExitStack, named: Named, scratch: Path) -> None:
        self._bench, self._stack, self._named, self._scratch = bench, stack, named, scratch
        self._corrects = False
        self._name = ""

    def examine(self, delivery: Files, earlier: Sequence[Files], later: Sequence[Files] = ()) -> Examined:
        """Read the delivery. Contradiction if a key has two outcomes in it, or another one than before.

        `later` came after it and are in use already: where they say another outcome, it is a contradiction, too, even
        of a correction, because theirs would be taken.
        """
        self._corrects, self._name = delivery.corrects, delivery.name
        stored = self._load(delivery, "o")
        counted = _examined(self._bench, stored, self._named, delivery.name)
        _gather(self._bench, "late", [stored], self._named)
        self._bench.drop("o")
        self._bench.run("CREATE TEMP TABLE unseen AS SELECT h, g FROM late", about=delivery.name)
        self._gathered("before", earlier)
        self._require_agreement()
        if later:
            self._gathered("after", later)
            self._require_agreement_with_later()
        return counted

    def news(self, table: Files, earlier: Sequence[Files], path: Path) -> tuple[Examined, News]:
        """Write the keys with the outcomes that no earlier delivery says, each once, in an order of their own."""
        stored = self._load(table, "o")
        counted = _examined(self._bench, stored, self._named, table.name)
        _gather(self._bench, "late", [stored], self._named)
        self._gathered("before", earlier)
        wanted = (*self._named.key, self._named.label)
        places = {column.name: f"c{place}" for place, column in enumerate(stored.columns)}
        cells = {name: places[name] for name in wanted}
        own = f"(SELECT {', '.join(cells.values())}, {_hashes(stored.columns, self._named.key)} FROM o) AS r"
        once = f"SELECT {', '.join(f'ANY_VALUE({cell}) AS {cell}' for cell in cells.values())}, h, g"
        fresh = "LEFT JOIN before USING (h, g) WHERE before.said IS NULL OR before.said <> late.said"
        kept = f"SELECT h, g, late.y AS y FROM late {fresh}"
        label = places[self._named.label]
        rows = (
            f"(SELECT k.* FROM ({once} FROM {own} WHERE h IS NOT NULL AND {label} IS NOT NULL GROUP BY h, g) AS k "
            f"JOIN ({kept}) AS n USING (h, g) ORDER BY {', '.join(cells[name] for name in self._named.key)})"
        )
        written = self._bench.write(cells, rows, path, about=table.name)
        changed = self._bench.run(
            "SELECT COUNT(*) FROM late JOIN before USING (h, g) WHERE late.said <> before.said", about=table.name
        )
        return counted, News(written, int(changed[0][0]))

    def join(
        self, batch: Files, deliveries: Sequence[Files], columns: Sequence[str], also: Collection[str], path: Path
    ) -> None:
        """Write these columns and the outcome as a Parquet file."""
        kind = self._gathered("late", deliveries)
        found = self._bench.load(self._stack.enter_context(_source(batch, self._scratch)), "b")
        _require(found, (*self._named.key, *columns), batch.name)
        own, hashes = _own(found, self._named.label), _hashes(found, self._named.key)
        outcome = "y"
        if own is not None and own[1] != "other" and self._has_any(own, batch):
            self._require_own(batch, own, hashes)
            outcome = f"COALESCE(y, {own[0]})" if own[1] == kind else f"COALESCE(said, {_said(own)})"
        wanted = {*columns, *also} - {self._named.label}
        chosen = [(place, column) for place, column in enumerate(found) if column.name in wanted]
        cells = {column.name: f"b.c{place}" for place, column in chosen} | {self._named.label: outcome}
        rows = f"(SELECT *, {hashes} FROM b) AS b LEFT JOIN late USING (h, g)"
        self._bench.write(cells, rows, path, about=batch.name)

    def _has_any(self, own: tuple[str, Kind], batch: Files) -> bool:
        """Whether the batch itself has an outcome: a column of text without any would make text of numbers."""
        return bool(self._bench.run(f"SELECT COUNT({own[0]}) > 0 FROM b", about=batch.name)[0][0])

    def _require_own(self, batch: Files, own: tuple[str, Kind], hashes: str) -> None:
        contradicted = self._bench.run(
            f"SELECT COUNT(*) FROM (SELECT {hashes}, {_said(own)} AS own FROM b) AS b JOIN late USING (h, g) "
            "WHERE own <> said AND NOT corrects",
            about=batch.name,
        )[0][0]
        if contradicted:
            raise Contradiction(
                f"“{batch.name}” itself has another outcome than was delivered for {int(contradicted):,} of its rows, "
                "so nothing is measured; deliver the right outcomes as a correction."
            )

    def _gathered(self, relation: str, deliveries: Sequence[Files]) -> Kind:
        stored = [self._load(piece, f"e{number}") for number, piece in enumerate(deliveries)]
        kind = _gather(self._bench, relation, stored, self._named)
        for one in stored:
            self._bench.drop(one.relation)
        return kind

    def _load(self, piece: Files, relation: str) -> _Stored:
        columns = self._bench.load(self._stack.enter_context(_source(piece, self._scratch)), relation)
        _require(columns, (*self._named.key, self._named.label), piece.name)
        return _Stored(relation, columns, piece.corrects)

    def _require_agreement(self) -> None:
        if self._corrects:
            return
        joined = "late JOIN before USING (h, g) WHERE late.said <> before.said"
        contradicted = int(self._bench.run(f"SELECT COUNT(*) FROM {joined}", about=self._name)[0][0])
        if contradicted:
            raise Contradiction(
                f"“{self._name}” says another outcome than was delivered before for {_keys(contradicted)}, so nothing "
                "of it is used; deliver it as a correction if it is right, or correct it."
            )

    def _require_agreement_with_later(self) -> None:
        joined = "late JOIN after USING (h, g) WHERE late.said <> after.said"
        contradicted = int(self._bench.run(f"SELECT COUNT(*) FROM {joined}", about=self._name)[0][0])
        if contradicted:
            raise Contradiction(
                f"“{self._name}” says another outcome for {contradicted:,} keys than deliveries that came after it and "
                "are in use, so nothing of it is used; deliver the outcomes that are right as a correction, in a file "
                "of their own."
            )

    def match(self, batch: Files, relation: str) -> BatchMatch:
        """Which rows of a batch the delivery has outcomes for. TableError if the batch cannot be read."""
        try:
            with _source(batch, self._scratch) as source:
                columns = self._bench.load(source, relation)
                _require(columns, self._named.key, batch.name)
                return self._matched(batch, relation, columns)
        finally:
            self._bench.drop(relation)

    def _matched(self, batch: Files, relation: str, columns: tuple[Column, ...]) -> BatchMatch:
        hashes, own = _hashes(columns, self._named.key), _own(columns, self._named.label)
        rows = f"(SELECT {hashes}, {_said(own)} AS own FROM {relation}) AS b"
        other = "late.said <> COALESCE(before.said, b.own)"
        found = self._bench.run(
            f"SELECT COUNT(*), COUNT(late.h), COUNT(CASE WHEN {other} THEN 1 END) FROM {rows} "
            "LEFT JOIN late USING (h, g) LEFT JOIN before USING (h, g)",
            about=batch.name,
        )[0]
        self._bench.run(
            f"DELETE FROM unseen WHERE EXISTS (SELECT 1 FROM (SELECT {hashes} FROM {relation}) AS b "
            "WHERE b.h = unseen.h AND b.g = unseen.g)",
            about=batch.name,
        )
        match = BatchMatch(*(int(count) for count in found))
        if match.contradicted and not self._corrects:
            raise Contradiction(
                f"“{self._name}” says another outcome than the batch “{batch.name}” itself for {match.contradicted:,} "
                "rows, so nothing of it is used; deliver it as a correction if it is right, or correct it."
            )
        return match

    def unmatched(self) -> int:
        """Keys that no batch that was looked at has."""
        return int(self._bench.run("SELECT COUNT(*) FROM unseen", about=self._name)[0][0])


@contextmanager
def matcher(
    files: Sequence[Files], named: Named, *, scratch: Path, memory_limit_mb: int = MEMORY_MB
) -> Iterator[Matcher]:
    """A matcher that may read these files."""
    allowed = [path.resolve() for piece in files for path in piece.files or (piece.path,)]
    with ExitStack() as stack:
        bench = stack.enter_context(closing(Workbench(allowed, memory_limit_mb=memory_limit_mb, scratch=scratch)))
        yield Matcher(bench, stack, named, scratch)


@contextmanager
def joined(
    batch: Files,
    deliveries: Sequence[Files],
    named: Named,
    columns: Sequence[str],
    *,
    scratch: Path,
    also: Collection[str] = (),
    memory_limit_mb: int = MEMORY_MB,
) -> Iterator[Path]:
    """A Parquet file, gone afterwards: these columns of a batch, in its order, and the outcomes as the label column.

    The deliveries are in the order they came. Columns of `also` are there if the batch has them. A row keeps the
    outcome that the batch itself has, unless a delivery corrects it. Contradiction if one says another without.
    """
    path = scratch / "joined.parquet"
    try:
        with matcher((batch, *deliveries), named, scratch=scratch, memory_limit_mb=memory_limit_mb) as prepared:
            prepared.join(batch, deliveries, columns, also, path)
        yield path
    finally:
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Stored:
    relation: str
    columns: tuple[Column, ...]
    corrects: bool


def _keys(count: int) -> str:
    return "1 key" if count == 1 else f"{count:,} keys"


def _present(columns: Sequence[Column], names: Sequence[str]) -> str:
    places = {column.name: place for place, column in enumerate(columns)}
    return " AND ".join(f"c{places[name]} IS NOT NULL" for name in names)


def _hashes(columns: Sequence[Column], names: Sequence[str]) -> str:
    """SQL of the two hashes of a key, h and g, which together are taken for it; missing if a part of it is."""
    places = {column.name: place for place, column in enumerate(columns)}
    texts = ", ".join(_text(f"c{places[name]}", columns[places[name]].kind) for name in names)
    when = f"CASE WHEN {_present(columns, names)} THEN"
    return f"{when} HASH({texts}) END AS h, {when} HASH(1, {texts}) END AS g"


def _text(cell: str, kind: Kind) -> str:
    """A value as people write it, whatever the file says its type is."""
    if kind == "number":
        whole = f"{cell} = FLOOR({cell}) AND ABS({cell}) < 1e15"
        return f"CASE WHEN {whole} THEN CAST(CAST({cell} AS BIGINT) AS VARCHAR) ELSE CAST({cell} AS VARCHAR) END"
    return f"TRIM(CAST({cell} AS VARCHAR))"


_WHOLE = "'^(-?[0-9]+)[.]0+$', '\\1'"


def _said(cell: tuple[str, Kind] | None) -> str:
    """An outcome as `labels.same_value` compares it: 1, 1.0, "1", True and "true" are one."""
    if cell is None:
        return "CAST(NULL AS VARCHAR)"
    text = _text(*cell)
    return f"CASE LOWER({text}) WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE REGEXP_REPLACE({text}, {_WHOLE}) END"


def _own(columns: Sequence[Column], label: str) -> tuple[str, Kind] | None:
    return next(((f"c{place}", one.kind) for place, one in enumerate(columns) if one.name == label), None)


def _examined(bench: Workbench, stored: _Stored, named: Named, name: str) -> Examined:
    said, present = _said(_own(stored.columns, named.label)), _present(stored.columns, named.key)
    rows, without_key, without_outcome = bench.run(
        f"SELECT COUNT(*), COUNT(CASE WHEN NOT ({present}) THEN 1 END), "
        f"COUNT(CASE WHEN {present} AND {said} IS NULL THEN 1 END) FROM o",
        about=name,
    )[0]
    inner = f"SELECT {_hashes(stored.columns, named.key)}, {said} AS said FROM o"
    by_key = (
        f"SELECT COUNT(*) AS n, MIN(said) AS low, MAX(said) AS high FROM ({inner}) AS r "
        "WHERE h IS NOT NULL AND said IS NOT NULL GROUP BY h, g"
    )
    keys, repeated, contradicting = bench.run(
        f"SELECT COUNT(*), COALESCE(SUM(n - 1), 0), COUNT(CASE WHEN low <> high THEN 1 END) FROM ({by_key}) AS k",
        about=name,
    )[0]
    if contradicting:
        raise Contradiction(
            f"“{name}” has two different outcomes for {_keys(int(contradicting))}, so nothing of it is used; keep one "
            "row for each key and deliver it again."
        )
    if not keys:
        raise TableError(f"“{name}” has no row with a key and an outcome, so there is nothing to join.")
    return Examined(int(rows), int(without_key), int(without_outcome), int(keys), int(repeated))


def _gather(bench: Workbench, relation: str, stored: Sequence[_Stored], named: Named) -> Kind:
    """One row per key: its latest outcome y, how it is compared, and whether whoever said it corrected.

    Gives the kind of y: that of all of them, or text.
    """
    kinds = {cell[1] for one in stored if (cell := _own(one.columns, named.label)) and cell[1] != "other"}
    kind: Kind = kinds.pop() if len(kinds) == 1 else "text"
    parts = [_outcomes(place, one, named, kind) for place, one in enumerate(stored)]
    if not parts:
        nothing = "CAST(NULL AS UBIGINT) AS h, CAST(NULL AS UBIGINT) AS g, CAST(NULL AS VARCHAR) AS y"
        parts = [f"SELECT {nothing}, CAST(NULL AS VARCHAR) AS said, FALSE AS corrects, 0 AS o WHERE FALSE"]
    latest = "ARG_MAX(y, o) AS y, ARG_MAX(said, o) AS said, ARG_MAX(corrects, o) AS corrects"
    if len(parts) == 1:
        latest = "ANY_VALUE(y) AS y, ANY_VALUE(said) AS said, ANY_VALUE(corrects) AS corrects"
    bench.run(
        f"CREATE TEMP TABLE {relation} AS SELECT h, g, {latest} FROM ({' UNION ALL '.join(parts)}) AS u "
        "WHERE h IS NOT NULL AND said IS NOT NULL GROUP BY h, g",
        about=relation,
    )
    return kind


def _outcomes(place: int, one: _Stored, named: Named, kind: Kind) -> str:
    cell = _own(one.columns, named.label)
    said = _said(cell)
    value = cell[0] if cell and cell[1] == kind else said
    corrects = "TRUE" if one.corrects else "FALSE"
    hashes = _hashes(one.columns, named.key)
    return f"SELECT {hashes}, {value} AS y, {said} AS said, {corrects} AS corrects, {place} AS o FROM {one.relation}"


@contextmanager
def _source(piece: Files, scratch: Path) -> Iterator[Source]:
    try:
        with plain_source(piece.path, None, scratch=scratch, files=piece.files) as source:
            yield source
    except TableError as error:
        sentence = error.sentence.replace(piece.path.name, piece.name)
        raise (error if isinstance(error, Contradiction) else TableError(sentence)) from error.__cause__


def _require(columns: Sequence[Column], names: Sequence[str], table: str) -> None:
    missing = [name for name in names if name not in {column.name for column in columns}]
    if missing:
        listed = ", ".join(f"“{name}”" for name in missing)
        raise TableError(f"The table “{table}” has no column {listed}, which outcomes are joined by.")
