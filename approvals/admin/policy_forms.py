"""The form that holds a policy's YAML. It collects; publishing.draft judges."""

from __future__ import annotations

from django import forms

from approvals.admin.forms import ActForm


class PolicyForm(ActForm):
    """A draft."""

    text = forms.CharField(
        label="Policy",
        help_text="YAML with name, title, tier, approval_valid_days and gates. A second person publishes it.",
        widget=forms.Textarea(attrs={"rows": 30, "class": "vLargeTextField", "spellcheck": "false"}),
        strip=False,
    )

    def clean_text(self) -> str:
        """The text with plain line ends: browsers send others, which would change its digest."""
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")
