"""Signed statements of the ledger's size and root: the key, the signature and the copies outside the database.

Signs only what is committed and what continues every checkpoint signed before; never changes the ledger.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from portal import merkle
from portal.errors import Unavailable
from portal.keys import ledger_key_path
from portal.models import Checkpoint, LedgerEntry, LedgerHead


def origin() -> str:
    """The name under which this portal signs; part of each note and of the public key."""
    return str(getattr(settings, "LEDGER_ORIGIN", "model-approval-portal"))


def vkey() -> str:
    """The public key that checks this portal's checkpoints, as a C2SP vkey."""
    return merkle.make_vkey(origin(), _private_key().public_key().public_bytes_raw())


def trusted_vkeys() -> list[str]:
    """The present key and the retired ones, one a line in keys/retired-ledger-keys.txt."""
    retired = settings.VAR / "keys" / "retired-ledger-keys.txt"
    lines = retired.read_text(encoding="utf-8").splitlines() if retired.is_file() else []
    return [vkey(), *(line.strip() for line in lines if line.strip())]


def verify_note(text: str, key: str) -> merkle.Note:
    """What a note states if the owner of this vkey signed it; raises merkle.Untrusted otherwise."""
    return merkle.verify_note(text, key, _signature_fits)


def trust(text: str, keys: Iterable[str]) -> tuple[merkle.Note, str]:
    """What a note states and which of these keys signed it; raises merkle.Untrusted if none did."""
    unknown = merkle.UnknownKey("There is no key to check the checkpoint with.")
    for key in keys:
        try:
            return verify_note(text, key), key
        except merkle.UnknownKey as problem:
            unknown = problem
    raise unknown


def vkey_of(kept: Checkpoint) -> str:
    """The public key, present or retired, that signed this checkpoint."""
    try:
        return trust(kept.note, trusted_vkeys())[1]
    except merkle.Untrusted as problem:
        raise Unavailable(str(problem), code="ledger-key") from problem


def checkpoint() -> Checkpoint:
    """Sign the ledger as it is committed now, keep the note as a row and as a file, and give it back.

    Not inside a transaction: a signature on entries that are then rolled back would contradict the ledger for ever.
    """
    head = LedgerHead.objects.get(pk=1)
    if head.size == 0:
        raise Unavailable("The ledger is empty, so there is nothing to sign yet.", code="ledger-empty")
    kept = Checkpoint.objects.filter(size=head.size).first()
    if kept is None:
        _refuse_unless_continuous(head)
        body = merkle.note_body(origin(), head.size, bytes(head.root))
        key = _private_key()
        public_key = key.public_key().public_bytes_raw()
        note = merkle.signed_note(body, origin(), public_key, key.sign(body.encode()))
        with transaction.atomic(durable=True):
            kept, _ = Checkpoint.objects.get_or_create(
                size=head.size, defaults={"root": bytes(head.root), "note": note, "created_at": timezone.now()}
            )
    keep_file(kept)
    return kept


_decisions: set[str] = set()


def sign_after(events: Iterable[str]) -> None:
    """Let a checkpoint follow each of these events, besides those that cards and nights bring."""
    _decisions.update(events)


def sign_decisions() -> Checkpoint | None:
    """Sign the ledger if a decision stands in it that no checkpoint covers. Idempotent; not inside a transaction."""
    newest = LedgerEntry.objects.filter(event__in=_decisions).aggregate(newest=Max("seq"))["newest"]
    if newest is None or Checkpoint.objects.filter(size__gt=newest).exists():
        return None
    return checkpoint()


def keep_file(kept: Checkpoint) -> None:
    """Write the note beside the database, whole or not at all; an existing file is never touched."""
    folder = settings.VAR / "checkpoints"
    path = folder / f"{kept.size}.txt"
    if path.exists():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=folder, prefix=".draft-", delete=False) as draft:
        draft.write(kept.note)
        draft.flush()
        os.fsync(draft.fileno())
    Path(draft.name).replace(path)


def keep_missing_files() -> None:
    """Write the files of checkpoints that were signed when the disk would not take them."""
    for kept in Checkpoint.objects.order_by("size").iterator():
        keep_file(kept)


def kept_notes() -> dict[str, str]:
    """Every kept note by where it is kept: rows and files."""
    notes = {f"row {kept.size}": kept.note for kept in Checkpoint.objects.order_by("size")}
    folder: Path = settings.VAR / "checkpoints"
    for path in sorted(folder.glob("*.txt")):
        notes[f"file {path.name}"] = path.read_text(encoding="utf-8", errors="replace")
    return notes


def _refuse_unless_continuous(head: LedgerHead) -> None:
    """A log must never sign two histories: what is signed has to contain the longest checkpoint before."""
    before = _longest_kept_note()
    damaged = before is not None and before.size > head.size
    peaks: list[bytes] = []
    size = 0
    leaves = LedgerEntry.objects.filter(seq__lt=head.size).order_by("seq").values_list("leaf", flat=True)
    for leaf in leaves.iterator(chunk_size=5000):
        peaks = merkle.push(peaks, size, bytes(leaf))
        size += 1
        if before is not None and size == before.size:
            damaged = damaged or merkle.root_of(peaks) != before.root
    if damaged or size != head.size or merkle.root_of(peaks) != bytes(head.root):
        raise Unavailable(
            "The ledger does not continue what was signed before, so nothing was signed. Run verify.",
            code="ledger-damaged",
        )


def _longest_kept_note() -> merkle.Note | None:
    try:
        text = max(kept_notes().values(), key=lambda text: merkle.parse_note(text)[0].size, default=None)
        return None if text is None else trust(text, trusted_vkeys())[0]
    except merkle.Untrusted as problem:
        raise Unavailable(
            "A checkpoint that was kept cannot be trusted, so nothing was signed. Run verify.", code="ledger-damaged"
        ) from problem


def _private_key() -> Ed25519PrivateKey:
    path = ledger_key_path(settings.VAR)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as failure:
        raise Unavailable("The key that signs the ledger cannot be read.", code="ledger-key") from failure
    if not isinstance(key, Ed25519PrivateKey):
        raise Unavailable("The key that signs the ledger is not an Ed25519 key.", code="ledger-key")
    return key


def _signature_fits(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
