"""Says in words whether a card, attestations, an audit pack or the whole ledger is the portal's. Changes nothing."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError

from modelcards import companions, records
from modelcards.companions import CompanionReport
from modelcards.inspection import inspect
from modelcards.verification import LARGEST, CardReport, Fact
from portal import auditing
from portal.errors import BadInput

HOLDS, WRONG, UNREADABLE = 0, 1, 2
SIGNS = {True: "ok      ", False: "WRONG   ", None: "unknown "}


class Command(BaseCommand):
    """Exit status 0: everything was checked and holds. 1: something does not, or is unknown. 2: not a card."""

    help = (
        "Check a model card (card.pdf or card.json), its attestations (.intoto.jsonl) or an audit pack (.zip), or with "
        "--ledger alone the whole ledger. "
        "Exit status: 0 all holds, 1 something does not hold or could not be checked, 2 not a readable card."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012  (Django declares it so)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("card", nargs="?", type=Path, help="the file; without it, --ledger checks the whole ledger")
        parser.add_argument("--root", type=Path, help="the root certificate that you trust, instead of this portal's")
        parser.add_argument(
            "--revoked", type=Path, help="the list of revoked certificates (CRL), instead of this portal's"
        )
        parser.add_argument(
            "--timestamp-root", type=Path, help="certificates of timestamp authorities, instead of this portal's"
        )
        parser.add_argument(
            "--signer-root", type=Path, help="certificates that you trust to vouch for who signed the card further"
        )
        parser.add_argument("--key", help="the public ledger key that you trust, instead of this portal's")
        parser.add_argument("--ledger", action="store_true", help="also compare with the database of this portal")

    def handle(self, *, card: Path | None, ledger: bool, **given: Any) -> None:
        """Check and say; the exit status is the verdict."""
        if card is None:
            if not ledger:
                raise CommandError("Name a card, or give --ledger to check the whole ledger.", returncode=UNREADABLE)
            self._end(self._ledger())
        try:
            report = _REPORTS[_kind(card)](card, _trusted(given), compare=ledger)
        except BadInput as problem:
            raise CommandError(problem.sentence, returncode=UNREADABLE) from problem
        self._say(report, compared=ledger)
        self._end(HOLDS if report.ok else WRONG)

    def _say(self, report: CardReport | CompanionReport, *, compared: bool) -> None:
        self.stdout.write(shown(report.bottom_line))
        for fact in report.facts:
            self.stdout.write(shown(_line(fact)))
        for signed in report.card.sign_offs if report.card else ():
            if signed.current:
                told = f"{signed.printed_name}, {signed.role_title}, {signed.decision_title}, {signed.signed_at}"
                self.stdout.write(shown(f"signed  {told}"))
        if not compared and report.card is not None:
            self.stdout.write(
                "not asked  Whether the card was superseded or withdrawn since: --ledger asks this portal."
            )

    def _ledger(self) -> int:
        report = auditing.verify()
        for sentence in (*report.sentences, *report.remarks):
            self.stdout.write(sentence)
        return HOLDS if report.ok else WRONG

    def _end(self, status: int) -> NoReturn:
        self.stdout.flush()
        sys.exit(status)


def _trusted(given: dict[str, Any]) -> dict[str, Any]:
    """What to verify with: what was given, or what is this portal's own. To another root belongs another list."""
    own_root = given["root"] is None
    stamps = given["timestamp_root"]
    own_list = records.revoked() if own_root else []
    return {
        "roots": records.trusted_roots() if own_root else [_read(given["root"])],
        "keys": [given["key"]] if given["key"] else records.trusted_keys(),
        "timestamp_roots": [_read(stamps)] if stamps else records.trusted_timestamp_roots(),
        "revoked": [_read(given["revoked"])] if given["revoked"] else own_list,
        "signer_roots": [_read(given["signer_root"])] if given["signer_root"] else [],
    }


def _kind(path: Path) -> str:
    try:
        return companions.kind_of(path)
    except OSError as failure:
        raise CommandError(f"{path} cannot be read: {failure.strerror}.", returncode=UNREADABLE) from failure


def _card(path: Path, trust: dict[str, Any], *, compare: bool) -> CardReport:
    pdf = _read(path)
    found = inspect(pdf, **trust)
    if not found.claims_to_be_a_card:
        raise CommandError(f"{path} is not a model card, or cannot be read as one.", returncode=UNREADABLE)
    return records.compared(pdf, found.report) if compare else found.report


def _attestations(path: Path, trust: dict[str, Any], *, compare: bool) -> CompanionReport:
    report, found = companions.verify_attestations(_read(path), roots=trust["roots"], revoked=trust["revoked"])
    return records.compared_attestations(report, found) if compare else report


def _pack(path: Path, trust: dict[str, Any], *, compare: bool) -> CompanionReport:
    report = companions.verify_pack(path, **trust)
    return records.compared_pack(report) if compare else report


_REPORTS: dict[str, Callable[..., CardReport | CompanionReport]] = {
    companions.OTHER: _card,
    companions.ATTESTATIONS: _attestations,
    companions.PACK: _pack,
}


def shown(line: str) -> str:
    """A line that cannot move the cursor or forge another line: it may hold words out of a stranger's file."""
    return "".join(sign if sign.isprintable() else f"[U+{ord(sign):04X}]" for sign in line)


def _line(fact: Fact) -> str:
    return f"{SIGNS[fact.holds]}{fact.name}: {fact.sentence}"


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise CommandError(f"{path} is larger than any card.", returncode=UNREADABLE)
        return path.read_bytes()
    except OSError as failure:
        raise CommandError(f"{path} cannot be read: {failure.strerror}.", returncode=UNREADABLE) from failure
