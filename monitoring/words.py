"""Ledger entries about batches, readings and breaches as sentences, for the timeline of a version."""

from __future__ import annotations

from approvals.ledger_words import Facts, Words
from monitoring import monitors
from monitoring.events import Event


def _monitor(facts: Facts) -> str:
    key = facts.get("monitor")
    return monitors.title_of(str(key)) if key else "a monitor"


def _reading(words: str) -> Words:
    def said(facts: Facts) -> str:
        verdict = f", {str(facts['verdict']).replace('_', ' ')}" if facts.get("verdict") else ""
        return f"{words}: {_monitor(facts)}{verdict}"

    return said


def _started(facts: Facts) -> str:
    titles = [monitors.title_of(str(key)) for key in facts.get("monitors", ())]
    return f"Monitoring started: {', '.join(titles)}" if titles else "Monitoring started"


def _plan_changed(facts: Facts) -> str:
    said = [
        f"{word} {', '.join(monitors.title_of(str(key)) for key in facts[name])}"
        for name, word in (("ended", "ended:"), ("started", "started:"), ("kept", "go on:"))
        if facts.get(name)
    ]
    return f"Another monitoring plan. {'; '.join(said)}" if said else "Another monitoring plan"


def _received(facts: Facts) -> str:
    window = f" ({facts['from']} to {facts['to']})" if facts.get("from") and facts.get("to") else ""
    return f"Batch received: {facts.get('name', '')}{window}"


def _matched(facts: Facts) -> str:
    became = {"in_use": "in use", "not_computable": "not usable"}.get(str(facts.get("verdict")), "error")
    return f"Outcomes matched: {facts.get('name', '')}, {became}"


def _noted(facts: Facts) -> str:
    said = {
        "acknowledged": "Alarm acknowledged",
        "muted": f"Notices muted through {facts.get('until', '')}",
        "incident": f"Alarm linked to incident {facts.get('incident', '')}",
    }.get(str(facts.get("kind", "")), "Alarm answered")
    return f"{said}: {_monitor(facts)}. {facts.get('reason', '')}"


def _unanswered(facts: Facts) -> str:
    windows = f", {facts['windows']} windows in a row" if facts.get("windows") else ""
    return f"Alarm because nothing is known: {_monitor(facts)}{windows}"


WORDS: dict[str, Words] = {
    Event.MONITORS_STARTED.value: _started,
    Event.PLAN_CHANGED.value: _plan_changed,
    Event.REFERENCE_CHANGED.value: lambda facts: (
        f"Monitors compare with another approved table: {facts.get('name', '')}"
    ),
    Event.BATCH_RECEIVED.value: _received,
    Event.CONNECTION_DENIED.value: lambda _: "A connection refuses the portal's account",
    Event.BATCH_READ_AGAIN.value: lambda facts: f"Batch is read by the monitors again: {facts.get('name', '')}",
    Event.BATCH_VIEWED.value: lambda facts: f"Batch read: {facts.get('name', '')}",
    Event.OUTCOMES_RECEIVED.value: lambda facts: f"Outcomes received: {facts.get('name', '')}",
    Event.OUTCOMES_MATCHED.value: _matched,
    Event.OUTCOMES_TRIED_AGAIN.value: lambda facts: f"Outcomes are matched again: {facts.get('name', '')}",
    Event.OUTCOMES_VIEWED.value: lambda facts: f"Outcomes read: {facts.get('name', '')}",
    Event.FILE_REFUSED.value: lambda facts: f"File of a watched folder refused: {facts.get('name', '')}",
    Event.SOURCE_DECLARED.value: lambda facts: f"Source of batches declared: {facts.get('relation', '')}",
    Event.SOURCE_ENDED.value: lambda facts: f"Source of batches ended: {facts.get('relation', '')}",
    Event.SOURCE_TRIED_AGAIN.value: lambda facts: f"Source of batches tried again: {facts.get('relation', '')}",
    Event.WINDOWS_ORDERED.value: lambda facts: f"Past windows ordered: {facts.get('windows', '')}",
    Event.WINDOW_REFUSED.value: lambda facts: f"Window of a source not taken: {facts.get('window', '')}",
    Event.OUTCOME_SOURCE_DECLARED.value: lambda facts: f"Source of outcomes declared: {facts.get('relation', '')}",
    Event.OUTCOME_SOURCE_ENDED.value: lambda facts: f"Source of outcomes ended: {facts.get('relation', '')}",
    Event.OUTCOME_SOURCE_CORRECTS.value: lambda facts: (
        f"Outcomes of {facts.get('relation', '')} are to correct those before: {facts.get('reason', '')}"
    ),
    Event.OUTCOME_SOURCE_TRIED_AGAIN.value: lambda facts: (
        f"Source of outcomes tried again: {facts.get('relation', '')}"
    ),
    Event.OUTCOME_SOURCE_REFUSED.value: lambda facts: f"No outcomes taken from {facts.get('relation', '')}",
    Event.READING_FINISHED.value: _reading("Monitor read"),
    Event.READING_RESULT_REFUSED.value: _reading("Late reading refused"),
    Event.ALARM_NOTED.value: _noted,
    Event.MUTE_ENDED.value: lambda facts: f"Mute ended: {_monitor(facts)}",
    Event.MONITOR_BREACHED.value: _reading("Limit breached"),
    Event.MONITOR_UNANSWERED.value: _unanswered,
}
