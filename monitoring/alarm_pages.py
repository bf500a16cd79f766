"""The forms that answer an alarm: one description for each kind of note."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from approvals import permissions
from approvals.admin.acting import Act, person, sent, serve
from approvals.admin.finding_lines import SourcePage
from approvals.admin.forms import ActForm, date_field, long_text
from approvals.models import Finding
from monitoring import alarm_notes, monitors
from monitoring.alarm_notes import LONGEST_MUTE
from monitoring.models import AlarmNoteKind, Monitor
from monitoring.panels import end_of
from monitoring.standing import alarm_of


class NoteForm(ActForm):
    """Why."""

    reason = long_text("What is done about it, or why", "At least 10 characters. Recorded in the ledger.", rows=3)


class MuteForm(NoteForm):
    """Until when, and why."""

    until = date_field("Last day without notices", f"Within {LONGEST_MUTE.days} days.")


class IncidentForm(NoteForm):
    """Which incident, and why."""

    incident = forms.CharField(
        label="Number or address of the incident", max_length=200, help_text="For example: INC-2026-0417."
    )


@dataclass(frozen=True)
class Answer:
    """One way to answer an alarm: what its page says, its form, and the use case that it calls."""

    title: str
    button: str
    done: str
    intro: str
    form: type[NoteForm]
    act: Callable[..., Any]


ANSWERS = {
    AlarmNoteKind.ACKNOWLEDGED: Answer(
        title="Acknowledge the alarm",
        button="Acknowledge",
        done="The alarm is acknowledged.",
        intro="Tells everybody that you have seen it. The alarm ends when readings are calm again; if it becomes "
        "critical, it has to be answered anew.",
        form=NoteForm,
        act=alarm_notes.acknowledge,
    ),
    AlarmNoteKind.MUTED: Answer(
        title="Mute the notices",
        button="Mute",
        done="No notices are sent until that day is over.",
        intro="Findings are opened and approvals suspended all the same; only notices are not sent. They are sent "
        "again when that day is over, or when the alarm becomes critical.",
        form=MuteForm,
        act=alarm_notes.mute,
    ),
    AlarmNoteKind.INCIDENT: Answer(
        title="Link the alarm to an incident",
        button="Link",
        done="The alarm is linked to the incident.",
        intro="Names where the cause is worked on. The alarm ends when readings are calm again.",
        form=IncidentForm,
        act=alarm_notes.link_incident,
    ),
}


def of_finding(finding: Finding, user: User) -> SourcePage | None:
    """The monitor that a finding names, and where its alarm is acknowledged, if this person may and nobody has."""
    number = finding.source_reference.removeprefix("monitor:").split(":")[0]
    known = Monitor.objects.filter(version=finding.version_id).select_related("version__model")
    row = known.filter(pk=int(number)).first() if number.isdecimal() else None
    if row is None:
        return None
    alarm = alarm_of(row, now=timezone.now())
    waits = (
        end_of(row) is None
        and bool(alarm.level)
        and alarm.acknowledged is None
        and alarm_notes.may_note(user, row.version)
    )
    answer = reverse("admin:monitoring_monitor_note", args=[row.pk, AlarmNoteKind.ACKNOWLEDGED]) if waits else ""
    return SourcePage(reverse("admin:monitoring_monitor_change", args=[row.pk]), answer)


@require_http_methods(["GET", "POST"])
def note(request: HttpRequest, monitor_id: int, kind: str) -> HttpResponseBase:
    """Answer the alarm of a monitor."""
    user = person(request)
    visible = Monitor.objects.filter(version__in=permissions.visible_versions(user))
    row = visible.select_related("version__model__owner", "version__policy").filter(pk=monitor_id).first()
    if row is None or kind not in ANSWERS:
        raise Http404
    answer = ANSWERS[AlarmNoteKind(kind)]

    def run(form: ActForm) -> None:
        answer.act(monitor_id=row.pk, actor=user, **form.cleaned_data)

    title = f"{answer.title}: {monitors.title_of(row.key)} of {row.version}"
    why_not = alarm_notes.why_not_note(AlarmNoteKind(kind), user, row.version)
    act = Act(title, answer.button, run, answer.done, answer.intro, "#monitoring", returns=True, not_permitted=why_not)
    return serve(request, row.version, act, answer.form(sent(request)))
