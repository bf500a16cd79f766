"""Verification of the whole ledger: recompute everything from the texts and name the first entry that is wrong.

Reads only. Says what it found in sentences for people; it repairs nothing and never takes the ledger's own word.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db.models import Max

from portal import checkpoints, guards, merkle
from portal.errors import Unavailable
from portal.models import Checkpoint, LedgerEntry, LedgerHead

COLUMNS = ("seq", "payload", "leaf", "event", "scope", "actor_id", "actor_name", "at", "object_type", "object_id")
LONGEST_LIST = 20
ASKED_AGAIN = 5


@dataclass(frozen=True)
class LedgerReport:
    """What verification found. `sentences` are the problems, or one sentence that all is well."""

    ok: bool
    sentences: tuple[str, ...]
    first_bad_seq: int | None
    size: int
    root: str
    remarks: tuple[str, ...] = ()


@dataclass
class _Findings:
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    first_bad_seq: int | None = None

    def bad(self, seq: int | None, sentence: str) -> None:
        if seq is not None and (self.first_bad_seq is None or seq < self.first_bad_seq):
            self.first_bad_seq = seq
        self.problems.append(sentence)


@dataclass(frozen=True)
class _Kept:
    """A checkpoint somebody kept, and where."""

    where: str
    note: merkle.Note


_comparisons: list[Callable[[], Iterable[str]]] = []


def compare_with(differences: Callable[[], Iterable[str]]) -> None:
    """Let verify() also ask this: one sentence for each row of an app that the ledger does not account for."""
    if differences not in _comparisons:
        _comparisons.append(differences)


def unaccounted() -> tuple[str, ...]:
    """What the tables say otherwise than the ledger. Asked again if somebody was writing meanwhile."""
    for _ in range(ASKED_AGAIN):
        before = LedgerEntry.objects.count()
        found = tuple(sentence for ask in _comparisons for sentence in ask())
        if not found or LedgerEntry.objects.count() == before:
            return found
    return ("Acts were recorded all the while, so the tables could not be compared with the ledger; verify again.",)


def verify(*, notes: Iterable[str] = ()) -> LedgerReport:
    """Check every entry, the head, all kept checkpoints and the guards; `notes` are checkpoints kept elsewhere."""
    findings = _Findings()
    unguarded = guards.problems()
    kept = _trusted_checkpoints(findings, notes)
    head = LedgerHead.objects.filter(pk=1).first()
    size, peaks = _walk(findings, kept, head)
    _compare_head(findings, head, size, peaks)
    last = LedgerEntry.objects.aggregate(last=Max("seq"))["last"]
    length = max(size, 0 if last is None else last + 1)
    for item in kept:
        if item.note.size > length:
            findings.bad(
                length,
                f"The ledger has {length} entries, but {item.where} was signed at {item.note.size}: "
                "its end was cut off, or an older backup was restored.",
            )
    if findings.first_bad_seq is None:
        for sentence in unaccounted():
            findings.bad(None, sentence)
    root = merkle.root_of(peaks).hex()
    if findings.problems or unguarded:
        more = len(findings.problems) - LONGEST_LIST
        shown = findings.problems[:LONGEST_LIST] + ([f"And {more} more problems."] if more > 0 else []) + [*unguarded]
        return LedgerReport(False, tuple(shown), findings.first_bad_seq, size, root, tuple(findings.remarks))
    signed = len({item.note.size for item in kept})
    outside = f"{signed} signed checkpoint{'s agree' if signed > 1 else ' agrees'}."
    if not signed:
        outside = "nothing was signed yet that would show a rewrite."
    sentence = f"All {size} entries of the ledger are whole and in order; {outside}"
    return LedgerReport(True, (sentence,), None, size, root, tuple(findings.remarks))


def _trusted_checkpoints(findings: _Findings, notes: Iterable[str]) -> list[_Kept]:
    texts = checkpoints.kept_notes()
    texts |= {f"given {place}": text for place, text in enumerate(notes, start=1)}
    try:
        keys = checkpoints.trusted_vkeys()
    except Unavailable as problem:
        findings.bad(None, f"{problem} No checkpoint could be checked.")
        return []
    kept = []
    for where, text in texts.items():
        name = f"the checkpoint in {where}"
        try:
            kept.append(_Kept(name, checkpoints.trust(text, keys)[0]))
        except merkle.Untrusted as problem:
            findings.bad(None, f"For {name}: {problem}")
    for row in Checkpoint.objects.order_by("size"):
        note = next((item.note for item in kept if item.where == f"the checkpoint in row {row.size}"), None)
        if note is not None and (note.size, note.root) != (row.size, bytes(row.root)):
            findings.bad(None, f"The row of the checkpoint at {row.size} entries does not say what its note says.")
        if f"file {row.size}.txt" not in texts:
            findings.remarks.append(f"The file of the checkpoint at {row.size} entries is missing beside the database.")
    for where in texts:
        if where.startswith("file ") and f"row {where[5:].removesuffix('.txt')}" not in texts:
            findings.bad(None, f"The checkpoint in {where} has no row: the database was changed or restored.")
    return sorted(kept, key=lambda item: item.note.size)


def _walk(findings: _Findings, kept: list[_Kept], head: LedgerHead | None) -> tuple[int, list[bytes]]:
    """Go through the entries up to the head; gives how many are in unbroken order, and the peaks of their tree."""
    entries = LedgerEntry.objects.order_by("seq")
    if head is not None:
        entries = entries.filter(seq__lt=head.size)
    due: Iterator[_Kept] = iter([item for item in kept if item.note.size > 0])
    next_kept = next(due, None)
    peaks: list[bytes] = []
    size = 0
    for row in entries.values_list(*COLUMNS).iterator(chunk_size=2000):
        entry = dict(zip(COLUMNS, row, strict=True))
        if entry["seq"] != size:
            findings.bad(size, f"Entry {size} is missing: the next one there is number {entry['seq']}.")
            break
        peaks = merkle.push(peaks, size, _checked_leaf(findings, entry))
        size += 1
        while next_kept is not None and next_kept.note.size == size:
            if merkle.root_of(peaks) != next_kept.note.root:
                _rewritten(findings, next_kept, kept)
            next_kept = next(due, None)
    return size, peaks


def _checked_leaf(findings: _Findings, entry: dict[str, Any]) -> bytes:
    """The leaf of an entry: the stored one where the text no longer fits it, to find later damage as well."""
    seq, stored = entry["seq"], bytes(entry["leaf"])
    computed = merkle.leaf_hash(entry["payload"].encode())
    try:
        content = json.loads(entry["payload"])
        columns = _columns(content)
        written_seq = content["seq"]
    except (ValueError, KeyError, TypeError):
        findings.bad(seq, f"The text of entry {seq} was edited: it is no ledger entry any more.")
        return stored
    if written_seq != seq:
        findings.bad(seq, f"At number {seq} stands the text of entry {written_seq}: entries were swapped or moved.")
    elif computed != stored:
        findings.bad(seq, f"The text of entry {seq} was edited: it no longer has the hash that was stored with it.")
    elif wrong := [name for name, value in columns.items() if entry[name] != value]:
        findings.bad(seq, f"The search columns of entry {seq} were changed: {', '.join(wrong)}.")
    if "clock" in content:
        findings.remarks.append(f"The clock went backwards before entry {seq}; its order is by number.")
    return stored


def _columns(content: dict[str, Any]) -> dict[str, Any]:
    return {
        "event": content["event"],
        "scope": content["scope"],
        "actor_id": content["actor"]["id"],
        "actor_name": content["actor"]["name"],
        "at": datetime.strptime(content["time"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC),
        "object_type": content["object"]["type"],
        "object_id": content["object"]["id"],
    }


def _rewritten(findings: _Findings, differing: _Kept, kept: list[_Kept]) -> None:
    """A checkpoint differs: the change is after the last smaller checkpoint that still agreed."""
    earlier = [item.note.size for item in kept if item.note.size < differing.note.size]
    first = max(earlier, default=0) if findings.first_bad_seq is None else None
    findings.bad(
        first,
        f"The first {differing.note.size} entries are not those that {differing.where} was signed for: "
        "the ledger was rewritten.",
    )


def _compare_head(findings: _Findings, head: LedgerHead | None, size: int, peaks: list[bytes]) -> None:
    if head is None:
        findings.bad(None, "The ledger has lost its head row.")
        return
    last = LedgerEntry.objects.aggregate(last=Max("seq"))["last"]
    now = LedgerHead.objects.get(pk=1)
    if last is not None and last >= now.size:
        findings.bad(now.size, f"There is an entry {last}, but the head says there are only {now.size} entries.")
    if size < head.size and (last is None or last < size):
        findings.bad(size, f"The entries {size} to {head.size - 1} are missing: the end of the ledger was cut off.")
    elif size == head.size and (bytes(head.peaks), bytes(head.root)) != (b"".join(peaks), merkle.root_of(peaks)):
        findings.bad(None, "The head does not fit the entries: it was changed, or the entries were.")
