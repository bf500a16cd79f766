"""The page of everything deployed: filtered, the worst first, with how the last windows went; also as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Count, Exists, Max, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from approvals.admin.acting import person
from approvals.models import ModelVersion
from approvals.stages import Stage, Tier
from monitoring import alarm_notes, overview
from monitoring.alarms import Level
from monitoring.models import AlarmNoteKind, Reading, ReadingVerdict
from monitoring.overview import DeployedLine
from monitoring.tables import as_csv
from portal.ledger import name_of
from portal.panels import WorkEntry

WINDOWS = 8
SPARE = 2
"""Windows further back than are shown, for batches that came late or cover longer than expected."""
GLYPHS = {Level.CALM: "●", Level.WARN: "▲", Level.ALERT: "■", Level.CRITICAL: "✚", None: "○"}
TONES: dict[Level | None, str] = {
    None: "unknown",
    Level.CALM: "ok",
    Level.WARN: "warn",
    Level.ALERT: "bad",
    Level.CRITICAL: "bad",
}
STATES = {
    "red": "In alarm or suspended",
    "warning": "Warning",
    "unknown": "Not known",
    "calm": "Within limits",
}
COLUMNS = (
    "model",
    "version",
    "risk_tier",
    "state",
    "level",
    "since",
    "alarms",
    "answered",
    "owner",
    "nobody_told",
    "approval_ends",
    "last_windows",
)


@dataclass(frozen=True)
class RecentWindow:
    """The worst that the monitors said about one window."""

    end: date
    glyph: str
    tone: str
    words: str


@dataclass(frozen=True)
class OverviewRow:
    """One deployed version with its last windows, oldest first; `answer` leads to where its alarm is answered."""

    line: DeployedLine
    tier: str
    state: str
    recent: tuple[RecentWindow, ...]
    answer: str = ""


class FilterForm(forms.Form):
    """Whose, of which tier, in which state. Choices are those of the versions that the person sees."""

    state = forms.ChoiceField(label="State", required=False)
    tier = forms.ChoiceField(label="Risk tier", required=False)
    owner = forms.ChoiceField(label="Owner", required=False)

    def __init__(self, request: HttpRequest, lines: Sequence[DeployedLine]) -> None:
        super().__init__(request.GET)
        owners = {str(line.version.model.owner_id): name_of(line.version.model.owner) for line in lines}
        tiers = {line.version.model.risk_tier for line in lines}
        self._choose("state", STATES.items())
        self._choose("tier", ((tier.value, str(tier.label)) for tier in Tier if tier.value in tiers))
        self._choose("owner", sorted(owners.items(), key=lambda owner: owner[1]))

    def _choose(self, name: str, choices: Iterable[tuple[str, str]]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = [("", "All"), *choices]

    def wants(self, line: DeployedLine) -> bool:
        """Whether the line is among the chosen; nothing is chosen by a filter that does not exist."""
        if not self.is_valid():
            return False
        asked = self.cleaned_data
        has = {"state": state_of(line), "tier": line.version.model.risk_tier, "owner": str(line.version.model.owner_id)}
        return all(not asked[name] or asked[name] == value for name, value in has.items())

    @property
    def chosen(self) -> bool:
        """Whether anything is filtered."""
        return any(self.data.get(name) for name in self.fields)


def state_of(line: DeployedLine) -> str:
    """Which of the states of the filter a version is in."""
    if line.level >= Level.ALERT or line.version.stage == Stage.SUSPENDED:
        return "red"
    if line.level == Level.WARN:
        return "warning"
    return "calm" if line.tone == "ok" else "unknown"


def rows_of(lines: Sequence[DeployedLine], user: User, *, now: datetime) -> tuple[OverviewRow, ...]:
    """The lines with the last windows of each version, read in one query."""
    recent = _recent([line.version for line in lines], now=now)
    return tuple(
        OverviewRow(
            line,
            str(line.version.model.get_risk_tier_display()),
            state_of(line),
            recent.get(line.version.pk, ()),
            _answer(line, user),
        )
        for line in lines
    )


def _answer(line: DeployedLine, user: User) -> str:
    if line.to_answer is None or not alarm_notes.may_note(user, line.version):
        return ""
    return reverse("admin:monitoring_monitor_note", args=[line.to_answer, AlarmNoteKind.ACKNOWLEDGED])


@dataclass(frozen=True)
class Summary:
    """All shown versions in one sentence. Green is only where all of them are known to be within their limits."""

    tone: str
    words: str


def summary_of(rows: Sequence[OverviewRow]) -> Summary:
    """How many are in alarm, warn, or are not known."""
    red = sum(row.state == "red" for row in rows)
    warning, unknown = sum(row.state == "warning" for row in rows), sum(not row.line.is_known for row in rows)
    number = f"{len(rows)} deployed version{'' if len(rows) == 1 else 's'}"
    found = [f"{red} of {len(rows)} in alarm or suspended" if red else f"No alarm among {number}"]
    found += [f"{warning} with a warning"] if warning else []
    found += [f"of {unknown} not everything is known"] if unknown else []
    untold = sum(bool(row.line.nobody_told) for row in rows)
    found += [f"of {untold} nobody who answers for it is told"] if untold else []
    tone = "bad" if red or untold else "unknown" if unknown else "warn" if warning else "ok"
    return Summary(tone, "; ".join(found))


def _recent(versions: Sequence[ModelVersion], *, now: datetime) -> dict[int, tuple[RecentWindow, ...]]:
    rows = Reading.objects.filter(_lately(versions, now.date()), monitor__version__in=versions)
    newer = Reading.objects.filter(
        monitor=OuterRef("monitor"), batch=OuterRef("batch"), pk__gt=OuterRef("pk"), level__isnull=False
    )
    answered = Reading.objects.filter(
        monitor=OuterRef("monitor"), batch__window_end=OuterRef("batch__window_end"), level__isnull=False
    )
    is_open = Q(level__isnull=True) & ~Exists(answered)
    windows = rows.exclude(Exists(newer)).order_by("batch__window_end", "monitor__version_id")
    told = windows.values_list("batch__window_end", "monitor__version_id", "monitor__outcomes_within_days").annotate(
        worst=Max("level"),
        waiting=Count("pk", filter=is_open & Q(verdict=ReadingVerdict.NO_LABELS)),
        without=Count("pk", filter=is_open & ~Q(verdict=ReadingVerdict.NO_LABELS)),
    )
    found: dict[int, list[RecentWindow]] = {}
    for (end, version_id), parts in groupby(told, key=lambda one: one[:2]):
        found.setdefault(version_id, []).append(_window(end, [part[2:] for part in parts], now.date()))
    return {version_id: tuple(windows[-WINDOWS:]) for version_id, windows in found.items()}


def _window(end: date, parts: Sequence[tuple[int, int | None, int, int]], today: date) -> RecentWindow:
    """What is calm beside something without an answer, or with outcomes overdue, is not known to be calm."""
    level = max((worst for _, worst, _, _ in parts if worst is not None), default=None)
    waits = any(waiting for _, _, waiting, _ in parts)
    overdue = any(waiting and end + timedelta(days=within) < today for within, _, waiting, _ in parts)
    is_open = overdue or any(without for _, _, _, without in parts)
    worst = None if level is None or (is_open and level == Level.CALM) else Level(level)
    words = "nothing known" if level is None else "not everything known" if worst is None else worst.in_words
    words = f"{words}, outcomes are waited for" if waits and worst is not None else words
    return RecentWindow(end, GLYPHS[worst], TONES[worst], f"until {end:%d %b %Y}: {words}")


def _lately(versions: Sequence[ModelVersion], today: date) -> Q:
    """As far back as the shown windows can lie: daily batches some days, quarterly ones some years."""
    paces = {monitor.every_days for version in versions for monitor in version.monitors.all()}
    found = Q(pk__in=())
    for days in paces:
        since = today - timedelta(days=days * (WINDOWS + SPARE))
        found |= Q(monitor__every_days=days, batch__window_end__gte=since)
    return found


def overview_entry(user: User) -> WorkEntry | None:
    """The entry of the sidebar, with the number of versions in alarm; None for who sees no deployed version."""
    lines = overview.deployed_lines(user, now=timezone.now())
    if not lines:
        return None
    url = reverse("admin:monitoring_monitor_overview")
    return WorkEntry("Deployed models", url, sum(line.level >= Level.ALERT for line in lines))


@require_safe
def deployed(request: HttpRequest) -> HttpResponse:
    """Every deployed version that the person may see, worst first."""
    now = timezone.now()
    lines = overview.deployed_lines(person(request), now=now)
    chosen = FilterForm(request, lines)
    rows = rows_of([line for line in lines if chosen.wants(line)], person(request), now=now)
    context = {
        **admin.site.each_context(request),
        "title": "Deployed models",
        "rows": rows,
        "filter": chosen,
        "total": len(lines),
        "summary": summary_of(rows),
        "as_of": now,
        "asked": request.GET.urlencode(),
    }
    return render(request, "monitoring/overview.html", context)


@require_safe
def deployed_csv(request: HttpRequest) -> HttpResponse:
    """The same as a table for other programs, filtered alike."""
    now = timezone.now()
    lines = overview.deployed_lines(person(request), now=now)
    chosen = FilterForm(request, lines)
    rows = rows_of([line for line in lines if chosen.wants(line)], person(request), now=now)
    return as_csv("deployed-models.csv", COLUMNS, map(_cells, rows))


def _cells(row: OverviewRow) -> tuple[str, ...]:
    line = row.line
    return (
        line.version.model.name,
        line.version.number,
        row.tier,
        line.state,
        line.level.name.lower() if line.level or line.is_known else "unknown",
        line.since.isoformat() if line.since else "",
        "; ".join(line.alarms),
        line.answered,
        line.owner,
        line.nobody_told,
        line.approval_ends.date().isoformat() if line.approval_ends else "",
        "; ".join(window.words for window in row.recent),
    )
