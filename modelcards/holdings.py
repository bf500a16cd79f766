"""What the portal keeps beside a card's document, for one person: the PDF, evidence, ledger and keys.

Every piece is authorised when it is reached, and opening one is recorded as if it were downloaded alone.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import pikepdf
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet

from approvals import evidence, permissions
from approvals.models import Evidence
from modelcards import attesting, renewals, seals
from modelcards.auditor_script import SCRIPT_NAME, auditor_script
from modelcards.authority import list_path, root_path
from modelcards.card import Card
from modelcards.content.approval import LEFT_OUT
from modelcards.embedded import ATTESTATIONS
from modelcards.exporters.base import Piece
from modelcards.models import ModelCard
from portal import checkpoints, exporting, ledger
from portal.errors import Unavailable
from portal.models import Checkpoint, LedgerEntry

PART = 1 << 20


class Holdings:
    """Reads for the person who asked; changes nothing but the record of what was opened."""

    def __init__(self, row: ModelCard, card: Card, actor: User) -> None:
        self._row, self._card, self._actor = row, card, actor

    def pdf(self) -> bytes:
        """The file with the newest timestamp, unaltered. Raises Unavailable if it is not there."""
        pdf = renewals.current_file(self._row)
        if pdf is None:
            raise Unavailable("This card has no file; tell an administrator.")
        return renewals.unaltered(pdf)

    def attestations(self) -> bytes | None:
        """The signed statements, which lie inside the PDF."""
        with pikepdf.open(io.BytesIO(self.pdf())) as opened:
            found = opened.attachments.get(ATTESTATIONS)
            return None if found is None else bytes(found.get_file().read_bytes())

    def evidence(self) -> tuple[Piece, ...]:
        """Every piece that the card names. Raises NotPermitted, or Unavailable if one is not in the store."""
        return tuple(self._piece(one.sha256, one.kind) for one in self._card.evidence)

    def _piece(self, sha256: str, kind: str) -> Piece:
        rows = Evidence.objects.filter(version=self._row.version_id, file__sha256=sha256)
        row = rows.select_related("file", "version__model").order_by("-pk").first()
        if row is None or not row.file.path.is_file():
            raise Unavailable(
                f"The {kind.lower()} with the digest {sha256[:12]}… is not in the store; tell an administrator."
            )
        permissions.require_view(self._actor, row.version)
        return Piece(kind, row.name, sha256, row.file.size, self._read(row.pk))

    def _read(self, evidence_id: int) -> Iterator[bytes]:
        with evidence.opened(evidence_id=evidence_id, actor=self._actor) as content:
            while part := content.read(PART):
                yield part

    def extract(self) -> Iterator[str]:
        """Every entry about the version that the checkpoint covers, with its proof."""
        kept = self._checkpoint()
        chosen = f"{self._row.version} for {self._row.number}"
        return exporting.as_json_lines(exporting.Extract(self._entries(), kept, chosen))

    def _checkpoint(self) -> Checkpoint:
        """The first one that covers all that happened to the version; who looked at it since makes no new one."""
        acts = self._entries().exclude(event__in=LEFT_OUT)
        newest = acts.order_by("-seq").values_list("seq", flat=True).first() or 0
        kept = Checkpoint.objects.filter(size__gt=newest).order_by("size").first()
        return kept or ledger.checkpoint()

    def _entries(self) -> QuerySet[LedgerEntry]:
        return LedgerEntry.objects.filter(object_type="approvals.modelversion", object_id=str(self._row.version_id))

    def trust(self) -> dict[str, bytes]:
        """Certificate and revoked ones of the authority, timestamp authorities, the ledger's key and the script."""
        key = checkpoints.vkey_of(self._checkpoint())
        found = {"ledger-key.txt": f"{key}\n".encode(), SCRIPT_NAME: auditor_script().encode()}
        for path in (root_path(settings.VAR), list_path(settings.VAR)):
            if path.is_file():
                found[path.name] = path.read_bytes()
        for stamps in seals.timestamp_roots() or ():
            found["timestamp-root.pem"] = stamps
        return found

    def signed(self, manifest: bytes) -> bytes:
        """An envelope around the manifest of a pack."""
        return attesting.attested_manifest(manifest, seals.identity())
