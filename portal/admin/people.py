"""People and groups in the admin: Django's own pages, without deletion, and with every change in the ledger."""

from __future__ import annotations

from typing import Any, cast

from axes.models import AccessAttempt
from axes.utils import reset
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from portal import ledger, notify, second_factor
from portal.errors import DomainError
from portal.tasks import PortalEvent

OWN_RIGHTS = ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")

admin.site.unregister(TOTPDevice)  # the stock pages show secrets
admin.site.unregister(User)
admin.site.unregister(Group)


class Recorded:
    """Writes each change into the ledger, in the transaction of the change, and offers no deletion."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """People and groups stay: what they signed and what they were allowed names them."""
        return False

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """One transaction for change and record."""
        with transaction.atomic():
            return super().changeform_view(request, object_id, form_url, extra_context)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's own history, and the ledger."""
        _record(PortalEvent.ACCOUNT_CHANGED, request, obj)
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's own history, and the ledger."""
        _record(PortalEvent.ACCOUNT_ADDED, request, obj)
        return super().log_addition(request, obj, message)  # type: ignore[misc]


@admin.register(User)
class PersonAdmin(Recorded, UserAdmin):  # type: ignore[type-arg]
    """Accounts. Somebody who leaves is made inactive: that takes effect at once, also on what they could sign."""

    actions = ("lift_lock", "remove_codes")
    list_display = ("username", "first_name", "last_name", "email", "is_active", "locked", "is_staff", "is_superuser")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With a word on who is locked out after too many wrong passwords."""
        attempts = AccessAttempt.objects.filter(
            username=OuterRef("username"),
            failures_since_start__gte=settings.AXES_FAILURE_LIMIT,
            attempt_time__gte=timezone.now() - settings.AXES_COOLOFF_TIME,
        )
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.annotate(locked=Exists(attempts))

    @admin.display(description="Locked out", boolean=True)
    def locked(self, person: Any) -> bool:
        """Whether signing in and signing are locked from at least one address."""
        return bool(person.locked)

    @admin.action(description="Lift the lock after wrong passwords", permissions=["change"])
    def lift_lock(self, request: HttpRequest, people: QuerySet[User]) -> None:
        """Let people try again at once. Recorded; who holds no right over an account is not heard."""
        user = cast(User, request.user)
        for person in people:
            if person.pk == user.pk or not self.has_change_permission(request, person):
                messages.error(request, f"You cannot lift the lock of {person}.")
                continue
            with transaction.atomic():
                reset(username=person.get_username())
                facts = {"account": person.pk, "name": str(person)}
                ledger.record(
                    event=PortalEvent.ACCOUNT_UNLOCKED, actor=user, subject=person, scope="portal", facts=facts
                )
            messages.success(request, f"{person} may try again.")

    @admin.action(description="Remove one-time codes (lost device)", permissions=["change"])
    def remove_codes(self, request: HttpRequest, people: QuerySet[User]) -> None:
        """For whoever lost the device. Recorded, and the owner is told; nobody does it for themselves here."""
        user = cast(User, request.user)
        for person in people:
            if person.pk == user.pk or not self.has_change_permission(request, person):
                messages.error(request, f"You cannot remove the one-time codes of {person}.")
                continue
            try:
                second_factor.remove(person=person, by=user)
            except DomainError as error:
                messages.error(request, f"{person}: {error.sentence}")
            else:
                messages.success(request, f"{person} signs without a code until new ones are set up.")

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:  # noqa: A002
        """One transaction for the new password, its record and the word to its owner."""
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """As for every account; who sets somebody else's password can act as them, so they are told."""
        user = cast(User, request.user)
        if request.resolver_match and request.resolver_match.url_name == "auth_user_password_change":
            _record(PortalEvent.PASSWORD_SET, request, obj)
            if obj.pk != user.pk:
                notify.notify(
                    recipients=[obj],
                    event=PortalEvent.PASSWORD_SET,
                    text=f"{ledger.printed_name(user)} set a new password for your account. "
                    "Change it before you sign anything, and object if you did not ask for it.",
                    link="/password_change/",
                    asks_for_act=True,
                )
            return UserAdmin.log_change(self, request, obj, message)
        return super().log_change(request, obj, message)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Nobody changes their own rights, and only a superuser makes superusers or gives rights."""
        fields = list(super().get_readonly_fields(request, obj))
        user = cast(User, request.user)
        if obj is not None and obj.pk == user.pk:
            fields += OWN_RIGHTS
        elif not user.is_superuser:
            fields += ["is_superuser", "user_permissions", "groups"]
        return tuple(fields)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A superuser's account is changed by superusers only: whoever sets its password is that superuser."""
        user = cast(User, request.user)
        if obj is not None and obj.is_superuser and not user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:  # noqa: FBT001
        """As Django does, and a word about people who were made inactive."""
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data and not obj.is_active:
            messages.warning(
                request, f"{obj} is inactive: nothing they signed changes, and they can sign nothing more."
            )


@admin.register(Group)
class PortalGroupAdmin(Recorded, GroupAdmin):
    """Groups; rights on models are granted on the models' pages."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A group carries rights, and only a superuser gives rights."""
        return bool(cast(User, request.user).is_superuser and super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A group carries rights, and only a superuser gives rights."""
        return bool(cast(User, request.user).is_superuser and super().has_change_permission(request, obj))


def _record(event: PortalEvent, request: HttpRequest, obj: User | Group) -> None:
    facts: dict[str, Any] = {"account": obj.pk, "name": str(obj)}
    if isinstance(obj, User):
        facts |= {
            "active": obj.is_active,
            "staff": obj.is_staff,
            "superuser": obj.is_superuser,
            "groups": sorted(obj.groups.values_list("name", flat=True)),
            "rights": sorted(obj.user_permissions.values_list("codename", flat=True)),
        }
    else:
        facts["rights"] = sorted(obj.permissions.values_list("codename", flat=True))
    ledger.record(event=event, actor=cast(User, request.user), subject=obj, scope="portal", facts=facts)
