"""The charts of the monitoring page of a version with their tables, as finished lines. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from approvals.checks._verdicts import limit_text, number, signed
from approvals.models import ModelVersion
from monitoring import drawing
from monitoring.alarms import Level
from monitoring.kept_histories import history_for_page
from monitoring.models import Monitor, Picture, Reading
from monitoring.panels import MonitorLine, end_of, monitor_line
from monitoring.series import Point, Series, by_feature, days_in_words, has_small_multiples
from monitoring.specifications import in_words
from monitoring.timelines import History, Mark, distribution_of
from portal.errors import BadInput

TONES = {Level.CALM: "ok", Level.WARN: "warn", Level.ALERT: "bad", Level.CRITICAL: "bad", None: "unknown"}
INTERVAL = "Interval"
TABLE = ("Window", "Batch", "Value", INTERVAL, "Rows", "State")
SHARE_COLUMNS = ("values", "share_as_approved", "share_in_window", "change")
SHARES = ("Values", "As approved", "In this window", "Change")


@dataclass(frozen=True)
class Chart:
    """One chart with its table. Without an SVG it waits for a worker, or `problem` says why there is none."""

    key: str
    title: str
    feature: str
    newest: str
    state: str
    tone: str
    limits: str
    description: str
    svg: SafeString | None
    problem: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def waits(self) -> bool:
        """Whether a worker has still to draw it."""
        return self.svg is None and not self.problem


@dataclass(frozen=True)
class MonitorCharts:
    """The charts of one monitor: of the whole, and one small one for each feature that has one."""

    monitor: Monitor
    line: MonitorLine
    charts: tuple[Chart, ...]
    multiples: tuple[Chart, ...]
    features: tuple[Chart, ...]

    @property
    def has_one_chart(self) -> bool:
        """Whether there is room for the table beside it."""
        return len(self.charts) == 1


@dataclass(frozen=True)
class ChosenFeature:
    """A feature that somebody clicked: its distribution in one window beside the approved one, and its timeline."""

    monitor: Monitor
    feature: str
    reading: int
    window: str
    windows: tuple[tuple[int, str], ...]
    shares: Chart | None
    timeline: Chart
    bins: tuple[tuple[str, float, float, float], ...] = ()
    """Name, share as approved, share in the window, change; unrounded."""
    why_not: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether no row of the window has a value."""
        return not any(now for _, _, now, _ in self.bins)


@dataclass(frozen=True)
class VersionCharts:
    """Everything drawn on the page."""

    monitors: tuple[MonitorCharts, ...]
    marks: tuple[Mark, ...]
    chosen: ChosenFeature | None
    waits: bool


TONES_IN_ORDER = ("bad", "unknown", "warn", "wait", "ok")


def charts_of(version: ModelVersion, *, monitor: str = "", feature: str = "", reading: str = "") -> VersionCharts:
    """The charts as far as they are drawn; what is missing or outdated is asked for.

    Raises BadInput if the chosen feature or window is none of this version.
    """
    history = history_for_page(version)
    watched = list(
        Monitor.objects.filter(version=version).select_related("version", "reference", "end__policy").order_by("pk")
    )
    pictures = drawing.pictures_of(version, drawing.wanted_of(history))
    chosen = _chosen(version, history, watched, (monitor, feature, reading)) if feature else None
    found = tuple(sorted((_monitor(row, history, pictures) for row in watched), key=_place))
    shown = [chart for one in found for chart in (*one.charts, *one.multiples)]
    waits = any(chart.waits for chart in shown)
    if waits:
        drawing.ask_for(version)
    if chosen is not None and chosen.shares is not None and chosen.shares.waits:
        drawing.ask_for_shares(chosen.reading, chosen.feature)
        waits = True
    return VersionCharts(found, history.marks, chosen, waits)


def _place(one: MonitorCharts) -> int:
    """What is red comes first, then what is not known; the rest in the order of the plan, and at last what ended."""
    if end_of(one.monitor) is not None:
        return len(TONES_IN_ORDER)
    return TONES_IN_ORDER.index(one.line.tone)


def _monitor(row: Monitor, history: History, pictures: Mapping[str, Picture]) -> MonitorCharts:
    found, marks = history.series[row.pk], history.marks
    features = by_feature(found) if has_small_multiples(found) else ()
    timelines = [drawing.timeline_of(series, marks) for series in drawing.timelines_of(found)]
    return MonitorCharts(
        monitor=row,
        line=monitor_line(row),
        charts=tuple(
            _chart(series, marks, pictures.get(wanted.subject))
            for series, wanted in zip(drawing.timelines_of(found), timelines, strict=True)
        ),
        multiples=tuple(
            _chart(one, marks, pictures.get(drawing.small_multiple_of(one, marks).subject))
            for one in features[: drawing.MULTIPLES]
        ),
        features=tuple(_chart(one, marks, None) for one in features),
    )


def _chart(series: Series, marks: Sequence[Mark], picture: Picture | None) -> Chart:
    newest, has_intervals = series.newest, any(interval_text(point) for point in series.points)
    level = newest.level if newest else None
    return Chart(
        key=series.key,
        title=series.measure[:1].upper() + series.measure[1:],
        feature=series.feature,
        newest=value_text(newest) if newest else "no window yet",
        state=f"{days_in_words(newest.start, newest.end)}: {state_text(newest)}" if newest else "",
        tone=TONES[level],
        limits=limits_text(series),
        description=in_words(series, marks),
        svg=_svg(picture),
        problem=picture.problem if picture else "",
        columns=tuple(name for name in TABLE if has_intervals or name != INTERVAL),
        rows=tuple(_cells(point, has_intervals=has_intervals) for point in reversed(series.points)),
    )


def _svg(picture: Picture | None) -> SafeString | None:
    # Drawn by the portal and cleaned by an allow-list before it was stored.
    return mark_safe(picture.svg) if picture and picture.svg else None  # noqa: S308


def _cells(point: Point, *, has_intervals: bool) -> tuple[str, ...]:
    """One row of the table under a timeline."""
    cells = (
        days_in_words(point.start, point.end),
        point.batch,
        value_text(point),
        interval_text(point),
        "" if point.n is None else f"{point.n:,}",
        state_text(point),
    )
    return cells if has_intervals else tuple(cell for name, cell in zip(TABLE, cells, strict=True) if name != INTERVAL)


def value_text(point: Point) -> str:
    """The value, or between what it lies, or a dash."""
    if point.value is not None:
        return number(point.value)
    return interval_text(point) or "–"


def interval_text(point: Point) -> str:
    """From the lower to the upper end; empty where there is none."""
    return "" if point.low is None or point.high is None else f"{number(point.low)} to {number(point.high)}"


def state_text(point: Point) -> str:
    """The level in words, or why there is none; with the feature where a point is the worst of several."""
    level = "" if point.level is None else point.level.in_words
    return ", ".join(part for part in (level, point.word) if part) or "not judged"


def limits_text(series: Series) -> str:
    """The limits in words."""
    if not series.limits:
        return "no limit"
    side = "at least" if series.at_least else "at most"
    return f"{side} " + ", ".join(f"{limit_text(limit.value)} ({limit.level.in_words})" for limit in series.limits)


def _chosen(
    version: ModelVersion, history: History, watched: Iterable[Monitor], asked: tuple[str, str, str]
) -> ChosenFeature:
    monitor, feature, reading = asked
    row = next((row for row in watched if str(row.pk) == monitor), None)
    found = [one for one in by_feature(history.series[row.pk]) if one.feature == feature] if row is not None else []
    if row is None or not found:
        raise BadInput("No monitor of this version watches such a feature.", field="feature")
    points = [point for point in found[0].points if point.value is not None or point.low is not None]
    windows = tuple((p.reading, f"{days_in_words(p.start, p.end)}, {p.batch}") for p in reversed(points))
    numbers = dict(windows)
    if reading and reading not in map(str, numbers):
        raise BadInput("No window of this feature has such a number.", field="reading")
    picked = int(reading) if reading else next(iter(numbers), 0)
    timeline = _chart(found[0], history.marks, None)
    reading_row = Reading.objects.filter(pk=picked, monitor=row).select_related("batch").first()
    bins = distribution_of(reading_row.numbers, feature) if reading_row else ()
    return ChosenFeature(
        monitor=row,
        feature=feature,
        reading=picked,
        window=drawing.window_of(reading_row) if reading_row else "",
        windows=windows,
        shares=_shares(version, reading_row, feature, bins) if reading_row and bins else None,
        timeline=timeline,
        bins=tuple((name, then, now, now - then) for name, then, now in bins),
        why_not="" if bins else "The reading of this window kept no distribution of this feature.",
    )


def _shares(version: ModelVersion, row: Reading, feature: str, bins: tuple[tuple[str, float, float], ...]) -> Chart:
    window = drawing.window_of(row)
    wanted = drawing.then_and_now_of(row.monitor_id, row.pk, feature, bins, window)
    picture = drawing.pictures_of(version, [wanted]).get(wanted.subject)
    specification = wanted.chart()
    return Chart(
        key=wanted.subject,
        title=specification.title,
        feature=feature,
        newest="",
        state="",
        tone="",
        limits="",
        description=specification.description,
        svg=_svg(picture),
        problem=picture.problem if picture else "",
        columns=SHARES,
        rows=tuple((name, number(then), number(now), signed(now - then)) for name, then, now in bins),
    )


def chosen_series(history: History, *, chart: str = "", monitor: str = "") -> tuple[Series, ...]:
    """What is drawn in one chart, or of one monitor; nothing named: all. Raises BadInput if there is no such."""
    if not chart and not monitor:
        return history.every_series()
    chosen = [found for pk, found in history.series.items() if monitor in ("", str(pk))]
    if chart:
        drawn = {series.key: series for found in chosen for series in (*found, *drawing.timelines_of(found))}
        chosen = [(drawn[chart],)] if chart in drawn else []
    if not any(chosen):
        raise BadInput("There is no such chart, or nothing was read that it shows.")
    return tuple(series for found in chosen for series in found)


def timeline_rows(found: Iterable[Series], titles: Mapping[int, str]) -> Iterator[tuple[Any, ...]]:
    """Every point of these series for other programs: unrounded, None where there is no number."""
    for series in found:
        limits = {limit.level: limit.value for limit in series.limits}
        for point in series.points:
            yield (
                titles[series.monitor],
                series.measure,
                series.feature,
                point.start.isoformat(),
                point.end.isoformat(),
                point.batch,
                point.value,
                point.low,
                point.high,
                point.n,
                "" if point.level is None else point.level.name.lower(),
                point.word,
                "at least" if series.at_least else "at most",
                *(limits.get(level) for level in (Level.WARN, Level.ALERT, Level.CRITICAL)),
            )


COLUMNS = (
    "monitor",
    "measure",
    "feature",
    "window_start",
    "window_end",
    "batch",
    "value",
    "low",
    "high",
    "rows",
    "level",
    "state",
    "side",
    "limit_warning",
    "limit_alert",
    "limit_critical",
)
