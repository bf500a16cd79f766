"""What the child process does about tables that lie elsewhere: the rights it needs, and that they did not change.

A run never measures what was not verified, and says in its reading what it verified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from approvals.checks.base import CheckInputError, Input, Reading, Report
from approvals.measures.reading import TableError
from approvals.measures.referenced import Identity, confirm_unchanged, verify
from approvals.measures.references import Referenced, RelationReference, described

_VERIFYING = 0.2
"""Share of the progress that verifying files takes."""
_RESOLVING = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/run/systemd/resolve",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
)
_FILES_IN_URLS = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile", "host")


def kept_network(relations: Iterable[Referenced]) -> str:
    """What the log says where a connection is needed."""
    names = dict.fromkeys(connection_of(table) for table in relations)
    return f"The check kept the network to reach the connection {' and '.join(f'“{name}”' for name in names)}."


def connection_of(table: Referenced) -> str:
    """The name of the connection of a relation."""
    reference = table.reference
    return reference.connection if isinstance(reference, RelationReference) else ""


def start_engines(relations: Iterable[Referenced]) -> str:
    """Start engines that are programs of their own, before this process gives up its rights; what the log says."""
    urls = {table.target for table in relations if table.target.startswith("spark")}
    if not urls:
        return ""
    from approvals.measures.spark_engine import start  # noqa: PLC0415  (few installations have it)

    try:
        for url in urls:
            start(url)
    except TableError:  # said in a sentence about the table where it is opened; other tables are measured
        return "Spark could not be started or reached."
    return "Spark's own program ran beside the check, without the check's limits."


def files_of_connections(relations: Iterable[Referenced]) -> Iterator[Path]:
    """What a connection reads: how machines are found, certificates, and files that its URL names."""
    urls = [urlsplit(table.target) for table in relations]
    if urls:
        yield from (Path(place) for place in _RESOLVING)
    for url in urls:
        for name, values in parse_qs(url.query).items():
            if name in _FILES_IN_URLS:
                yield from (Path(value) for value in values if value.startswith("/"))


def measured_unchanged(pieces: Iterable[Input], report: Report, measure: Callable[[Report], Reading]) -> Reading:
    """Verify what is referred to, measure, and confirm that it is the same still.

    Raises CheckInputError with a sentence if it is not: then there is no reading.
    """
    referred = [(piece, piece.table) for piece in pieces if piece.table is not None]
    files = [(piece, table) for piece, table in referred if not table.is_relation]
    start = _VERIFYING if files else 0.0
    before: list[dict[str, Identity]] = []
    for place, (piece, table) in enumerate(files):
        with _about(piece):
            before.append(verify(table, _part(report, start * place / len(files), start / len(files))))
    reading = measure(_part(report, start, 1.0 - start))
    for (piece, table), identities in zip(files, before, strict=True):
        with _about(piece):
            confirm_unchanged(table, identities)
    said = tuple(_said(piece, table) for piece, table in referred)
    return replace(reading, looked_at=(*reading.looked_at, *said))


def _part(report: Report, start: float, share: float) -> Report:
    return lambda done, text: report(start + share * min(max(done, 0.0), 1.0), text)


def _said(piece: Input, table: Referenced) -> str:
    how = (
        "its fingerprint was taken again in the state that was measured"
        if table.is_relation
        else "each file was compared with its SHA-256 before and was the same file afterwards"
    )
    return f"{piece.name} is referred to, not uploaded: {described(table.reference)}; {how}."


class _about:  # noqa: N801 - reads as a word
    """Problems of a table as CheckInputError."""

    def __init__(self, piece: Input) -> None:
        self._piece = piece

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TableError):
            raise CheckInputError(error.sentence) from None
