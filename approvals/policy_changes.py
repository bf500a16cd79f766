"""What differs between two policies, in words: gate by gate, question by question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from approvals.checks._verdicts import written_out
from approvals.policy_document import PolicyDocument
from approvals.requirements.base import Requirement
from approvals.stages import REVIEW_STAGES, Stage

Asked = dict[str, Requirement]


def changes(before: PolicyDocument, after: PolicyDocument) -> tuple[str, ...]:
    """One sentence for each difference that a version under the second policy would meet; none if they ask the same."""
    return (
        *_facts(before, after),
        *_rules(before, after),
        *(sentence for stage in REVIEW_STAGES for sentence in _gate(stage, before, after)),
        *_questionnaires(before.questionnaires, after.questionnaires),
        *_monitors(before.monitors, after.monitors),
    )


ABBREVIATIONS = frozenset({"psi", "roc", "auc", "mcc", "f1", "ks", "ece", "mce", "tpr", "fpr", "fnr"})


AS_WRITTEN = frozenset(
    {
        *("allowed", "attributes", "champion_prediction", "champion_score", "class_costs", "class_scores", "column"),
        *("columns", "favourable", "favourable_class", "features", "groups", "key", "label", "prediction", "score"),
        *("time", "time_column"),
    }
)
"""Settings that name columns of a table or values in them: age_group is not “age group”, which may be another one."""
_RULES_OF_A_COLUMN = frozenset({"type", "at_least", "at_most", "allowed", "unique", "present"})


def in_words(settings: Any, *, as_written: bool = False) -> str:
    """Settings of a policy as a line of text; names and values of a table are kept `as_written`."""
    if isinstance(settings, Mapping):
        kept = {name: _is_kept(name, item, as_written=as_written) for name, item in settings.items()}
        parts = (
            f"{_word(name, as_written=as_written)}: {in_words(item, as_written=kept[name])}"
            for name, item in settings.items()
        )
        return "; ".join(parts) or "none"
    if isinstance(settings, list | tuple):
        return ", ".join(_listed(item, as_written=as_written) for item in settings) or "none"
    if isinstance(settings, bool):
        return "yes" if settings else "no"
    return written_out(repr(settings)) if isinstance(settings, float) else _word(settings, as_written=as_written)


def _word(text: Any, *, as_written: bool) -> str:
    return str(text) if as_written else str(text).replace("_", " ")


def _is_kept(name: Any, item: Any, *, as_written: bool) -> bool:
    is_rules = isinstance(item, Mapping) and item.keys() <= _RULES_OF_A_COLUMN
    return name in AS_WRITTEN or (as_written and not is_rules)


def _listed(item: Any, *, as_written: bool) -> str:
    """An entry of a list; a list inside a list is an intersection, of groups for example."""
    parts = item if isinstance(item, list | tuple) else (item,)
    return " × ".join(in_words(part, as_written=as_written) for part in parts)


def settings_in_words(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Label and value of each setting, for reading."""
    return tuple((_label(str(name)), _setting_in_words(name, value)) for name, value in settings.items())


def _setting_in_words(name: str, value: Any) -> str:
    is_slices = name == "slices" and isinstance(value, Mapping) and all(isinstance(v, Mapping) for v in value.values())
    return slices_in_words(value) if is_slices else in_words(value, as_written=name in AS_WRITTEN)


def slices_in_words(slices: Mapping[str, Any]) -> str:
    """Named slices as a line of text: young women: sex is female, age below 30."""
    return "; ".join(
        f"{name}: {', '.join(_condition_in_words(column, wanted) for column, wanted in described.items())}"
        for name, described in slices.items()
    )


def _condition_in_words(column: str, wanted: Any) -> str:
    if isinstance(wanted, Mapping):
        return " and ".join(f"{column} {end.replace('_', ' ')} {limit}" for end, limit in wanted.items())
    values = wanted if isinstance(wanted, list | tuple) else [wanted]
    return f"{column} is {' or '.join(str(value) for value in values)}"


def _label(name: str) -> str:
    words = name.replace("_", " ").capitalize().split(" ")
    return " ".join(word.upper() if word.lower() in ABBREVIATIONS else word for word in words)


def requirement_in_words(requirement: Requirement) -> str:
    """What a requirement is about comes first and needs no name; the rest is named."""
    settings = requirement.as_policy()
    if not settings:
        return ""
    (name, subject), *rest = settings.items()
    return "; ".join((in_words(subject, as_written=name in AS_WRITTEN), *((in_words(dict(rest)),) if rest else ())))


def _facts(before: PolicyDocument, after: PolicyDocument) -> Iterable[str]:
    if before.tier != after.tier:
        yield f"It is for the {after.tier.label.lower()} tier instead of the {before.tier.label.lower()} tier."
    if before.approval_valid_days != after.approval_valid_days:
        days = f"{after.approval_valid_days:,} days instead of {before.approval_valid_days:,} days"
        yield f"An approval is valid for {days}."
    for line in after.basis:
        if line not in before.basis:
            yield f"New basis: {line}"
    for line in before.basis:
        if line not in after.basis:
            yield f"No longer a basis: {line}"


def _rules(before: PolicyDocument, after: PolicyDocument) -> Iterable[str]:
    old, new = before.rules.as_policy(), after.rules.as_policy()
    for name in dict.fromkeys((*old, *new)):
        words = name.replace("_", " ").capitalize()
        if name not in old:
            yield f"{words}, which it did not have: {in_words(new[name])}."
        elif name not in new:
            yield f"No longer: {words.lower()} ({in_words(old[name])})."
        elif old[name] != new[name]:
            yield f"{words}: {in_words(new[name])}; before: {in_words(old[name])}."


def _gate(stage: Stage, before: PolicyDocument, after: PolicyDocument) -> Iterable[str]:
    label = stage.label
    if stage not in after.gates:
        if stage in before.gates:
            yield f"{label}: the gate is no longer defined, so nothing may pass it."
        return
    if stage not in before.gates:
        yield f"{label}: the gate is defined now; before, nothing could pass it."
    old, new = _asked(before, stage), _asked(after, stage)
    for key, requirement in new.items():
        words = f"{requirement.title.lower()} {requirement_in_words(requirement)}"
        if key not in old:
            yield f"{label}: now asks for {words}."
        elif old[key].as_policy() != requirement.as_policy():
            yield f"{label}: asks for {words}; before: {requirement_in_words(old[key])}."
    for key, requirement in old.items():
        if key not in new:
            yield f"{label}: no longer asks for {requirement.title.lower()} {requirement_in_words(requirement)}."


def _asked(document: PolicyDocument, stage: Stage) -> Asked:
    """Requirements by kind and subject, so that a changed threshold is a change and not a loss and a gain."""
    found: Asked = {}
    for requirement in document.gates.get(stage, ()):
        subject = next(iter(requirement.as_policy().values()), "")
        found[f"{requirement.key} {subject}"] = requirement
    return found


def _questionnaires(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterable[str]:
    old, new = _questions(before), _questions(after)
    for key, question in new.items():
        section = key[0].replace("_", " ")
        if key not in old:
            yield f"New question in {section}: {question['text']}"
        elif old[key] != question:
            yield f"Changed question in {section}: {question['text']} Before: {old[key]['text']}"
    for key, question in old.items():
        if key not in new:
            yield f"No longer asked in {key[0].replace('_', ' ')}: {question['text']}"


def _questions(questionnaires: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {
        (section, str(question["key"])): question
        for section, questions in questionnaires.items()
        for question in questions
    }


def _monitors(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    old, new = list(before), list(after)
    yield from (f"New monitor: {in_words(entry)}." for entry in new if entry not in old)
    yield from (f"No longer monitored: {in_words(entry)}." for entry in old if entry not in new)
