"""A section of the policy's questionnaire is answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from approvals.requirements.base import Case, Requirement, refuse_unknown, text_setting
from approvals.stages import Blocker, Outcome, Stage


@dataclass(frozen=True)
class AnswersRequirement(Requirement):
    """Every required question of one section has an answer of at least its minimum length."""

    section: str

    title = "Answers"

    @classmethod
    def parse(cls, given: Mapping[str, Any], *, where: str) -> Self:
        refuse_unknown(given, ("section",), where=where)
        return cls(section=text_setting(given, "section", where=where))

    def as_policy(self) -> dict[str, Any]:
        return {"section": self.section}

    def evaluate(self, case: Case, *, stage: Stage, now: datetime) -> Outcome:
        title = f"Questionnaire “{self.section.replace('_', ' ')}”"
        questions = case.questions.get(self.section, ())
        if not questions:
            sentence = f"The policy asks for the questionnaire “{self.section}” but does not define it."
            return Outcome(
                self.key, title, sentence, (Blocker("answers_undefined", sentence, stage, who="Policy author"),)
            )
        blockers = tuple(
            Blocker("answer_missing", sentence, stage, anchor="answers", who="Submitter")
            for sentence in self._open_sentences(case, questions)
        )
        if blockers:
            return Outcome(self.key, title, f"{title}: {len(blockers)} of {len(questions)} answers are open.", blockers)
        return Outcome(self.key, title, f"{title}: all {len(questions)} questions are answered.")

    def _open_sentences(self, case: Case, questions: Iterable[Mapping[str, Any]]) -> Iterable[str]:
        for question in questions:
            answer = case.answers.get((self.section, str(question["key"])))
            needed = int(question.get("min_length", 1))
            if answer is None or not answer.text.strip():
                if question.get("required", True):
                    yield f"Question “{question['text']}” is not answered."
            elif len(answer.text.strip()) < needed:
                yield f"The answer to “{question['text']}” is shorter than the {needed} characters the policy asks."

    def facts(self, case: Case) -> Any:
        return {
            "section": self.section,
            "answers": {
                str(question["key"]): answer.text
                for question in case.questions.get(self.section, ())
                if (answer := case.answers.get((self.section, str(question["key"])))) is not None
            },
        }

    def contributors(self, case: Case) -> Iterable[int]:
        return frozenset().union(
            *(answer.contributors for (section, _), answer in case.answers.items() if section == self.section)
        )
