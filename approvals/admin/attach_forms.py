"""The form that attaches evidence: a file, or, where the person may refer to tables elsewhere, the place of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from approvals import files
from approvals.admin.forms import AttachForm, AttachTableForm
from approvals.listing import Asked


class ReferToTableForm(AttachTableForm):
    """A table as a file, or where it lies: exactly one of both."""

    place = forms.ChoiceField(
        label="Or refer to a table instead of uploading it",
        help_text="The table stays where it is and is measured there. What is attached is its list of files with their "
        "SHA-256, or the fingerprint of its rows; each run compares it first. Every byte is read now, which takes "
        "about a second for each gigabyte.",
        required=False,
    )
    table = forms.CharField(
        label="Which table",
        help_text="Of a folder: a file, a folder or a pattern such as 2026/**/*.parquet. Of a connection: schema.table",
        required=False,
        max_length=1000,
    )

    def __init__(self, *args: Any, places: Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].required = False
        self.fields["place"].choices = [  # type: ignore[attr-defined]
            ("", "No, I upload a file"),
            *((f"{what}:{name}", f"{what.capitalize()} “{name}”") for what, names in places.items() for name in names),
        ]
        self.order_fields(["file", "place", "table"])

    def clean(self) -> dict[str, Any]:
        """One of both."""
        given = self.cleaned_data
        if "file" in self.errors or "place" in self.errors:
            return given
        if bool(given.get("file")) == bool(given.get("place")):
            self.add_error("file", "Choose a file, or say where the table lies: one of both.")
        elif given.get("place") and not given.get("table", "").strip():
            self.add_error("table", "Say which table is meant.")
        return given

    @property
    def asked(self) -> Asked | None:
        """The table that is referred to, if one is."""
        what, _, name = str(self.cleaned_data["place"]).partition(":")
        return Asked(what, name, self.cleaned_data["table"].strip()) if what else None


def attach_form(kind: str, places: Mapping[str, Sequence[str]], *args: Any, **kwargs: Any) -> AttachForm:
    """The form for one kind of evidence; `places` are those that the person may refer to."""
    if kind not in files.TABLE_KINDS:
        return AttachForm(*args, **kwargs)
    if not any(places.values()):
        return AttachTableForm(*args, **kwargs)
    return ReferToTableForm(*args, places=places, **kwargs)
