"""Renews the timestamp over a whole card before its certificate ends: one more revision behind the issued file.

The revision holds what the former timestamp will be judged by (certificates, lists, answers) and a new timestamp over
all of it. Bytes in, bytes out; what the portal keeps of it is renewals.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from modelcards.continuations import continued_state
from modelcards.detached import NotReadable
from modelcards.file_states import State
from modelcards.pdf_objects import PdfReference
from modelcards.proofs import WholeStamp, judged_in_turn, whole_stamps
from modelcards.revisions import STAMP_FIELDS, Material, prepared, revision
from modelcards.sealed_part import SealedPart, sealed_part
from modelcards.timestamping import TimestampAuthority, TimestampFailed
from modelcards.timestamps import Stamp, read_stamp
from modelcards.trust import Fact, Trust
from portal.errors import Refused

NO_STAMP = "The card was issued without a timestamp over the whole, so there is none to renew."


def ends_at(pdf: bytes) -> datetime | None:
    """When the newest timestamp over a card stops to prove anything by itself; None if it carries none.

    Raises Refused if the file is no sealed card.
    """
    stamps = _stamps(pdf, _part(pdf))
    return min(one.not_valid_after_utc for one in _read(stamps[-1]).chain) if stamps else None


def renewed(pdf: bytes, authority: TimestampAuthority, *, now: datetime) -> bytes:
    """The same card with one more timestamp. Raises Refused where that would prove nothing, TimestampFailed."""
    part = _part(pdf)
    stamps = _stamps(pdf, part)
    if not stamps:
        raise Refused(NO_STAMP)
    if len(stamps) == len(STAMP_FIELDS):
        raise Refused("The card has no room for another timestamp.")
    plan, state = prepared(pdf[: part.end], STAMP_FIELDS[len(stamps)]), continued_state(pdf, part.end)
    if plan is None:
        raise Refused("The card was issued before there was room for renewed timestamps.")
    _require_trusted(stamps, authority, now)
    material = _material(state, _read(stamps[-1]), authority, now)
    plan = replace(plan, table=state.table.place, size=state.table.size)
    probe, _ = authority.stamp(hashlib.sha256(pdf).digest())
    text, start, end = revision(pdf, 2 * len(probe) + 512, plan, material=material)
    whole = pdf + text
    token, _ = authority.stamp(hashlib.sha256(whole[:start] + whole[end:]).digest())
    digits = token.hex().upper().encode().ljust(end - start - 2, b"0")
    if len(digits) != end - start - 2:
        raise TimestampFailed("The second timestamp is much longer than the first, so it does not fit.")
    found = whole[: start + 1] + digits + whole[end - 1 :]
    _require_trusted(_stamps(found, _part(found)), authority, now)
    return found


def _part(pdf: bytes) -> SealedPart:
    part = sealed_part(pdf)
    if isinstance(part, Fact):
        raise Refused(f"The file is no sealed card: {part.sentence}")
    return part


def _stamps(pdf: bytes, part: SealedPart) -> tuple[WholeStamp, ...]:
    return whole_stamps(pdf, part.additions)


def _read(stamp: WholeStamp) -> Stamp:
    try:
        return read_stamp(stamp.token)
    except NotReadable as problem:
        raise Refused(f"The timestamp of the card cannot be read. {problem}") from problem


def _require_trusted(stamps: Sequence[WholeStamp], authority: TimestampAuthority, now: datetime) -> None:
    """A new timestamp over one that proves nothing any more would only hide that."""
    found, facts = judged_in_turn(stamps, Trust(None, authority.roots), now)
    wrong = next((fact for stamp, fact in zip(found, facts, strict=True) if stamp is None), None)
    if wrong is not None:
        raise Refused(f"The timestamps of the card do not hold, so none is renewed: {wrong.sentence}")


def _material(state: State, stamp: Stamp, authority: TimestampAuthority, now: datetime) -> Material:
    """What the former timestamp will be judged by, as far as the card does not hold it."""
    store = state.catalog().get("DSS")
    if not isinstance(store, PdfReference):
        raise Refused("The card holds nothing that its timestamps are judged by.")
    held = set(state.held("Certs"))
    known = [*stamp.chain, *(root for root in authority.roots if _is_above(stamp, root))]
    certificates = [one.public_bytes(Encoding.DER) for one in known]
    lists, answers = authority.revocation_material(stamp, now)
    return Material(
        store=store.number,
        held=state.store(),
        certificates=tuple(one for one in certificates if one not in held),
        lists=lists,
        answers=answers,
    )


def _is_above(stamp: Stamp, root: x509.Certificate) -> bool:
    return root.subject == stamp.chain[-1].issuer
