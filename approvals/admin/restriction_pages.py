"""The form that lifts a condition of use."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from approvals import restricting
from approvals.admin.acting import Act, person, refused, sent, serve, version_for
from approvals.admin.forms import ActForm, ReasonForm
from approvals.models import Restriction


@require_http_methods(["GET", "POST"])
def lift(request: HttpRequest, version_id: int, restriction_id: int) -> HttpResponseBase:
    """Lift one, with a reason."""
    version, user = version_for(request, version_id), person(request)
    row = get_object_or_404(Restriction, pk=restriction_id, version=version)
    why = restricting.why_not_lift(version, user) or ("It was lifted already." if row.lifted_at else "")
    if why and request.method != "POST":
        return refused(request, version, why)

    def run(form: ActForm) -> None:
        restricting.lift(restriction_id=row.pk, actor=user, reason=form.cleaned_data["reason"])

    intro = f"{row.text} Imposed on {row.imposed_at:%d %b %Y}: {row.reason}"
    act = Act(f"Lift a condition of use of {version}", "Lift", run, "The condition is lifted.", intro, danger=True)
    return serve(request, version, act, ReasonForm(sent(request)))
