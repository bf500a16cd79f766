"""N different people signed for a role, or for any of several roles, on the dossier as it stands now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from approvals.models.signoffs import SignOffDecision
from approvals.requirements.base import Case, Requirement, RequirementError, SignOffFact, refuse_unknown, text_setting
from approvals.stages import Blocker, Outcome, Role, Stage

APPROVALS = (SignOffDecision.APPROVE, SignOffDecision.APPROVE_WITH_CONDITIONS)


@dataclass(frozen=True)
class SignOffsRequirement(Requirement):
    """A quorum of people, each of whom signed for one of the roles. Several entries of a gate all have to be met."""

    roles: tuple[Role, ...]
    people: int = 1

    title = "Sign-off"
    waivable = False

    @classmethod
    def parse(cls, given: Mapping[str, Any], *, where: str) -> Self:
        refuse_unknown(given, ("role", "any_of", "people"), where=where)
        roles = _roles(given, where=where)
        people = given.get("people", 1)
        if not isinstance(people, int) or isinstance(people, bool) or not 1 <= people <= 9:
            raise RequirementError(f"{where}: people must be a whole number from 1 to 9.")
        return cls(roles=roles, people=people)

    def as_policy(self) -> dict[str, Any]:
        names = [role.value for role in self.roles]
        asked: dict[str, Any] = {"role": names[0]} if len(names) == 1 else {"any_of": names}
        return {**asked, **({"people": self.people} if self.people != 1 else {})}

    @property
    def label(self) -> str:
        """The roles at the beginning of a sentence."""
        text = self.in_words
        return str(self.roles[0].label) + text[len(self.roles[0].in_words) :]

    @property
    def in_words(self) -> str:
        """The roles in the middle of a sentence."""
        *first, last = (role.in_words for role in self.roles)
        return f"{', '.join(first)} or {last}" if first else last

    def evaluate(self, case: Case, *, stage: Stage, now: datetime) -> Outcome:
        title = f"Sign-off as {self.in_words}"
        mine = [signed for signed in case.sign_offs if signed.stage == stage and signed.role in self.roles]
        current = [signed for signed in mine if case.counts(signed)]
        # An objection stands even if whoever made it has contributed since: it takes nothing but a change away.
        objections = [
            signed for signed in mine if signed.decision not in APPROVALS and signed.dossier == case.dossiers.get(stage)
        ]
        if objections:
            sentence = (
                f"{objections[-1].printed_name} ({Role(objections[-1].role).in_words}) asked for changes, "
                "and nothing that the signature covers has changed since."
            )
            return self._closed(title, sentence, "changes_requested", stage, objections[-1].signed_at, mine, current)
        approving = [signed for signed in current if signed.decision in APPROVALS]
        # Two hands of one person, or two delegates of one principal, fill one seat.
        people = min(len({signed.signer for signed in approving}), len({signed.seat for signed in approving}))
        if people >= self.people:
            names = ", ".join(signed.printed_name for signed in current)
            return Outcome(self.key, title, f"Signed by {names}.", details=self._details(mine, current))
        code, sentence = self._missing(case, mine, people)
        return self._closed(title, sentence, code, stage, None, mine, current)

    def _missing(self, case: Case, mine: list[SignOffFact], signed: int) -> tuple[str, str]:
        label = self.label
        holders = {name for role in self.roles for name in case.holders.get(role, ())}
        if not holders:
            return (
                "role_nobody_holds",
                f"Nobody holds the role {self.in_words} on this model; an administrator must grant it.",
            )
        if mine and not signed:
            last = mine[-1]
            if last.dossier == case.dossiers.get(last.stage):
                sentence = f"{last.printed_name} has since contributed to what was signed; somebody else must sign."
                return "sign_off_voided", f"{label}: {sentence}"
            sentence = f"{label} must sign again: the sign-off of {last.printed_name} covered an earlier dossier."
            return "sign_off_voided", sentence
        if self.people > 1:
            return "sign_off_missing", f"{label}: {signed} of {self.people} people have signed."
        return "sign_off_missing", f"{label} has not signed."

    def _details(self, mine: list[SignOffFact], current: list[SignOffFact]) -> dict[str, Any]:
        return {
            "roles": [role.value for role in self.roles],
            "people": self.people,
            "current": [signed.id for signed in current],
            "voided": [signed.id for signed in mine if signed not in current],
        }

    def _closed(
        self,
        title: str,
        sentence: str,
        code: str,
        stage: Stage,
        since: datetime | None,
        mine: list[SignOffFact],
        current: list[SignOffFact],
    ) -> Outcome:
        blocker = Blocker(code, sentence, stage, anchor="sign-offs", who=self.label, since=since)
        return Outcome(self.key, title, sentence, (blocker,), details=self._details(mine, current))


def _roles(given: Mapping[str, Any], *, where: str) -> tuple[Role, ...]:
    if ("role" in given) == ("any_of" in given):
        raise RequirementError(f"{where} needs “role” as text, or “any_of” as a list of roles, and not both.")
    names = given["any_of"] if "any_of" in given else [text_setting(given, "role", where=where)]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RequirementError(f"{where}: any_of must be a list of roles.")
    if "any_of" in given and (len(names) < 2 or len(names) != len(set(names))):
        raise RequirementError(f"{where}: any_of needs at least two different roles.")
    unknown = [name for name in names if name not in Role.values]
    if unknown:
        raise RequirementError(f"{where}: there is no role “{unknown[0]}”; known: {', '.join(Role.values)}.")
    return tuple(Role(name) for name in names)
