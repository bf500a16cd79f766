"""What happened to a deployed version over time: the series of its monitors, and the moves to be marked beside them.

Reads only. Windows are those of batches, whenever these came; a backfilled month stands where it belongs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from approvals.events import Event
from approvals.measures.values import Measure
from approvals.models import ModelVersion, Policy
from approvals.models.checks import RunStatus
from approvals.models.policies import PolicyStatus
from approvals.stages import Stage
from monitoring import monitors
from monitoring.alarms import Level
from monitoring.events import Event as MonitoringEvent
from monitoring.models import Monitor, Reading, ReadingVerdict
from monitoring.panels import title_in_history
from monitoring.series import ReadingFacts, Series, Watch, series_of
from portal.models import LedgerEntry

WINDOWS_SHOWN = 36
"""The newest windows of a page and its charts; the CSV has all."""
SAID = (ReadingVerdict.OK, ReadingVerdict.WARNING, ReadingVerdict.BREACH)


@dataclass(frozen=True)
class Mark:
    """Something that happened on a day: one letter for the chart, and words."""

    day: date
    letter: str
    words: str


@dataclass(frozen=True)
class History:
    """Series by monitor, in the order of the plan, and marks, oldest first."""

    series: Mapping[int, tuple[Series, ...]]
    marks: tuple[Mark, ...]

    def every_series(self) -> tuple[Series, ...]:
        """All of them, in the order of the plan."""
        return tuple(series for found in self.series.values() for series in found)


def history_of(version: ModelVersion, *, windows: int | None = WINDOWS_SHOWN) -> History:
    """The newest windows, or all of them."""
    watched = list(Monitor.objects.filter(version=version).select_related("end").order_by("pk"))
    readings: dict[int, list[ReadingFacts]] = {row.pk: [] for row in watched}
    for monitor_id, facts in _readings(version, windows):
        readings[monitor_id].append(facts)
    found = {row.pk: series_of(_watch(row), readings[row.pk]) for row in watched}
    return History(found, marks_of(version))


def _watch(row: Monitor) -> Watch:
    kind = monitors.find(row.key)
    levels = {Level.WARN: row.warn, Level.ALERT: row.thresholds, Level.CRITICAL: row.critical}
    watches = kind if kind is not None and kind.needs_batch else None
    return Watch(row.pk, title_in_history(row), watches, levels, row.every_days)


COLUMNS = {
    "batch_name": "batch__name",
    "start": "batch__window_start",
    "end": "batch__window_end",
    "measures": "numbers__measures",
    "details": "numbers__details",
    "failed": "numbers__failed_measures",
}


def _readings(version: ModelVersion, windows: int | None) -> Iterable[tuple[int, ReadingFacts]]:
    rows = Reading.objects.filter(monitor__version=version, batch__isnull=False)
    if windows is not None:
        ends = rows.order_by("-batch__window_end").values_list("batch__window_end", flat=True).distinct()[:windows]
        oldest = min(ends, default=None)
        rows = rows.filter(batch__window_end__gte=oldest) if oldest is not None else rows
    names = ("pk", "monitor_id", "batch_id", "status", "verdict", "level", *COLUMNS.values())
    for row in _newest(rows.order_by("pk").values(*names)):
        yield row["monitor_id"], _facts(row)


def _newest(rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Of each batch the newest reading of a monitor that says something, else the newest."""
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for row in rows:
        place = (row["monitor_id"], row["batch_id"])
        if row["level"] is not None or place not in found or found[place]["level"] is None:
            found[place] = row
    return found.values()


def _facts(row: Mapping[str, Any]) -> ReadingFacts:
    given = {name: row[column] for name, column in COLUMNS.items()}
    return ReadingFacts(
        pk=row["pk"],
        batch=given["batch_name"],
        start=given["start"],
        end=given["end"],
        level=None if row["level"] is None else Level(row["level"]),
        state=_state(row["status"], row["verdict"]),
        measures=tuple(Measure.from_json(measure) for measure in given["measures"] or ()),
        details={name: value for name, value in (given["details"] or {}).items() if name != "distributions"},
        failed=frozenset(measure["name"] for measure in given["failed"] or ()),
    )


def _state(status: str, verdict: str) -> str:
    """The word for a reading that does not say whether all is well; empty for one that does."""
    if status in (RunStatus.QUEUED, RunStatus.RUNNING):
        return "being read"
    if verdict in SAID:
        return ""
    return str(ReadingVerdict(verdict).label).lower() if verdict else "error"


LETTERS = {
    Event.VERSION_SUSPENDED: ("S", "suspended"),
    Event.VERSION_REINSTATED: ("R", "reinstated"),
    Event.VERSION_RETIRED: ("X", "retired"),
    Event.VERSION_REPINNED: ("P", "judged by another policy"),
    Event.REVALIDATION_OPENED: ("V", "revalidation opened"),
    Event.REVALIDATION_REPINNED: ("V", "revalidation judged by another policy"),
    Event.REVALIDATION_RENEWED: ("V", "approval renewed by the revalidation"),
    Event.REVALIDATION_REFUSED: ("V", "renewal refused by the revalidation"),
    Event.RESTRICTED: ("L", "use restricted"),
    Event.RESTRICTION_LIFTED: ("L", "restriction lifted"),
}
REFERENCE_CHANGED, UNANSWERED = MonitoringEvent.REFERENCE_CHANGED.value, MonitoringEvent.MONITOR_UNANSWERED.value
IN_ORDER = "DSRXVELPOU"


def marks_of(version: ModelVersion) -> tuple[Mark, ...]:
    """Moves, restrictions, revalidations, other references and policies, and days of batches or answers that lacked."""
    found = [*_moves(version), *_overdue(version)]
    deployed = min((mark.day for mark in found if mark.letter == "D"), default=None)
    if deployed is not None:
        found += _policies(version, deployed)
    return tuple(sorted(found, key=lambda mark: (mark.day, IN_ORDER.index(mark.letter))))


def _moves(version: ModelVersion) -> Iterable[Mark]:
    entries = LedgerEntry.objects.filter(
        object_type="approvals.modelversion",
        object_id=str(version.pk),
        event__in=(Event.VERSION_ADVANCED, REFERENCE_CHANGED, UNANSWERED, *LETTERS),
    ).order_by("seq")
    titles = {row.key: monitors.title_of(row.key) for row in Monitor.objects.filter(version=version)}
    for event, at, by, payload in entries.values_list("event", "at", "actor_name", "payload"):
        who = f" by {by}" if by else ""
        if event == REFERENCE_CHANGED:
            name = json.loads(payload)["facts"]["name"]
            yield Mark(at.date(), "E", f"compared with the evaluation table {name} from then on")
        elif event == UNANSWERED:
            facts = json.loads(payload)["facts"]
            title = titles.get(facts["monitor"], facts["monitor"])
            yield Mark(at.date(), "U", f"{title} in alarm: {facts['windows']} windows in a row had no answer")
        elif event in LETTERS:
            letter, words = LETTERS[Event(event)]
            yield Mark(at.date(), letter, f"{words}{who}")
            if (policy := json.loads(payload)["facts"].get("policy")) and event == Event.REVALIDATION_RENEWED:
                yield Mark(at.date(), "P", f"judged by {policy} from then on")
        elif json.loads(payload)["facts"].get("to") == Stage.MONITORING:
            yield Mark(at.date(), "D", f"deployed{who}")


def _overdue(version: ModelVersion) -> Iterable[Mark]:
    missed = Reading.objects.filter(monitor__version=version, overdue_since__isnull=False, level__gt=0)
    for row in missed.only("overdue_since").order_by("overdue_since"):
        if row.overdue_since is not None:
            yield Mark(row.overdue_since.date(), "O", "a batch was overdue")


def _policies(version: ModelVersion, deployed: date) -> Iterable[Mark]:
    """Policies of its tier that were published since; a deployed version keeps its own until it is renewed."""
    newer = Policy.objects.filter(
        tier=version.model.risk_tier,
        published_at__date__gt=deployed,
        status__in=(PolicyStatus.PUBLISHED, PolicyStatus.RETIRED),
    )
    for row in newer.order_by("published_at"):
        if row.published_at is not None:
            yield Mark(row.published_at.date(), "P", f"{row} was published")


def distribution_of(numbers: Mapping[str, Any], column: str) -> tuple[tuple[str, float, float], ...]:
    """Name, share as approved and share in the batch of each bin of a column, from the numbers of a reading.

    Nothing where the reading kept none. Earlier readings have them in their chart of that column only.
    """
    details = numbers.get("details") or {}
    kept = (details.get("distributions") or numbers.get("distributions") or {}).get(column)
    if kept:
        both = zip(kept["bins"], kept["reference"], kept["current"], strict=True)
        return tuple((str(name), float(then), float(now)) for name, then, now in both)
    for chart in numbers.get("charts") or ():
        specification = chart.get("specification") or {}
        encoding = specification.get("encoding") or {}
        if (encoding.get("x") or {}).get("title") == column and "xOffset" in encoding:
            return _of_chart((specification.get("data") or {}).get("values") or ())
    return ()


def _of_chart(values: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, float, float], ...]:
    shares: dict[str, list[float]] = {}
    for value in values:  # then and now take turns
        shares.setdefault(str(value["place"]), []).append(float(value["share"]))
    return tuple((place, found[0], found[1]) for place, found in shares.items() if len(found) == 2)
