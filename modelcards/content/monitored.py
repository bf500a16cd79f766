"""What monitors read so far, out of the record that is evidence of the approval. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from approvals import files
from approvals.models import Evidence
from modelcards import card as c
from modelcards.content.texts import plain, words

FORMAT = "monitoring-record/1"
CLOCK = "the clock"
IN_USE = "in_use"


def record(row: Evidence | None) -> c.MonitoringRecord | None:
    """The record for a card; None if the approval has none, or one in a format that this release does not know."""
    if row is None:
        return None
    found = files.read_json(row.file.path, size=row.file.size)
    if found.get("format") != FORMAT:
        return None
    coverage = found["coverage"]
    return c.MonitoringRecord(
        sha256=row.file.sha256,
        since=found["from"],
        until=found["to"],
        batches=len(found["batches"]),
        readings=coverage["readings"],
        without_answer=coverage["without_answer"],
        waiting_for_labels=coverage["waiting_for_labels"],
        months=len(coverage["months"]),
        months_with_data=coverage["months_with_data"],
        months_without_data=tuple(coverage["months_without_data"]),
        monitors=tuple(_history(one) for one in found["monitors"]),
        alarms=tuple(f"{one['on']}: {words(one['monitor'])}, {one['level']}" for one in found["alarms"]),
        notes=(
            *map(_note, found["notes"]),
            *map(_correction, found.get("corrections", ())),
            *map(_reference, found.get("references", ())),
            *map(_source, found.get("outcome_sources", ())),
        ),
    )


def _history(found: Mapping[str, Any]) -> c.MonitorHistory:
    waits = found["reads"] == CLOCK  # it reads nothing while batches come in time
    months = tuple(_month(one) for one in found["months"] if one["readings"] or not waits)
    return c.MonitorHistory(title=found["title"], alarm=found["alarm"] or "", months=months)


def _month(found: Mapping[str, Any]) -> c.MonitoredMonth:
    value = found["value"] or {}
    return c.MonitoredMonth(
        month=found["month"],
        readings=found["readings"],
        level=found["level"] or "",
        measure=plain(value.get("name")),
        value=value.get("value"),
        limit=value.get("limit"),
    )


def _note(found: Mapping[str, Any]) -> str:
    until = f" until {found['until']}" if found["until"] else ""
    incident = f" {found['incident']}" if found["incident"] else ""
    what = f"{words(found['monitor'])} {found['kind']}{until}{incident}"
    return f"{found['at'][:10]}, {found['by']}: {what}. {found['reason']}"


def _correction(found: Mapping[str, Any]) -> str:
    used = "corrected outcomes" if found["verdict"] == IN_USE else "tried to correct outcomes"
    by = f"{found['by']} by the access token {found['token']}" if found.get("token") else found["by"]
    return f"{found['at'][:10]}, {by}: {used} by “{found['name']}”. {found['reason']}"


def _reference(found: Mapping[str, Any]) -> str:
    name, digest = found["name"], found["sha256"]
    return f"{found['since'][:10]}: compared with the evaluation table “{name}” from then on, SHA-256 {digest}."


def _source(found: Mapping[str, Any]) -> str:
    """A relation that outcomes were taken from, how that went last, and why it did not go on."""
    ended = f", ended on {found['ended_at'][:10]}" if found["ended_at"] else ""
    whence = f"outcomes are taken {found['schedule']} from {found['relation']} of the connection {found['connection']}"
    taken = f"Last on {found['taken_on']}: {found['said']}" if found["taken_on"] else "None were taken so far."
    not_taken = f" Nothing is taken now: {found['not_taken']}" if found["not_taken"] else ""
    return f"{found['declared_at'][:10]}, {found['by']}: {whence}{ended}. {taken}{not_taken}"
