"""Evidence of a kind is attached, and was made with the artifact that is pinned now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from approvals.models.evidence import EvidenceKind
from approvals.requirements.base import Case, Requirement, RequirementError, refuse_unknown, text_setting
from approvals.stages import Blocker, Outcome, Stage


@dataclass(frozen=True)
class EvidenceRequirement(Requirement):
    """One current document or data file of a kind."""

    kind: str

    title = "Evidence"

    @classmethod
    def parse(cls, given: Mapping[str, Any], *, where: str) -> Self:
        refuse_unknown(given, ("kind",), where=where)
        kind = text_setting(given, "kind", where=where)
        if kind not in EvidenceKind.values:
            raise RequirementError(
                f"{where}: there is no evidence kind “{kind}”; known: {', '.join(EvidenceKind.values)}."
            )
        if kind == EvidenceKind.MONITORING_RECORD:
            raise RequirementError(f"{where}: every revalidation has a record of monitoring; no gate asks for it.")
        return cls(kind=kind)

    def as_policy(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def evaluate(self, case: Case, *, stage: Stage, now: datetime) -> Outcome:
        label = str(EvidenceKind(self.kind).label)
        piece = case.evidence.get(self.kind)
        if piece is None:
            return self._closed(label, f"{label} is not attached.", "evidence_missing", stage)
        if piece.artifact_sha256 and piece.artifact_sha256 != case.artifact_sha256:
            sentence = f"{label} “{piece.name}” was made with an earlier artifact; attach one for the current artifact."
            return self._closed(label, sentence, "evidence_outdated", stage, since=piece.uploaded_at)
        return Outcome(self.key, label, f"{label} “{piece.name}” is attached (SHA-256 {piece.sha256[:12]}…).")

    def facts(self, case: Case) -> Any:
        piece = case.evidence.get(self.kind)
        if piece is None:
            return {"kind": self.kind, "sha256": None}
        return {
            "kind": self.kind,
            "name": piece.name,
            "sha256": piece.sha256,
            "made_with_artifact": piece.artifact_sha256,
            "details": dict(piece.details),
        }

    def contributors(self, case: Case) -> Iterable[int]:
        piece = case.evidence.get(self.kind)
        return () if piece is None else piece.contributors

    def _closed(self, label: str, sentence: str, code: str, stage: Stage, since: datetime | None = None) -> Outcome:
        blocker = Blocker(code, sentence, stage, anchor="evidence", who="Submitter", since=since)
        return Outcome(self.key, label, sentence, (blocker,))
