"""Draws the charts of monitoring pages in a worker and keeps them with the numbers that they show.

A chart that cannot be drawn says so on its page and changes no reading. Nothing here runs in a web request but the
comparison of digests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import Max
from django.utils import timezone

from approvals.canonical import digest
from approvals.charts import drawn
from approvals.checks.base import ChartSpecification
from approvals.measures.values import Measure
from approvals.models import ModelVersion
from approvals.models.checks import RunStatus
from monitoring import specifications
from monitoring.batches import DEPLOYED
from monitoring.kept_histories import keep, plain
from monitoring.models import Monitor, Picture, Reading
from monitoring.series import Series, by_feature, days_in_words, feature_of, has_small_multiples, worst_over_features
from monitoring.timelines import History, Mark, distribution_of
from portal import hints

DRAW_TASK, DRAW_READING_TASK = "monitoring.tasks.draw", "monitoring.tasks.draw_reading"
STYLE = 3
"""Raised when charts are drawn otherwise, so that stored ones are drawn anew."""
MULTIPLES = 24
"""Features with a small chart of their own, the worst first; a table has all of them."""
DRAWN_AT_ONCE = 6
"""Distributions that are drawn with their reading; others when somebody asks for them."""
HINT_AGAIN = 10


@dataclass(frozen=True)
class Wanted:
    """A chart as it should be: which, what it shows, and how to make its specification."""

    subject: str
    shows: dict[str, Any]
    chart: Callable[[], ChartSpecification]

    @property
    def digest(self) -> str:
        """Of what it shows and how."""
        return digest({"style": STYLE, "subject": self.subject, **self.shows})


def timeline_of(series: Series, marks: Iterable[Mark]) -> Wanted:
    """The large chart of a series."""
    found = tuple(marks)
    return Wanted(f"timeline-{series.key}", _shows(series, found), lambda: specifications.timeline(series, found))


def small_multiple_of(series: Series, marks: Iterable[Mark]) -> Wanted:
    """The small chart of a series."""
    found = tuple(marks)
    return Wanted(f"small-{series.key}", _shows(series, found), lambda: specifications.small_multiple(series, found))


def then_and_now_of(
    monitor: int, reading: int, column: str, rows: tuple[tuple[str, float, float], ...], window: str
) -> Wanted:
    """The distribution of a column in one window beside the approved one."""
    key = digest([monitor, column])[:16]
    return Wanted(
        f"shares-{reading}-{key}",
        {"column": column, "window": window, "shares": [list(row) for row in rows]},
        lambda: specifications.then_and_now(column, rows, window=window),
    )


def timelines_of(found: tuple[Series, ...]) -> tuple[Series, ...]:
    """The series of a monitor that have a large chart: all, or of many features the worst in each window."""
    if not has_small_multiples(found):
        return found
    whole = tuple(series for series in found if not series.feature)
    return (*worst_over_features(series for series in found if series.feature), *whole)


def wanted_of(history: History) -> tuple[Wanted, ...]:
    """Every chart that the page of a version shows at first sight."""
    wanted: list[Wanted] = []
    for found in history.series.values():
        wanted += [timeline_of(series, history.marks) for series in timelines_of(found)]
        if has_small_multiples(found):
            wanted += [small_multiple_of(series, history.marks) for series in by_feature(found)[:MULTIPLES]]
    return tuple(wanted)


def _shows(series: Series, marks: tuple[Mark, ...]) -> dict[str, Any]:
    return {"series": plain(asdict(series)), "marks": plain([asdict(mark) for mark in marks])}


def draw(version_id: int, *, now: datetime | None = None) -> int:
    """Draw what is missing or outdated on the page of a version; gives how many charts were drawn."""
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model").filter(pk=version_id).first()
    if version is None:
        return 0
    count = _draw(version, wanted_of(keep(version, now=now)), now)
    Picture.objects.filter(version=version).update(checked_at=now)
    return count


def draw_reading(reading_id: int, columns: Iterable[str] | None = None, *, now: datetime | None = None) -> int:
    """Draw distributions of a reading: of these columns, or of those in most trouble. Gives how many were drawn."""
    now = now or timezone.now()
    row = Reading.objects.select_related("monitor__version", "batch").filter(pk=reading_id).first()
    if row is None or row.batch is None or row.status != RunStatus.FINISHED:
        return 0
    if columns is None:
        columns = _in_trouble(row)[:DRAWN_AT_ONCE]
    wanted = [
        then_and_now_of(row.monitor_id, row.pk, column, shares, window_of(row))
        for column in columns
        if (shares := distribution_of(row.numbers, column))
    ]
    return _draw(row.monitor.version, wanted, now)


def _in_trouble(row: Reading) -> list[str]:
    """The columns of a reading in the order of its measures, which monitors of many columns give worst first."""
    details = row.numbers.get("details") or {}
    measures = [Measure.from_json(measure) for measure in row.numbers.get("measures") or ()]
    return [column for column in dict.fromkeys(feature_of(measure, details) for measure in measures) if column]


def window_of(row: Reading) -> str:
    """The days that a reading is about, in words."""
    if row.batch is None:
        return "no batch"
    return days_in_words(row.batch.window_start, row.batch.window_end)


def _draw(version: ModelVersion, wanted: Iterable[Wanted], now: datetime) -> int:
    chosen = list(wanted)
    known = dict(
        Picture.objects.filter(version=version, subject__in=[one.subject for one in chosen]).values_list(
            "subject", "digest"
        )
    )
    count = 0
    for one in chosen:
        if known.get(one.subject) == one.digest:
            continue
        chart = one.chart()
        found, problems = drawn([chart], still_wanted=lambda: True)
        picture = found[0] if found else {"title": chart.title, "description": chart.description, "svg": ""}
        told = {"shows": one.shows, "digest": one.digest, "checked_at": now, "problem": " ".join(problems)}
        Picture.objects.update_or_create(version=version, subject=one.subject, defaults={**picture, **told})
        count += 1
    return count


def pictures_of(version: ModelVersion, wanted: Iterable[Wanted]) -> dict[str, Picture]:
    """By subject the stored charts that show what they should; a missing one waits for a worker."""
    digests = {one.subject: one.digest for one in wanted}
    rows = Picture.objects.filter(version=version, subject__in=digests).defer("shows")
    return {row.subject: row for row in rows if row.digest == digests[row.subject]}


def ask_for(version: ModelVersion) -> None:
    """Hint that charts of a version are outdated; not more often than every ten seconds."""
    if cache.add(f"monitoring-draw-{version.pk}", True, HINT_AGAIN):
        hints.send(DRAW_TASK, version.pk)


def ask_for_shares(reading_id: int, column: str) -> None:
    """Hint that somebody wants to see the distribution of a column in a reading."""
    if cache.add(f"monitoring-draw-{reading_id}-{digest([column])[:16]}", True, HINT_AGAIN):
        hints.send(DRAW_READING_TASK, reading_id, [column])


def when_moved(*, version: ModelVersion, **_: Any) -> None:
    """Charts mark the moves of a version, so they are drawn anew after one."""
    if Monitor.objects.filter(version=version).exists():
        hints.send_after_commit(DRAW_TASK, version.pk)


def outdated() -> tuple[int, ...]:
    """Ids of deployed versions with a reading that came after their charts were last looked at."""
    read = Reading.objects.filter(monitor__version__stage__in=DEPLOYED, batch__isnull=False, finished_at__isnull=False)
    newest = dict(read.order_by().values_list("monitor__version_id").annotate(at=Max("finished_at")))
    looked = Picture.objects.filter(version_id__in=newest).order_by().values_list("version_id")
    checked = dict(looked.annotate(at=Max("checked_at")))
    return tuple(pk for pk, at in sorted(newest.items()) if pk not in checked or checked[pk] < at)
