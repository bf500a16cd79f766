"""An automated check has passed on the current inputs, with the thresholds of the pinned policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from approvals.models.checks import RunStatus, Verdict
from approvals.models.evidence import MADE_BY_THE_PORTAL
from approvals.requirements.base import Case, Requirement, RequirementError, RunFact, refuse_unknown, text_setting
from approvals.stages import Blocker, Outcome, Stage


@dataclass(frozen=True)
class ChecksRequirement(Requirement):
    """One check with its parameters and thresholds, fixed here before any run."""

    check: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    accept_warning: bool = False

    title = "Check"

    @classmethod
    def parse(cls, given: Mapping[str, Any], *, where: str) -> Self:
        refuse_unknown(given, ("check", "parameters", "thresholds", "accept_warning"), where=where)
        parameters, thresholds = given.get("parameters", {}), given.get("thresholds", {})
        accept_warning = given.get("accept_warning", False)
        for settings in (parameters, thresholds):
            if not isinstance(settings, Mapping):
                raise RequirementError(f"{where}: parameters and thresholds must be lists of names with values.")
            empty = [str(name) for name, value in settings.items() if value is None]
            if empty:
                raise RequirementError(f"{where}: {', '.join(empty)} has no value; give one or leave the entry out.")
        if not isinstance(accept_warning, bool):
            raise RequirementError(f"{where}: accept_warning must be true or false.")
        return cls(text_setting(given, "check", where=where), dict(parameters), dict(thresholds), accept_warning)

    def as_policy(self) -> dict[str, Any]:
        policy: dict[str, Any] = {"check": self.check}
        if self.parameters:
            policy["parameters"] = dict(self.parameters)
        if self.thresholds:
            policy["thresholds"] = dict(self.thresholds)
        if self.accept_warning:
            policy["accept_warning"] = True
        return policy

    def evaluate(self, case: Case, *, stage: Stage, now: datetime) -> Outcome:
        kind = case.check_types.get(self.check)
        if kind is None:
            sentence = f"The policy asks for the check “{self.check}”, which this portal does not have."
            return self._closed(self.check, sentence, "check_unknown", stage, None, who="Administrator")
        run = case.runs.get(self.check)
        code, sentence = self._standing(case, kind.title, run)
        if code is None:
            return Outcome(self.key, kind.title, sentence, details={"check": self.check})
        return self._closed(kind.title, sentence, code, stage, run)

    def _standing(self, case: Case, title: str, run: RunFact | None) -> tuple[str | None, str]:
        missing = [kind for kind in case.check_types[self.check].inputs if kind not in case.evidence]
        if missing:
            names = ", ".join(kind.replace("_", " ") for kind in missing)
            return "check_inputs_missing", f"Check “{title}” cannot run: {names} is not attached."
        if outdated := self._outdated(case):
            return "check_inputs_outdated", outdated
        return self._state(case, title, run)

    def _state(self, case: Case, title: str, run: RunFact | None) -> tuple[str | None, str]:
        if run is None:
            return "check_not_run", f"Check “{title}” has not run."
        if run.inputs_digest != case.check_inputs.get(self.check):
            return "check_outdated", f"Check “{title}” ran on earlier inputs; run it again."
        if run.status == RunStatus.CRASHED:
            return (
                "check_crashed",
                f"Check “{title}” crashed on every attempt or was stopped; it says nothing about the model.",
            )
        if run.status != RunStatus.FINISHED:
            return "check_running", f"Check “{title}” is {run.status} ({run.progress} %)."
        return self._verdict(title, run)

    def _outdated(self, case: Case) -> str:
        """A sentence on an input that belongs to another artifact than the pinned one; empty if there is none."""
        kind = case.check_types[self.check]
        for name in (*kind.inputs, *kind.optional_inputs):
            piece = case.evidence.get(name)
            if piece is not None and piece.artifact_sha256 and piece.artifact_sha256 != case.artifact_sha256:
                return (
                    f"Check “{kind.title}” cannot count: {piece.label} “{piece.name}” was made with an earlier "
                    "artifact; attach one for the current artifact and run the check again."
                )
        return ""

    def _verdict(self, title: str, run: RunFact) -> tuple[str | None, str]:
        reason = run.sentences[0] if run.sentences else "No reason was recorded."
        if run.verdict == Verdict.PASSED:
            return None, f"Check “{title}” passed. {reason}"
        if run.verdict == Verdict.WARNING:
            if self.accept_warning:
                return None, f"Check “{title}” passed with a warning, which the policy accepts. {reason}"
            return "check_warning", f"Check “{title}” gave a warning. {reason}"
        if run.verdict == Verdict.NOT_COMPUTABLE:
            return "check_not_computable", f"Check “{title}” could not be computed. {reason}"
        if run.verdict == Verdict.FAILED:
            return "check_failed", f"Check “{title}” failed. {reason}"
        return "check_error", f"Check “{title}” ended in an error. {reason}"

    def facts(self, case: Case) -> Any:
        run = case.finished_runs.get((self.check, case.check_inputs.get(self.check, "")))
        return {
            "check": self.check,
            "parameters": dict(self.parameters),
            "thresholds": dict(self.thresholds),
            "inputs": case.check_inputs.get(self.check),
            "result": {"version": run.check_version, "verdict": run.verdict, "reading": run.reading_digest}
            if run is not None
            else None,
        }

    def contributors(self, case: Case) -> Iterable[int]:
        kind = case.check_types.get(self.check)
        if kind is None:
            return ()
        looked_at = {*kind.inputs, *kind.optional_inputs, *(case.evidence if "evidence" in kind.facts else ())}
        looked_at -= set(MADE_BY_THE_PORTAL)  # out of all the rest
        pieces = [case.evidence[name].contributors for name in looked_at if name in case.evidence]
        answers = [answer.contributors for answer in case.answers.values() if "answers" in kind.facts]
        return frozenset().union(*pieces, *answers)

    def _closed(
        self, title: str, sentence: str, code: str, stage: Stage, run: RunFact | None, who: str = "Submitter"
    ) -> Outcome:
        since = run.requested_at if run is not None else None
        blocker = Blocker(code, sentence, stage, anchor=f"check-{self.check}", who=who, since=since)
        return Outcome(self.key, title, sentence, (blocker,), details={"check": self.check})
