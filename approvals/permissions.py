"""Who may do what on which model: explicit grants only. The only importer of guardian.

A superuser may see everything and configure, but holds no signing right by being one.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from guardian.shortcuts import assign_perm, remove_perm

from approvals.events import Event
from approvals.models import (
    Delegation,
    ModelVersion,
    RegisteredModel,
    RegisteredModelGroupObjectPermission,
    RegisteredModelUserObjectPermission,
)
from approvals.stages import Role
from portal import ledger
from portal.errors import BadInput, NotPermitted

SUBMIT = "submit_versions"
AUDIT = "audit_model"
GRANTABLE: tuple[str, ...] = (*(f"sign_off_as_{role.value}" for role in Role), SUBMIT, AUDIT)

Person = User | AnonymousUser | AbstractBaseUser


def permission_for(role: str) -> str:
    """The object permission that a role signs by."""
    return f"sign_off_as_{Role(role).value}"


def _granted_model_ids(user: Person, codenames: Iterable[str]) -> Q:
    names = list(codenames)
    # Asked of the database, not of the object in memory: a right that was taken away a moment ago is gone.
    by_user = RegisteredModelUserObjectPermission.objects.filter(
        user_id=user.pk, user__is_active=True, permission__codename__in=names
    )
    by_group = RegisteredModelGroupObjectPermission.objects.filter(
        group__user__in=_still_active(user), permission__codename__in=names
    )
    return Q(pk__in=by_user.values("content_object_id")) | Q(pk__in=by_group.values("content_object_id"))


def _still_active(user: Person) -> QuerySet[User]:
    return User.objects.filter(pk__in=[user.pk], is_active=True)


def visible_models(user: Person) -> QuerySet[RegisteredModel]:
    """Registered models that the person may see: owned, granted in any way, or all for a superuser."""
    if not user.is_active or not user.is_authenticated:
        return RegisteredModel.objects.none()
    if getattr(user, "is_superuser", False):
        return RegisteredModel.objects.all()
    delegated = Q(pk__in={row.model_id for row in _delegations_to(user)})
    return RegisteredModel.objects.filter(_owned_or_granted(user) | delegated)


def _owned_or_granted(user: Person) -> Q:
    return Q(owner_id=user.pk, owner__is_active=True) | _granted_model_ids(user, GRANTABLE)


def visible_versions(user: Person) -> QuerySet[ModelVersion]:
    """Versions of the visible models."""
    return ModelVersion.objects.filter(model__in=visible_models(user))


def may_view(user: Person, model: RegisteredModel) -> bool:
    """Whether the person may see this model."""
    if not user.is_active or not user.is_authenticated:
        return False
    asked = RegisteredModel.objects.filter(pk=model.pk)
    if getattr(user, "is_superuser", False):
        return asked.exists()
    # What takes most is asked last: few see a model by a delegation.
    return asked.filter(_owned_or_granted(user)).exists() or bool(_delegations_to(user, model))


def granted(user: Person, codename: str, model: RegisteredModel) -> bool:
    """Whether an active person holds an explicit grant on this model, directly or by a group; a superuser needs one."""
    if not user.is_active or not user.is_authenticated:
        return False
    return RegisteredModel.objects.filter(pk=model.pk).filter(_granted_model_ids(user, [codename])).exists()


def roles_of(user: Person, model: RegisteredModel) -> tuple[Role, ...]:
    """Roles that the person holds on this model."""
    if not user.is_active:
        return ()
    names = [permission_for(role) for role in Role]
    held = set(
        RegisteredModelUserObjectPermission.objects.filter(
            user_id=user.pk, user__is_active=True, content_object=model, permission__codename__in=names
        ).values_list("permission__codename", flat=True)
    ) | set(
        RegisteredModelGroupObjectPermission.objects.filter(
            group__user__in=_still_active(user), content_object=model, permission__codename__in=names
        ).values_list("permission__codename", flat=True)
    )
    return tuple(role for role in Role if permission_for(role) in held)


def _delegations_to(user: Person, model: RegisteredModel | None = None) -> list[Delegation]:
    """Delegations that hold today and whose principal still holds the role: what is lost cannot be passed on."""
    today = timezone.now().date()
    rows = Delegation.objects.filter(
        delegate_id=user.pk,
        delegate__is_active=True,
        revoked_at__isnull=True,
        starts_on__lte=today,
        ends_on__gte=today,
        **({"model": model} if model is not None else {}),
    ).select_related("principal", "model")
    return [row for row in rows.order_by("pk") if granted(row.principal, permission_for(row.role), row.model)]


def principals(user: User, role: Role, model: RegisteredModel) -> tuple[User, ...]:
    """For whom this person can sign in a role: first for themselves if they hold it, then by delegation."""
    own = (user,) if granted(user, permission_for(role), model) else ()
    return (*own, *(row.principal for row in _delegations_to(user, model) if row.role == role))


def signing_roles(user: User, model: RegisteredModel) -> tuple[Role, ...]:
    """Roles in which this person can sign on a model, their own and those delegated to them."""
    held = {*roles_of(user, model), *(Role(row.role) for row in _delegations_to(user, model))}
    return tuple(role for role in Role if role in held)


def delegates_for(role: Role, model: RegisteredModel) -> QuerySet[User]:
    """Active people who sign in this role for somebody today."""
    today = timezone.now().date()
    rows = Delegation.objects.filter(
        model=model, role=role, revoked_at__isnull=True, starts_on__lte=today, ends_on__gte=today
    )
    return User.objects.filter(is_active=True, pk__in=rows.values("delegate_id"))


def holders(model: RegisteredModel) -> dict[str, tuple[str, ...]]:
    """Names of the active people who hold each role on this model."""
    roles = {permission_for(role): role.value for role in Role}
    asked = {"content_object": model, "permission__codename__in": list(roles)}
    direct = RegisteredModelUserObjectPermission.objects.filter(**asked, user__is_active=True)
    grouped = RegisteredModelGroupObjectPermission.objects.filter(**asked, group__user__is_active=True)
    names = [
        *direct.values_list("permission__codename", "user__first_name", "user__last_name", "user__username"),
        *grouped.values_list(
            "permission__codename", "group__user__first_name", "group__user__last_name", "group__user__username"
        ),
    ]
    found: dict[str, set[str]] = {role.value: set() for role in Role}
    for codename, first, last, username in names:
        found[roles[codename]].add(f"{first} {last}".strip() or username)
    return {role: tuple(sorted(people)) for role, people in found.items()}


def people_with(codename: str, model: RegisteredModel) -> QuerySet[User]:
    """Active people who hold a grant on this model, directly or by a group."""
    return _people_with([codename], model)


def people_of(model: RegisteredModel) -> QuerySet[User]:
    """Active people who hold any grant on this model, directly or by a group."""
    return _people_with(GRANTABLE, model)


def _people_with(codenames: Iterable[str], model: RegisteredModel) -> QuerySet[User]:
    asked = {"content_object": model, "permission__codename__in": list(codenames)}
    direct = RegisteredModelUserObjectPermission.objects.filter(**asked)
    grouped = RegisteredModelGroupObjectPermission.objects.filter(**asked)
    return (
        User.objects.filter(is_active=True)
        .filter(Q(pk__in=direct.values("user_id")) | Q(groups__in=grouped.values("group_id")))
        .distinct()
    )


def may_submit(user: Person, model: RegisteredModel) -> bool:
    """Whether the person may register versions of this model and attach evidence."""
    return granted(user, SUBMIT, model)


def is_owner(user: Person, model: RegisteredModel) -> bool:
    """Whether the person is the model's owner and active."""
    return bool(user.is_authenticated and model.owner_id == user.pk and _still_active(user).exists())


def may_move(user: Person, model: RegisteredModel) -> bool:
    """Whether the person may advance or withdraw a version: the owner or a submitter."""
    return is_owner(user, model) or may_submit(user, model)


def may_audit(user: Person, model: RegisteredModel) -> bool:
    """Whether the person is an auditor of this model."""
    return granted(user, AUDIT, model)


def require_view(user: Person, version: ModelVersion) -> None:
    """Raise NotPermitted unless the person may see the version."""
    if not may_view(user, version.model):
        raise NotPermitted("You have no right on this model.")


def grant(*, actor: User, codename: str, to: User | Group, model: RegisteredModel) -> None:
    """Give a person or group one right on one model. Only an administrator, never to oneself or one's own group."""
    _administer(actor=actor, codename=codename, to=to)
    with transaction.atomic():
        assign_perm(codename, to, model)
        ledger.record(
            event=Event.ROLE_GRANTED, actor=actor, subject=model, scope=model.scope, facts=_facts(codename, to)
        )


def grant_submitter_at_registration(person: User, model: RegisteredModel) -> None:
    """Whoever registers a model may submit versions of it; workflow.register_model records it."""
    assign_perm(SUBMIT, person, model)


def revoke(*, actor: User, codename: str, to: User | Group, model: RegisteredModel) -> None:
    """Take one right on one model away. Takes effect at once."""
    _administer(actor=actor, codename=codename, to=to)
    with transaction.atomic():
        remove_perm(codename, to, model)
        ledger.record(
            event=Event.ROLE_REVOKED, actor=actor, subject=model, scope=model.scope, facts=_facts(codename, to)
        )


def may_administer(user: Person) -> bool:
    """Whether the person may grant and revoke rights on models."""
    return bool(
        isinstance(user, User)
        and user.is_active
        and (user.is_superuser or user.has_perm("approvals.change_registeredmodel"))
    )


def _administer(*, actor: User, codename: str, to: User | Group) -> None:
    if codename not in GRANTABLE:
        raise BadInput(f"There is no right “{codename}” on a model.", field="codename")
    if not may_administer(actor):
        raise NotPermitted("Only an administrator may grant or revoke rights on models.")
    if to == actor or (isinstance(to, Group) and to.user_set.filter(pk=actor.pk).exists()):
        raise NotPermitted("Nobody changes their own rights; ask another administrator.")


def _facts(codename: str, to: User | Group) -> dict[str, object]:
    kind = "person" if isinstance(to, User) else "group"
    return {"right": codename, kind: to.pk, "name": str(to)}
