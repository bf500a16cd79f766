"""The record of monitoring on the version page: each monitor month by month, and the act that brings it up to date."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from approvals import judging, permissions
from approvals.admin.acting import do, person, version_for
from approvals.evidence import current
from approvals.models import EvidenceKind, ModelVersion
from approvals.models.revalidations import pass_under_way
from monitoring import records, succession
from portal.errors import Refused
from portal.panels import Panel

TONES = {"within limits": "ok", records.PARTLY: "unknown", "warning": "wait", "alert": "bad", "critical": "bad"}


@dataclass(frozen=True)
class MonthCell:
    """One month of one monitor in words."""

    word: str
    tone: str
    hint: str


def panel(version: ModelVersion, user: User) -> Panel | None:
    """The newest record as it was made; None if there never was one."""
    row = current(version, EvidenceKind.MONITORING_RECORD)
    if row is None:
        return None
    try:
        record = json.loads(row.file.path.read_text("utf-8"))
    except (OSError, ValueError):
        record = {"monitors": [], "coverage": {"months": []}}
    months = record["coverage"]["months"]
    without_data = frozenset(record["coverage"].get("months_without_data", months))
    takes_part = permissions.may_move(user, version.model) or permissions.roles_of(user, version.model)
    content: dict[str, Any] = {
        "version": version,
        "evidence": row,
        "record": record,
        "readable": "format" in record,
        "titles": [one["title"] for one in record["monitors"]],
        "months": [(month, [_cell(one, month, without_data) for one in record["monitors"]]) for month in months],
        "may_update": bool(takes_part) and pass_under_way(version) is not None,
    }
    content |= _succession(version)
    return Panel("monitoring-record", "Record of monitoring", "monitoring/record_panel.html", content)


def _succession(version: ModelVersion) -> dict[str, Any]:
    """What the renewal under another policy would do to the monitors, and why not yet."""
    policy = judging.of(version).policy
    if policy == version.policy:
        return {"plan": (), "policy": policy, "why_not_yet": ""}
    try:
        found = succession.of(version, policy)
    except Refused as refusal:
        return {"plan": (), "policy": policy, "why_not_yet": refusal.sentence}
    sentence = succession.why_not_yet(found, policy, now=timezone.now())
    return {"plan": succession.in_words(found), "policy": policy, "why_not_yet": sentence}


def _cell(monitor: Mapping[str, Any], month: str, without_data: Collection[str]) -> MonthCell:
    """The clock is read once of a window that was missed, however long: a later month without data is not calm."""
    found = next((one for one in monitor["months"] if one["month"] == month), None)
    if found is None or not found["readings"]:
        if monitor["reads"] == "the clock" and month not in without_data:
            return MonthCell("No alarm", "ok", "")
        return MonthCell("No data", "unknown", "")
    if found["level"] is None:
        verdicts = ", ".join(name.replace("_", " ") for name in found["verdicts"])
        return MonthCell("Not known", "unknown", verdicts)
    value = found["value"]
    tone = TONES[found["level"]]
    hint = f"{value['name']} {value['value']:.4g}, limit {value['limit']:g}" if value and tone != "ok" else ""
    if found["level"] == records.PARTLY:
        hint = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found["verdicts"].items())
    return MonthCell(found["level"].capitalize(), tone, hint)


@require_POST
def make_anew(request: HttpRequest, version_id: int) -> HttpResponse:
    """Bring the record of the revalidation under way up to date."""
    version, user = version_for(request, version_id), person(request)

    def run() -> str:
        records.make_anew(version_id=version.pk, actor=user)
        return "The record is as things stand now."

    return do(request, version, run, anchor="#monitoring-record")
