"""The door of the ledger and the only writer of LedgerEntry: record() appends one act inside the caller's transaction.

It decides what may be written (known events, canonical JSON) and never changes, deletes or interprets an entry.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, connections, models, transaction
from django.utils import timezone

from portal import checkpoints, merkle
from portal.auditing import LedgerReport, verify
from portal.checkpoints import checkpoint, verify_note, vkey
from portal.errors import Unavailable
from portal.models import Checkpoint, LedgerEntry, LedgerHead

__all__ = [
    "LedgerMisuse",
    "LedgerReport",
    "begin",
    "canonical",
    "checkpoint",
    "inclusion_proof",
    "is_known_event",
    "name_of",
    "printed_name",
    "proof_for",
    "record",
    "register_events",
    "tree_of",
    "verify",
    "verify_note",
    "vkey",
]

FORMAT_VERSION = 1
SYSTEM = "system"
# RFC 8785 numbers are IEEE doubles; a larger whole number would not survive another reader.
LARGEST_INTEGER = 2**53 - 1
EVENT_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
LONGEST_NAME = 100
LONGEST_ACTOR = 255  # of the column; a first and a last name may be longer together, and PostgreSQL would refuse
SCOPE = re.compile(r"portal|[a-z_]+\.[a-z_]+:[A-Za-z0-9-]+")
SURROGATE = re.compile("[\ud800-\udfff]")

_events: dict[str, type[StrEnum]] = {}


class LedgerMisuse(Exception):
    """Code asked the ledger for something it never does; a fault of the program, not of the user."""


def register_events(enum_class: type[StrEnum]) -> None:
    """Make the members of an enumeration known to record() and notify(); a name belongs to one enumeration."""
    for member in enum_class:
        if not EVENT_NAME.fullmatch(member.value) or len(member.value) > LONGEST_NAME:
            raise LedgerMisuse(f"An event name is dotted and lower case: {member.value!r}.")
        if _events.setdefault(member.value, enum_class) is not enum_class:
            raise LedgerMisuse(f"The event {member.value!r} is named twice.")


def is_known_event(event: StrEnum) -> bool:
    """Whether this very member was registered."""
    return isinstance(event, StrEnum) and _events.get(event.value) is type(event)


def record(
    *,
    event: StrEnum,
    actor: AbstractBaseUser | None,
    subject: models.Model,
    scope: str,
    facts: dict[str, Any],
    authentication: str = "",
    reason: str = "",
) -> LedgerEntry:
    """Append one act; call it last, as it holds the ledger's lock until the caller's transaction ends.

    The object must still have its primary key: record a deletion before deleting.
    """
    if not is_known_event(event):
        raise LedgerMisuse(f"The ledger does not know the event {event!r}; register its enumeration.")
    if not transaction.get_connection().in_atomic_block:
        raise LedgerMisuse(f"{event} was to be recorded outside the transaction of the act itself.")
    if not SCOPE.fullmatch(scope) or len(scope) > LONGEST_NAME:
        raise LedgerMisuse(f"{scope!r} is no scope: write portal, or app.model:key.")
    if subject.pk is None:
        raise LedgerMisuse(f"{event} is about an object that has no key yet.")
    if actor is not None and actor.pk is None:
        raise LedgerMisuse(f"{event} has an actor who is nobody; say None for the system.")
    act = {
        "event": event.value,
        "scope": scope,
        "actor": {
            "id": None if actor is None else actor.pk,
            "name": SYSTEM if actor is None else printed_name(actor)[:LONGEST_ACTOR],
        },
        "authentication": authentication,
        "object": {"type": subject._meta.label_lower, "id": str(subject.pk), "label": str(subject)},
        "facts": facts,
        "reason": reason,
    }
    try:
        return _append(act)
    except DatabaseError as failure:
        raise Unavailable(
            "The ledger cannot record this just now, so nothing was done. Try again, and tell an administrator.",
            code="ledger-unavailable",
        ) from failure


def begin(using: str, **_: Any) -> None:
    """Give an empty ledger its head row, after a migration; a ledger that lost its head does not get a new one."""
    if LedgerHead._meta.db_table not in connections[using].introspection.table_names():
        return
    begun = LedgerEntry.objects.using(using).exists() or Checkpoint.objects.using(using).exists()
    if not begun and not LedgerHead.objects.using(using).exists():
        LedgerHead.objects.using(using).create(pk=1, size=0, peaks=b"", root=merkle.EMPTY_ROOT)


def _append(act: dict[str, Any]) -> LedgerEntry:
    head = LedgerHead.objects.select_for_update().filter(pk=1).first()
    last = LedgerEntry.objects.order_by("-seq").values_list("seq", "at").first()
    if head is None or head.size != (0 if last is None else last[0] + 1):
        raise Unavailable(
            "The ledger is damaged, so nothing can be recorded and nothing was done. Run verify.", code="ledger-damaged"
        )
    now = timezone.now()
    content = {"v": FORMAT_VERSION, "seq": head.size, "time": as_text(now), **act}
    if last is not None and now < last[1]:
        content["clock"] = {"before": as_text(last[1]), "note": "The clock went backwards; the order is by seq."}
    payload = canonical(content)
    leaf = merkle.leaf_hash(payload.encode())
    old_peaks = bytes(head.peaks)
    peaks = merkle.push([old_peaks[i : i + 32] for i in range(0, len(old_peaks), 32)], head.size, leaf)
    entry = LedgerEntry(
        seq=head.size,
        payload=payload,
        leaf=leaf,
        event=act["event"],
        scope=act["scope"],
        actor_id=act["actor"]["id"],
        actor_name=act["actor"]["name"],
        at=now,
        object_type=act["object"]["type"],
        object_id=act["object"]["id"],
    )
    entry.save(force_insert=True)
    head.size, head.peaks, head.root = head.size + 1, b"".join(peaks), merkle.root_of(peaks)
    head.save(force_update=True)
    return entry


def printed_name(user: AbstractBaseUser) -> str:
    """The name that stands in the record: full name if there is one, else the user name."""
    return str(getattr(user, "get_full_name", str)() or user.get_username())


def name_of(user: AbstractBaseUser | None) -> str:
    """The name of whoever acted, for reading: the portal itself where nobody did."""
    return "The portal" if user is None else printed_name(user)


def as_text(moment: datetime) -> str:
    """A moment as the ledger writes it: UTC with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def canonical(value: Any) -> str:
    """The canonical text of a value (RFC 8785 for what it accepts); floats and odd types are refused."""
    return json.dumps(_plain(value, "facts"), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if SURROGATE.search(value):
            raise LedgerMisuse(f"{where} holds half a character, which has no UTF-8 form.")
        return str.__str__(value)
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise LedgerMisuse(f"{where} holds a number beyond 2^53; write it as text.")
        return int(value)
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{place}]") for place, item in enumerate(value)]
    if isinstance(value, dict):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise LedgerMisuse(f"{where} has the key {odd[0]!r}; keys are text.")
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return {_plain(key, where): _plain(value[key], f"{where}.{key}") for key in keys}
    raise LedgerMisuse(f"{where} is a {type(value).__name__}; the ledger takes text, whole numbers, lists and dicts.")


def inclusion_proof(seq: int, size: int) -> tuple[bytes, ...]:
    """The hashes that lead from entry `seq` to the root of the first `size` entries."""
    return tree_of(size).inclusion(seq)


def proof_for(entries: Sequence[int], checkpoint: Checkpoint) -> dict[str, Any]:
    """A JSON bundle that proves these entries without the portal; merkle.verify_bundle() checks it."""
    tree = tree_of(checkpoint.size)
    wanted = sorted(set(entries))
    texts = dict(LedgerEntry.objects.filter(seq__in=wanted, seq__lt=checkpoint.size).values_list("seq", "payload"))
    if missing := [seq for seq in wanted if seq not in texts]:
        raise LedgerMisuse(f"Entry {missing[0]} is not covered by the checkpoint of {checkpoint.size} entries.")
    return {
        "format": merkle.BUNDLE_FORMAT,
        "vkey": checkpoints.vkey_of(checkpoint),
        "checkpoint": checkpoint.note,
        "entries": [
            {"seq": seq, "payload": texts[seq], "proof": [item.hex() for item in tree.inclusion(seq)]} for seq in wanted
        ],
    }


def tree_of(size: int) -> merkle.Tree:
    """The tree over the first `size` entries, to make many proofs from."""
    leaves = LedgerEntry.objects.filter(seq__lt=size).order_by("seq").values_list("leaf", flat=True)
    tree = merkle.Tree(bytes(leaf) for leaf in leaves.iterator(chunk_size=5000))
    if tree.size != size:
        raise Unavailable(f"The ledger does not hold {size} entries. Run verify.", code="ledger-damaged")
    return tree
