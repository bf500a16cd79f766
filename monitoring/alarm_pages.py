"""Pages about alarms: the overview of everything deployed, and the forms that answer an alarm."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from approvals import permissions
from approvals.admin.acting import Act, person, sent, serve
from approvals.admin.forms import ActForm, date_field, long_text
from monitoring import alarm_notes, overview
from monitoring.alarms import Level
from monitoring.models import AlarmNoteKind, Monitor
from monitoring.panels import title_of
from portal.panels import WorkEntry

HEADINGS = {
    AlarmNoteKind.ACKNOWLEDGED: ("Acknowledge the alarm", "Acknowledge", "The alarm is acknowledged."),
    AlarmNoteKind.MUTED: ("Mute the notices", "Mute", "No notices are sent until that day is over."),
    AlarmNoteKind.INCIDENT: ("Link the alarm to an incident", "Link", "The alarm is linked to the incident."),
}
INTROS = {
    AlarmNoteKind.ACKNOWLEDGED: "Tells everybody that you have seen it. The alarm ends when readings are calm again.",
    AlarmNoteKind.MUTED: "Findings are opened and approvals suspended all the same; only notices are not sent.",
    AlarmNoteKind.INCIDENT: "Names where the cause is worked on. The alarm ends when readings are calm again.",
}


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
    lines = overview.deployed_lines(person(request), now=timezone.now())
    context = {
        **admin.site.each_context(request),
        "title": "Deployed models",
        "lines": lines,
        "alarms": sum(line.level >= Level.ALERT for line in lines),
        "as_of": timezone.now(),
    }
    return render(request, "monitoring/overview.html", context)


@require_safe
def deployed_csv(request: HttpRequest) -> HttpResponse:
    """The same as a table."""
    lines = overview.deployed_lines(person(request), now=timezone.now())
    answer = HttpResponse(overview.as_csv(lines), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="deployed-models.csv"'
    return answer


class NoteForm(ActForm):
    """Why."""

    reason = long_text("What is done about it, or why", rows=3)


class MuteForm(NoteForm):
    """Until when, and why."""

    until = date_field("Last day without notices")


class IncidentForm(NoteForm):
    """Which incident, and why."""

    incident = forms.CharField(label="Number or address of the incident", max_length=200)


FORMS: dict[str, type[NoteForm]] = {
    AlarmNoteKind.ACKNOWLEDGED: NoteForm,
    AlarmNoteKind.MUTED: MuteForm,
    AlarmNoteKind.INCIDENT: IncidentForm,
}
ACTS: dict[str, Any] = {
    AlarmNoteKind.ACKNOWLEDGED: alarm_notes.acknowledge,
    AlarmNoteKind.MUTED: alarm_notes.mute,
    AlarmNoteKind.INCIDENT: alarm_notes.link_incident,
}


@require_http_methods(["GET", "POST"])
def note(request: HttpRequest, monitor_id: int, kind: str) -> HttpResponseBase:
    """Answer the alarm of a monitor."""
    user = person(request)
    visible = Monitor.objects.filter(version__in=permissions.visible_versions(user))
    row = visible.select_related("version__model__owner", "version__policy").filter(pk=monitor_id).first()
    if row is None or kind not in FORMS:
        raise Http404
    chosen = AlarmNoteKind(kind)
    title, button, done = HEADINGS[chosen]

    def run(form: ActForm) -> None:
        ACTS[chosen](monitor_id=row.pk, actor=user, **form.cleaned_data)

    act = Act(f"{title}: {title_of(row)} of {row.version}", button, run, done, INTROS[chosen], "#monitoring")
    return serve(request, row.version, act, FORMS[chosen](sent(request)))
