"""What may follow the seal of a card, and the first reason why something is not that.

Allowed are signatures in the fields that were prepared for them, timestamps of the portal, and material to judge them
by. All else is refused, whatever a reader of PDF would say of it. Part of the auditor's script.
"""

import re
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

from modelcards.detached import NotReadable
from modelcards.file_states import State, named, references, same, state_of
from modelcards.increments import Increment, Placed, read_increment
from modelcards.pdf_objects import PdfReference, stream_of
from modelcards.permitted import judge_change, store_number, store_objects
from modelcards.revisions import COUNTER_FIELDS, STAMP_FIELDS, Material, prepared, revision

STAMP, SIGNATURE, MATERIAL = "timestamp", "signature", "material"
MOST_ADDITIONS = 40
DAMAGED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, zlib.error)
HOLE = re.compile(rb"<[0-9A-Fa-f]*>")
BEFORE_HOLE = re.compile(rb"/Contents[\t\n\r ]*\Z")
OF_SIGNATURES = {
    "Type", "Filter", "SubFilter", "Contents", "ByteRange", "M", "Name", "Reason", "Location", "ContactInfo",
    "Prop_Build", "Prop_AuthTime", "Prop_AuthType", "R", "V",
}  # fmt: skip
SUBFILTERS = ("ETSI.CAdES.detached", "adbe.pkcs7.detached")


@dataclass(frozen=True)
class Addition:
    """One revision behind the seal: what it is, its field, where it and its hole begin and end, what fills the hole.

    `lists` and `answers` are all that the file holds up to its end to judge timestamps by (CRL, OCSP; DER).
    """

    kind: str
    end: int
    name: str = ""
    hole: tuple[int, int] = (0, 0)
    content: bytes = b""
    entries: dict[str, Any] = field(default_factory=dict)
    lists: tuple[bytes, ...] = ()
    answers: tuple[bytes, ...] = ()


class NotContinued(NotReadable):
    """Something else follows; `good` is where the file still was what it may be, the sentence says what is wrong."""

    def __init__(self, good: int, cause: str) -> None:
        super().__init__(cause)
        self.good = good


def additions(pdf: bytes, end: int) -> tuple[Addition, ...]:
    """What follows the sealed part, which ends there. Raises NotContinued."""
    if end == len(pdf):
        return ()
    found: list[Addition] = []
    good = end
    try:
        sealed = pdf[:end]
        state = state_of(sealed)
        while good < len(pdf):
            if len(found) == MOST_ADDITIONS:
                raise NotReadable("there are more updates than a card has room for")
            update = read_increment(pdf, good, state.table)
            found.append(_addition(pdf, sealed, state, update, found))
            good = found[-1].end
    except NotContinued:
        raise
    except DAMAGED as problem:
        raise NotContinued(good, str(problem) if isinstance(problem, NotReadable) else "") from problem
    return tuple(found)


def continued_state(pdf: bytes, end: int) -> State:
    """A card with all that follows its seal, for whoever adds the next revision. Raises NotContinued."""
    state, good = state_of(pdf[:end]), end
    for one in additions(pdf, end):
        update = read_increment(pdf, good, state.table)
        state.objects.update({number: placed.one for number, placed in update.objects.items()})
        state.table, good = update.table, one.end
    return state


def _addition(pdf: bytes, sealed: bytes, state: State, update: Increment, earlier: list[Addition]) -> Addition:
    """What one update is, after all that it changes was judged; the state moves on."""
    before, fields = replace(state, objects=dict(state.objects)), state.fields()
    filled = [number for number in update.objects if number in fields]
    changed = [number for number in update.objects if number < before.table.size and number not in filled]
    owned = {number for one in filled for number in _filled(before, update, one, fields[one])}
    store = store_number(before, update)
    for number in changed:
        judge_change(before, update.objects[number].one, number, store)
    state.objects.update({number: placed.one for number, placed in update.objects.items()})
    state.table = update.table
    owned |= set(store_objects(state, before, update))
    strangers = set(update.objects) - set(filled) - set(changed) - owned
    if strangers:
        raise NotReadable(f"it adds {named(update.objects[min(strangers)].one)} that belongs to no signature")
    if len(filled) > 1:
        raise NotReadable("it fills more than one field at once")
    lists, answers = state.held("CRLs"), state.held("OCSPs")
    if not filled:
        if not owned:
            raise NotReadable("it signs nothing")
        return Addition(MATERIAL, update.ends[0], lists=lists, answers=answers)
    found = replace(_signed(pdf, update, filled[0], fields[filled[0]]), lists=lists, answers=answers)
    if found.kind == STAMP and found.name in STAMP_FIELDS:
        _require_own_revision(pdf, sealed, before, update, found, earlier)
    return found


def _filled(before: State, update: Increment, number: int, name: str) -> set[int]:
    """The number of the signature in a field, of which nothing else may change."""
    old, now = before.objects[number].value, update.objects[number].one.value
    if name not in (*COUNTER_FIELDS, *STAMP_FIELDS):
        raise NotReadable(f"it fills the field {name[:40]}, which was not prepared for that")
    if not isinstance(now, dict) or not isinstance(now.get("V"), PdfReference):
        raise NotReadable(f"it changes the field {name} without signing in it")
    different = sorted(key for key in set(old) | set(now) - {"V"} if not same(old.get(key), now.get(key)))
    if different:
        what = "gives it an appearance" if "AP" in different else f"changes its entry {different[0][:40]}"
        raise NotReadable(f"it signs in the field {name}, but {what}")
    signature = now["V"].number
    if signature < before.table.size or signature not in update.objects:
        raise NotReadable(f"the signature in the field {name} is not in the same update")
    return {signature}


def _signed(pdf: bytes, update: Increment, number: int, name: str) -> Addition:
    """The signature in a field, which covers the whole file up to its own end."""
    placed = update.objects[update.objects[number].one.value["V"].number]
    entries = placed.one.value
    if not isinstance(entries, dict) or placed.one.raw is not None:
        raise NotReadable(f"what is in the field {name} is no signature")
    if unknown := set(entries) - OF_SIGNATURES:
        raise NotReadable(f"the signature in the field {name} has an entry {min(unknown)[:40]}")
    if list(references(entries)):
        raise NotReadable(f"the signature in the field {name} refers to other objects")
    is_stamp = entries.get("SubFilter") == "ETSI.RFC3161" and entries.get("Type") == "DocTimeStamp"
    is_signature = entries.get("SubFilter") in SUBFILTERS and entries.get("Type", "Sig") == "Sig"
    if not is_stamp and (name in STAMP_FIELDS or not is_signature):
        raise NotReadable(f"the signature in the field {name} is of a kind that is not read here")
    span, contents = entries.get("ByteRange"), entries.get("Contents")
    if (
        not isinstance(span, list)
        or not isinstance(contents, bytes)
        or [type(one) for one in span] != [int] * 4
        or span[0] != 0
        or span[2] + span[3] not in update.ends
        or not _is_hole(pdf, placed, span[1], span[2], contents)
    ):
        raise NotReadable(f"the signature in the field {name} does not cover the whole file up to itself")
    kind = STAMP if is_stamp else SIGNATURE
    return Addition(kind, span[2] + span[3], name, (span[1], span[2]), contents, entries)


def _is_hole(pdf: bytes, placed: Placed, start: int, end: int, contents: bytes) -> bool:
    inside, digits = placed.start < start < end < placed.end, pdf[start:end]
    if digits not in (digits.upper(), digits.lower()):
        return False
    if not inside or not HOLE.fullmatch(pdf, start, end) or not BEFORE_HOLE.search(pdf[placed.start : start]):
        return False
    return (end - start) % 2 == 0 and bytes.fromhex(pdf[start + 1 : end - 1].decode()) == contents


def _require_own_revision(
    pdf: bytes, sealed: bytes, before: State, update: Increment, found: Addition, earlier: list[Addition]
) -> None:
    """A timestamp of the portal is written again and compared."""
    stamps = [one for one in earlier if one.name in STAMP_FIELDS]
    if found.name != STAMP_FIELDS[len(stamps)] or (not stamps and update.start != len(sealed)):
        raise NotReadable("the timestamps of the portal are not in their order")
    plan = prepared(sealed, found.name)
    if plan is None:
        raise NotReadable(f"the field {found.name} is not written as the portal writes it")
    plan = replace(plan, table=before.table.place, size=before.table.size)
    digits = found.hole[1] - found.hole[0] - 2
    material = _written_material(before, update) if stamps else None
    text, start, end = revision(pdf[: update.start], digits, plan, material=material)
    begin, stop = start - update.start, end - update.start
    # The portal writes capitals; a hole of other letters differs from them.
    if text[:begin] + pdf[start:end].upper() + text[stop:] != pdf[update.start : found.end]:
        raise NotReadable("the timestamp of the whole is not written as the portal writes it")


def _written_material(before: State, update: Increment) -> Material:
    """What a renewal says that it added, by the entries of its store."""
    number = store_number(before, update)
    if number is None or number not in update.objects:
        raise NotReadable("a renewed timestamp comes without what the former one is judged by")
    now = update.objects[number].one.value
    added: list[tuple[bytes, ...]] = []
    for name in ("Certs", "CRLs", "OCSPs"):
        new = [one for one in now.get(name, ()) if one.number >= before.table.size]
        added.append(tuple(stream_of(update.objects[one.number].one) for one in new))
    return Material(number, before.store(), *added)
