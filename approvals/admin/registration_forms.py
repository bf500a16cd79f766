"""Forms that register models and versions and grant rights. They collect; the rules are in the use cases."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import Group, User

from approvals import permissions
from approvals.admin.forms import ActForm, PersonField, long_text
from approvals.admin.tier_pages import add_questions
from approvals.stages import Role

RIGHTS = {
    permissions.SUBMIT: "Submit versions and evidence",
    permissions.AUDIT: "Audit: read everything, download cards",
    **{permissions.permission_for(role): f"Sign off as {role.in_words}" for role in Role},
}


def staff() -> Any:
    """Active people who can open the portal."""
    return User.objects.filter(is_active=True, is_staff=True).order_by("first_name", "last_name", "username")


class ModelForm(ActForm):
    """A new registered model."""

    name = forms.CharField(label="Name", max_length=120)
    purpose = long_text("Purpose", "What the model decides about whom. Printed on the model card.")
    owner = PersonField(User.objects.none(), label="Owner", help_text="Answers for the model in the business.")
    business_unit = forms.CharField(label="Business unit", max_length=120)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = staff()  # type: ignore[attr-defined]
        add_questions(self)


class VersionForm(ActForm):
    """A new version."""

    number = forms.CharField(label="Number", max_length=40, help_text="Your version number, for example 2.1.0.")
    summary = long_text("Summary", "What is new in this version, in one or two sentences.", rows=3)
    developer = PersonField(User.objects.none(), label="Developer", help_text="Cannot sign off what they developed.")
    code_revision = forms.CharField(
        label="Code revision", max_length=64, required=False, help_text="Commit or digest of the training code."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["developer"].queryset = staff()  # type: ignore[attr-defined]


class GrantForm(ActForm):
    """One right on one model, for a person or for a group."""

    codename = forms.ChoiceField(label="Right", choices=[("", "–"), *RIGHTS.items()])
    person = PersonField(User.objects.none(), label="Person", required=False)
    group = forms.ModelChoiceField(Group.objects.all(), label="or group", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = staff()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Exactly one receiver."""
        given = super().clean() or {}
        if bool(given.get("person")) == bool(given.get("group")):
            raise forms.ValidationError("Choose a person or a group.")
        return given
