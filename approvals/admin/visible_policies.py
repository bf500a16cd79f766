"""Which policies a person may read."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest

from approvals.admin.acting import person
from approvals.models import Policy
from approvals.models.policies import PolicyStatus

WRITE, PUBLISH = "approvals.change_policy", "approvals.publish_policy"


def visible_policies(user: User) -> QuerySet[Policy]:
    """What was ever published, for all staff; drafts for those who write or publish."""
    if not (user.is_active and user.is_staff):
        return Policy.objects.none()
    drafts = user.has_perm(WRITE) or user.has_perm(PUBLISH)
    return Policy.objects.filter(Q() if drafts else ~Q(status=PolicyStatus.DRAFT))


def policy_for(request: HttpRequest, policy_id: int) -> Policy:
    """A policy that this person may read; otherwise it does not exist."""
    row = visible_policies(person(request)).select_related("author", "published_by").filter(pk=policy_id).first()
    if row is None:
        raise Http404
    return row
