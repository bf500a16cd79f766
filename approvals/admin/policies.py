"""Policies in the admin: list, page in words, drafting, publishing and retiring. The rules are in publishing.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals import coverage, publishing
from approvals.admin.acting import person, sent, status_of
from approvals.admin.policy_forms import PolicyForm
from approvals.admin.repin_page import dry_run
from approvals.admin.visible_policies import PUBLISH, WRITE, policy_for, visible_policies
from approvals.models import Policy
from approvals.models.policies import PolicyStatus
from approvals.policy_changes import changes, in_words, requirement_in_words, settings_in_words
from approvals.policy_document import PolicyDocument, parse
from approvals.stages import Tier
from portal.admin import ScopedAdmin, row_number, say
from portal.errors import BadInput, DomainError, NotPermitted
from portal.ledger import name_of


@admin.register(Policy)
class PolicyAdmin(ScopedAdmin):
    """Policies that the person may read."""

    list_display = (
        "name",
        "number",
        "tier",
        "status",
        "author",
        "published_by",
        "created_at",
        "published_at",
        "short_digest",
    )
    list_filter = ("status", "tier")
    search_fields = ("name", "title", "digest__startswith")
    list_select_related = ("author", "published_by")
    change_list_template = "approvals/policies.html"
    empty_sentence: ClassVar[str] = "No policy is published. Without one no version can be registered."

    def visible(self, user: User) -> QuerySet[Policy]:
        """Published ones; drafts for those who write or publish."""
        return visible_policies(user)

    @admin.display(description="SHA-256", ordering="digest")
    def short_digest(self, policy: Policy) -> str:
        """Its beginning."""
        return f"{policy.digest[:12]}…"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, with the button for those who write."""
        return super().changelist_view(request, {"may_write": person(request).has_perm(WRITE), **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of a policy."""
        return show(request, policy_for(request, row_number(object_id)))

    def get_urls(self) -> list[URLPattern]:
        """The acts, before the stock addresses."""

        def at(route: str, view: Any, name: str) -> URLPattern:
            found: URLPattern = path(route, self.admin_site.admin_view(view), name=f"approvals_policy_{name}")
            return found

        return [
            at("draft/", draft, "draft"),
            at("templates/", templates, "templates"),
            at("<int:policy_id>/coverage/<slug:framework>/", covered, "coverage"),
            at("<int:policy_id>/draft/", draft, "edit"),
            at("<int:policy_id>/publish/", publish, "publish"),
            at("<int:policy_id>/retire/", retire, "retire"),
            at("<int:policy_id>/dry-run/", dry_run, "dry_run"),
            *super().get_urls(),
        ]


@require_safe
def show(request: HttpRequest, policy: Policy) -> HttpResponse:
    """Facts, what each gate asks in words, monitors and the exact text."""
    user = person(request)
    document: PolicyDocument | None = None
    problem = ""
    try:
        document = parse(policy.text)
    except BadInput as error:
        problem = error.sentence
    before = publishing.predecessor(policy)
    context = {
        **admin.site.each_context(request),
        "title": str(policy),
        "policy": policy,
        "author": name_of(policy.author),
        "publisher": name_of(policy.published_by) if policy.published_by else "",
        "problem": problem,
        "document": document,
        "rules": settings_in_words(document.rules.as_policy()) if document else (),
        "gates": _gates(document) if document else (),
        "monitors": tuple(in_words(entry) for entry in document.monitors) if document else (),
        "coverage": coverage.summary(document) if document else (),
        "before": before,
        "differences": _differences(before, document),
        "is_draft": policy.status == PolicyStatus.DRAFT,
        "may_write": user.has_perm(WRITE) and policy.status == PolicyStatus.DRAFT,
        "may_retire": user.has_perm(PUBLISH) and policy.status == PolicyStatus.PUBLISHED,
        "why_not_publish": publishing.why_not_publish(policy, user),
    }
    return render(request, "approvals/policy.html", context)


def _differences(before: Policy | None, document: PolicyDocument | None) -> tuple[str, ...]:
    if before is None or document is None:
        return ()
    try:
        return changes(parse(before.text), document)
    except BadInput as problem:
        return (f"{before} can no longer be read, so the difference is unknown: {problem.sentence}",)


def _gates(document: PolicyDocument) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    return tuple(
        (str(stage.label), tuple((asked.title, requirement_in_words(asked)) for asked in gate))
        for stage, gate in document.gates.items()
    )


@require_safe
def covered(request: HttpRequest, policy_id: int, framework: str) -> HttpResponse:
    """Clause by clause, what of a policy covers a framework."""
    policy, found = policy_for(request, policy_id), coverage.find(framework)
    if found is None:
        raise Http404
    try:
        clauses = coverage.coverage(found, parse(policy.text))
        problem = ""
    except BadInput as error:
        clauses, problem = (), error.sentence
    context = {
        **admin.site.each_context(request),
        "title": f"{policy}: coverage of {found.title}",
        "policy": policy,
        "framework": found,
        "clauses": clauses,
        "problem": problem,
        "crosswalk": any(clause.clause.crosswalk for clause in clauses),
    }
    return render(request, "approvals/coverage.html", context)


@require_safe
def templates(request: HttpRequest) -> HttpResponse:
    """What a draft can begin with."""
    if not person(request).has_perm(WRITE):
        return _not_permitted(request, "You have no right to write policies.")
    context = {
        **admin.site.each_context(request),
        "title": "Begin a policy",
        "frameworks": coverage.frameworks(),
        "tiers": Tier.choices,
    }
    return render(request, "approvals/policy_templates.html", context)


def _begun(request: HttpRequest) -> dict[str, str] | None:
    """The text that a new draft begins with, if the address names a framework and a tier."""
    found = coverage.find(request.GET.get("framework", ""))
    tier = request.GET.get("tier", "")
    if found is None or tier not in Tier.values:
        return None
    return {"text": coverage.template(found, tier=tier)}


@require_http_methods(["GET", "POST"])
def draft(request: HttpRequest, policy_id: int | None = None) -> HttpResponseBase:
    """Write a draft, or rewrite one."""
    user = person(request)
    row = policy_for(request, policy_id) if policy_id is not None else None
    if not user.has_perm(WRITE):
        return _not_permitted(request, "You have no right to write policies.")
    form = PolicyForm(sent(request), initial={"text": row.text} if row else _begun(request))
    error: DomainError | None = None
    if form.is_bound and form.is_valid():
        try:
            saved = publishing.draft(actor=user, text=form.cleaned_data["text"], policy_id=policy_id)
        except DomainError as failure:
            error = failure
            form.refuse(failure)
        else:
            messages.success(request, f"The draft of {saved.name} is kept. A second person publishes it.")
            return _back(saved)
    title = f"Edit {row}" if row else "Draft a policy"
    context = {**admin.site.each_context(request), "title": title, "form": form, "policy": row}
    return render(request, "approvals/policy_form.html", context, status=status_of(error))


@require_POST
def publish(request: HttpRequest, policy_id: int) -> HttpResponseBase:
    """Publish a draft."""
    row, user = policy_for(request, policy_id), person(request)
    seen = request.POST.get("seen_digest", "")
    return _act(
        request, row, lambda: publishing.publish(policy_id=row.pk, actor=user, seen_digest=seen), "is published"
    )


@require_POST
def retire(request: HttpRequest, policy_id: int) -> HttpResponseBase:
    """Retire a published policy."""
    row, user = policy_for(request, policy_id), person(request)
    return _act(request, row, lambda: publishing.retire(policy_id=row.pk, actor=user), "is retired")


def _act(request: HttpRequest, row: Policy, act: Callable[[], Policy], done: str) -> HttpResponseBase:
    try:
        messages.success(request, f"{act()} {done}.")
    except NotPermitted as error:
        return _not_permitted(request, error.sentence)
    except DomainError as error:
        say(request, error)
    return _back(row)


def _not_permitted(request: HttpRequest, sentence: str) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": "Not permitted", "sentence": sentence}
    return render(request, "approvals/not_permitted.html", context, status=403)


def _back(policy: Policy) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:approvals_policy_change", args=[policy.pk]))
