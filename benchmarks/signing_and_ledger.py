"""How fast people can sign beside a bare insert of the same row, and how fast a ledger verifies beside bare SHA-256.

Run `make benchmark`, or `python -m benchmarks.signing_and_ledger 10000 100000 1000000`. Everything happens in a
folder and a database of its own, on SQLite, or on the PostgreSQL that DATABASE_URL names (an empty database).
Prints ratios; a ratio of 3 means that we take three times as long as the peer.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from approvals.models import RegisteredModel
    from tests.cast import Cast

SIZES = (10_000, 100_000, 1_000_000)
SIGNATURES = 100
CHUNK = 5_000


def main(sizes: tuple[int, ...]) -> None:
    """Set up, measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PORTAL_VAR"] = folder
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
        import django  # noqa: PLC0415  (the folder is named first)

        django.setup()
        from django.core.management import call_command  # noqa: PLC0415
        from django.test.utils import override_settings  # noqa: PLC0415

        from portal.keys import ensure_keys  # noqa: PLC0415

        with _no_noise(), override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
            ensure_keys(Path(folder))
            call_command("migrate", verbosity=0)
            from tests.cast import make_cast  # noqa: PLC0415

            cast = make_cast()
            cast.publish({"scoping": [{"evidence": {"kind": "artifact"}}, {"signoffs": {"role": "business_analyst"}}]})
            model = cast.model()
            for size in sizes:
                _grow(size)
                _sign_offs(cast, model, size)
                _ledger()


@contextmanager
def _no_noise() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield


def _sign_offs(cast: Cast, model: RegisteredModel, size: int) -> None:
    """Sign in one process with a ledger of that size, and insert as many bare rows."""
    from django.db import connection, transaction  # noqa: PLC0415

    from approvals.models import SignOff  # noqa: PLC0415
    from approvals.stages import Role  # noqa: PLC0415

    versions = [cast.version(model, number=f"{size}.{number}") for number in range(2 * SIGNATURES)]
    for version in versions:
        cast.artifact(version)
    requests = [cast.request(version, Role.BUSINESS_ANALYST) for version in versions[:SIGNATURES]]
    start = time.perf_counter()
    signed = [
        cast.sign(version, Role.BUSINESS_ANALYST, asked=asked)
        for version, asked in zip(versions, requests, strict=False)
    ]
    ours = time.perf_counter() - start
    bare = [
        SignOff(
            **{
                field.attname: getattr(row, field.attname)
                for field in SignOff._meta.concrete_fields
                if field.attname not in ("id", "version_id", "idempotency_key")
            },
            version=version,
            idempotency_key=uuid.uuid4().hex,
        )
        for row, version in zip(signed, versions[SIGNATURES:], strict=True)
    ]
    start = time.perf_counter()
    for row in bare:
        with transaction.atomic():
            row.save(force_insert=True)
    peer = time.perf_counter() - start
    _say(
        f"sign-offs beside {size:,} entries on {connection.vendor}, with cheap password hashing: "
        f"{SIGNATURES / ours:,.0f} per second, bare insert of the same row: {SIGNATURES / peer:,.0f} per second, "
        f"ratio {ours / peer:.1f}"
    )


def _ledger() -> None:
    """Verify the whole ledger."""
    from django.db import connection  # noqa: PLC0415

    from portal.auditing import verify  # noqa: PLC0415
    from portal.models import LedgerEntry  # noqa: PLC0415

    payloads = [text.encode() for text in LedgerEntry.objects.order_by("seq").values_list("payload", flat=True)]
    start = time.perf_counter()
    for payload in payloads:
        hashlib.sha256(payload).digest()
    peer = time.perf_counter() - start
    size, length = len(payloads), sum(map(len, payloads)) / len(payloads)
    del payloads
    start = time.perf_counter()
    report = verify()
    ours = time.perf_counter() - start
    found = "whole" if report.first_bad_seq is None else f"bad at {report.first_bad_seq}"
    _say(
        f"ledger of {size:,} entries of {length:,.0f} bytes on {connection.vendor} ({found}): {ours:.2f} s, "
        f"{size / ours:,.0f} entries per second, bare SHA-256 of the same bytes {size / peer:,.0f} per second, "
        f"ratio {ours / peer:.0f}"
    )


def _grow(size: int) -> None:
    """Entries as ledger.record() makes them, but many in one statement, so past the guards."""
    from portal import ledger, merkle  # noqa: PLC0415
    from portal.models import LedgerEntry, LedgerHead  # noqa: PLC0415
    from tests.portal.ledgers import drop_guards  # noqa: PLC0415

    drop_guards()
    head = LedgerHead.objects.get(pk=1)
    last = LedgerEntry.objects.order_by("-seq").first()
    if last is None:
        message = "The ledger is empty; sign-offs are measured first."
        raise RuntimeError(message)
    content = json.loads(last.payload)
    peaks = [bytes(head.peaks)[i : i + 32] for i in range(0, len(bytes(head.peaks)), 32)]
    for start in range(head.size, size, CHUNK):
        rows = []
        for seq in range(start, min(start + CHUNK, size)):
            payload = ledger.canonical({**content, "seq": seq})
            leaf = merkle.leaf_hash(payload.encode())
            peaks = merkle.push(peaks, seq, leaf)
            copied = {
                name: getattr(last, name)
                for name in ("event", "scope", "actor_id", "actor_name", "at", "object_type", "object_id")
            }
            rows.append(LedgerEntry(seq=seq, payload=payload, leaf=leaf, **copied))
        LedgerEntry.objects.bulk_create(rows)
    LedgerHead.objects.filter(pk=1).update(size=size, peaks=b"".join(peaks), root=merkle.root_of(peaks))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(tuple(int(word) for word in sys.argv[1:]) or SIZES)
