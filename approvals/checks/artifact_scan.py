"""Whether the artifact can be loaded without running code. Reads bytes; never loads, imports or calls anything."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from picklescan.scanner import SafetyLevel, scan_bytes

from approvals import artifacts
from approvals.checks._archives import BROKEN, Bounds, archive_problems
from approvals.checks._formats import BROKEN_ARRAY, npy_problems, npz_problems, safetensors_problems
from approvals.checks._onnx import onnx_report
from approvals.checks._pickles import report_on
from approvals.checks._skops import skops_report
from approvals.checks._verdicts import PASSED, at_most, judge_by
from approvals.checks.base import Check, Job, Judgement, NumberTable, ParameterError, Reading, Report
from approvals.measures.values import Measure

PROBLEMS = "problems in the artifact"
DEEPEST, MOST_MEMBERS, MOST_NAMED = 4, 500, 8
MIB = 1 << 20
_SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c"
_BROKEN_STREAM = (EOFError, OSError, ValueError, lzma.LZMAError, zlib.error)


@dataclass(frozen=True)
class Parameters:
    """Which of the harmless formats are accepted, what else a skops file may name, and how large archives may be."""

    formats: tuple[str, ...] = artifacts.DATA_ONLY
    extra_types: tuple[str, ...] = ()
    max_members: int = 10_000
    max_unpacked_mb: int = 4096
    max_ratio: int = 200

    def __post_init__(self) -> None:
        for name in self.formats:
            if name not in artifacts.DATA_ONLY:
                raise ParameterError(
                    f"The artifact scan can accept {', '.join(artifacts.DATA_ONLY)}; “{name}” may run code."
                )


@dataclass(frozen=True)
class Thresholds:
    """Nothing can be set: one problem is too many."""


class ArtifactScan(Check):
    """The format of the artifact, every byte of it accounted for, and no name in it that could run code."""

    title = "Artifact security scan"
    version = "3"
    inputs = ("artifact",)
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        piece = job.input("artifact")
        limits = job.parameters
        bounds = Bounds(limits.max_members, limits.max_unpacked_mb * MIB, limits.max_ratio)
        report(0.0, "Recognising the format")
        described = artifacts.describe_artifact(piece.path, piece.name)
        found = described.format
        scan = _Scan(job.work, bounds, tuple(limits.extra_types))
        problems = list(described.problems)
        if found in artifacts.DATA_ONLY and found not in limits.formats:
            problems.append(f"The policy does not accept a {artifacts.LABELS[found]}.")
        report(0.1, f"Looking into the {artifacts.LABELS[found]}")
        problems += scan.problems_of(piece.path, found)
        report(0.8, "Asking the second scanner")
        problems += _second_opinion(piece.path, piece.name, found)
        problems = list(dict.fromkeys(problems))
        return Reading(
            measures=(Measure(PROBLEMS, len(problems), None, method=artifacts.LABELS[found]),),
            looked_at=(
                f"All {piece.path.stat().st_size:,} bytes of {piece.name}, which is a {artifacts.LABELS[found]}.",
                *scan.notes,
            ),
            not_looked_at=(
                "Whether the numbers in the model are the ones that were trained, or were changed to misbehave.",
                "Weaknesses of the programs that will load the file.",
            ),
            tables=tuple(_tables(problems, scan.names)),
            details={"format": found, "problems": problems},
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        judgement = judge_by(reading, (), required=(at_most(PROBLEMS, 0),))
        problems = tuple(reading.details.get("problems", ()))
        kind = next((measure.method for measure in reading.measures if measure.name == PROBLEMS), "")
        if judgement.verdict == PASSED:
            return replace(judgement, sentences=(f"The artifact is a {kind}; nothing in it can run code.",))
        return replace(judgement, sentences=problems or judgement.sentences)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Scan:
    """Looks into files, and into files inside of them, and keeps what it saw."""

    def __init__(self, work: Path, bounds: Bounds, extra_types: tuple[str, ...]) -> None:
        self._work = work
        self._bounds = bounds
        self._extra_types = extra_types
        self._unpacked = 0
        self.notes: list[str] = []
        self.names: list[tuple[str, str]] = []

    def problems_of(self, path: Path, found: str, depth: int = 0) -> list[str]:
        """What is wrong with a file of that format, beyond its format."""
        looks: dict[str, Callable[[BinaryIO, int], list[str]]] = {
            artifacts.SAFETENSORS: safetensors_problems,
            artifacts.NPY: npy_problems,
            artifacts.NPZ: lambda stream, size: npz_problems(stream, size, self._bounds),
            artifacts.SKOPS: self._skops,
            artifacts.ONNX: self._onnx,
            artifacts.PICKLE: self._pickle,
            **dict.fromkeys((artifacts.ZIP, artifacts.TORCH, artifacts.KERAS), self._archive(depth)),
            **dict.fromkeys(artifacts.COMPRESSED, self._compressed(path, found, depth)),
        }
        problems = []
        with path.open("rb") as stream:
            if found in looks:
                problems += looks[found](stream, path.stat().st_size)
            stream.seek(0)
            if not _is_archive(found) and zipfile.is_zipfile(stream):
                problems.append("The file is a zip archive as well, so programs would not agree on what it is.")
        return problems

    def _skops(self, stream: BinaryIO, size: int) -> list[str]:
        report = skops_report(stream, size, self._bounds, self._extra_types)
        self.names += [(name, "type") for name in sorted(report.types)]
        return report.problems

    def _onnx(self, stream: BinaryIO, size: int) -> list[str]:
        report = onnx_report(stream)
        self.names += [(name, f"operator, {count:,} times") for name, count in sorted(report.operators.items())]
        return report.problems

    def _pickle(self, stream: BinaryIO, size: int) -> list[str]:
        report = report_on(stream, size)
        unusual = list(report.unusual)
        self.names += [(name, "would be called or created on loading") for name in report.names]
        problems = []
        if unusual:
            more = f" and {len(unusual) - MOST_NAMED:,} more" if len(unusual) > MOST_NAMED else ""
            problems.append(f"On loading it would call or create {', '.join(unusual[:MOST_NAMED])}{more}.")
        elif report.names:
            problems.append(f"On loading it would call or create {len(report.names):,} things of usual libraries.")
        if not report.complete:
            problems.append("The pickle cannot be followed to its end, so it may do more than is named here.")
        elif report.left_over:
            problems.append(f"{report.left_over:,} bytes follow after the end of the pickle.")
        return problems

    def _archive(self, depth: int) -> Callable[[BinaryIO, int], list[str]]:
        def look(stream: BinaryIO, size: int) -> list[str]:
            problems = archive_problems(stream, size, self._bounds)
            if problems:
                return problems
            try:
                with zipfile.ZipFile(stream) as archive:
                    for member in archive.infolist()[:MOST_MEMBERS]:
                        with archive.open(member) as inner:
                            problems += self._inside(inner, member.filename, depth)
            except BROKEN as error:
                problems.append(f"The archive cannot be read: {error}.")
            return problems

        return look

    def _compressed(self, path: Path, found: str, depth: int) -> Callable[[BinaryIO, int], list[str]]:
        def look(stream: BinaryIO, size: int) -> list[str]:  # noqa: ARG001 (bounds hold for what comes out)
            try:
                unpacked = _decompressed(stream, found)
                return [] if unpacked is None else self._inside(unpacked, f"content of {path.name}", depth)
            except _BROKEN_STREAM as error:
                return [f"The compressed file cannot be unpacked: {error}."]

        return look

    def _inside(self, stream: _Readable, name: str, depth: int) -> list[str]:
        """A file inside another one, unpacked within bounds, that is there to be explained only."""
        if depth >= DEEPEST:
            return [f"The file is packed more than {DEEPEST} times over."]
        place = self._work / f"inside-{depth}"
        with place.open("wb") as target:
            while chunk := stream.read(MIB):
                self._unpacked += len(chunk)
                if self._unpacked > self._bounds.unpacked:
                    return [f"Unpacked, the file has more than {self._bounds.unpacked:,} bytes."]
                target.write(chunk)
        found = artifacts.format_of(place)
        problems = self.problems_of(place, found, depth + 1)
        inner = "" if depth == 0 and name.startswith("content of") else f"{name}: "
        return [f"{inner}{problem}" for problem in problems] if found not in artifacts.DATA_ONLY else []


def _is_archive(found: str) -> bool:
    return found in (artifacts.SKOPS, artifacts.NPZ, artifacts.ZIP, artifacts.TORCH, artifacts.KERAS)


def _decompressed(stream: BinaryIO, found: str) -> _Readable | None:
    """The unpacked content as a stream, or None where Python has no means to unpack."""
    if found == artifacts.GZIP:
        return gzip.GzipFile(fileobj=stream)
    if found == artifacts.BZIP2:
        return bz2.BZ2File(stream)
    if found in (artifacts.XZ, artifacts.LZMA):
        return lzma.LZMAFile(stream)
    return _Inflated(stream) if found == artifacts.ZLIB else None


class _Inflated:
    """A zlib stream as joblib writes it, read piece by piece."""

    def __init__(self, stream: BinaryIO) -> None:
        self._pieces = self._inflate(stream)

    def read(self, size: int, /) -> bytes:
        return next(self._pieces, b"")

    @staticmethod
    def _inflate(stream: BinaryIO) -> Iterator[bytes]:
        inflater = zlib.decompressobj()
        while not inflater.eof:
            chunk = inflater.unconsumed_tail or stream.read(MIB)
            if not chunk:
                raise EOFError("it ends too early")
            if piece := inflater.decompress(chunk, MIB):
                yield piece


def _second_opinion(path: Path, name: str, found: str) -> list[str]:
    """What picklescan names. It knows pickles and archives; a clean answer of it means nothing here."""
    if found in (artifacts.SAFETENSORS, artifacts.ONNX, artifacts.EMPTY):
        return []
    try:
        with path.open("rb") as stream:
            if stream.read(len(_SEVEN_ZIP)) == _SEVEN_ZIP:  # for which it wants a library; no format of a model
                return []
            stream.seek(0)
            result = scan_bytes(stream, name, ".npy" if found == artifacts.NPY else None)
    except (*BROKEN_ARRAY, AttributeError, IndexError) as error:
        return [f"A second scanner, picklescan, cannot read the file: {type(error).__name__}."]
    names = sorted({f"{item.module}.{item.name}" for item in result.globals if item.safety == SafetyLevel.Dangerous})
    return [f"A second scanner, picklescan, calls {', '.join(names[:MOST_NAMED])} dangerous."] if names else []


def _tables(problems: list[str], names: list[tuple[str, str]]) -> Iterator[NumberTable]:
    if problems:
        yield NumberTable("Problems", ("Problem",), tuple((problem,) for problem in problems))
    if names:
        yield NumberTable("Names in the artifact", ("Name", "What it is"), tuple(dict.fromkeys(names)))
