"""Each fairness measure that ever failed has a plan with owner and due date, and a passed re-test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from approvals.models.checks import RunStatus, Verdict
from approvals.requirements.base import Case, MitigationFact, Requirement, RunFact, refuse_unknown, text_setting
from approvals.stages import Blocker, Outcome, Stage


@dataclass(frozen=True)
class MitigationsRequirement(Requirement):
    """Mitigation plans for the failed measures of one check."""

    check: str

    title = "Mitigation"

    @classmethod
    def parse(cls, given: Mapping[str, Any], *, where: str) -> Self:
        refuse_unknown(given, ("check",), where=where)
        return cls(check=text_setting(given, "check", where=where))

    def as_policy(self) -> dict[str, Any]:
        return {"check": self.check}

    def evaluate(self, case: Case, *, stage: Stage, now: datetime) -> Outcome:
        kind = case.check_types.get(self.check)
        title = f"Mitigation plans for “{kind.title if kind else self.check}”"
        if kind is None:
            sentence = f"The policy asks for mitigation of the check “{self.check}”, which this portal does not have."
            return Outcome(self.key, title, sentence, (Blocker("check_unknown", sentence, stage, who="Administrator"),))
        failures = self._failures(case)
        blockers = tuple(
            Blocker("mitigation_open", sentence, stage, anchor="mitigations", who="Submitter")
            for measure in failures
            if (sentence := self._open_sentence(case, measure))
        )
        if blockers:
            return Outcome(self.key, title, f"{len(blockers)} failed measures are not mitigated.", blockers)
        if not failures:
            return self._nothing_failed(case, title, kind.title, stage)
        return Outcome(self.key, title, f"All {len(failures)} failed measures have a plan and a passed re-test.")

    def _nothing_failed(self, case: Case, title: str, check_title: str, stage: Stage) -> Outcome:
        if self._fresh_verdict(case) in (Verdict.PASSED, Verdict.WARNING):
            return Outcome(self.key, title, "No measure of this check has failed on this version.")
        sentence = f"Check “{check_title}” has no passed run on the current inputs, so it is unknown what needs a plan."
        blocker = Blocker("mitigation_unknown", sentence, stage, anchor=f"check-{self.check}", who="Submitter")
        return Outcome(self.key, title, sentence, (blocker,))

    def _fresh_verdict(self, case: Case) -> str:
        """What the newest run says if it is finished and of the current inputs; empty if that is unknown."""
        latest = case.runs.get(self.check)
        fresh = latest is not None and latest.inputs_digest == case.check_inputs.get(self.check)
        return latest.verdict if latest is not None and fresh and latest.status == RunStatus.FINISHED else ""

    def _failures(self, case: Case) -> dict[str, RunFact]:
        return {
            str(failed["name"]): run for run in case.failed_runs.get(self.check, ()) for failed in run.failed_measures
        }

    def _open_sentence(self, case: Case, measure: str) -> str:
        if not any(plan.check == self.check and plan.measure == measure for plan in case.mitigations):
            return f"“{measure}” failed and has no mitigation plan."
        verdict = self._fresh_verdict(case)
        if not verdict:
            return f"“{measure}” has a mitigation plan but no finished re-test on the current inputs."
        if verdict not in (Verdict.PASSED, Verdict.WARNING):
            return f"“{measure}” has a mitigation plan, but the re-test did not pass."
        if measure not in case.runs[self.check].measured:
            return f"“{measure}” has a mitigation plan, but the re-test did not measure it, so it cannot have passed."
        return ""

    def facts(self, case: Case) -> Any:
        return {
            "check": self.check,
            "plans": [
                {
                    "measure": plan.measure,
                    "before": dict(plan.before),
                    "plan": plan.plan,
                    "owner": plan.owner_name,
                    "due_on": plan.due_on.isoformat(),
                }
                for plan in self._plans(case)
            ],
        }

    def contributors(self, case: Case) -> Iterable[int]:
        return (plan.recorded_by for plan in self._plans(case))

    def _plans(self, case: Case) -> list[MitigationFact]:
        return [plan for plan in case.mitigations if plan.check == self.check]
