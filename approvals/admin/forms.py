"""Forms of the version page. They collect text; every rule is in the use cases, whose errors land at the field."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone

from approvals import permissions
from approvals.checks._evaluation import BINARY, MULTICLASS, REGRESSION
from approvals.models import ModelVersion, RegisteredModel
from approvals.models.findings import Severity
from approvals.models.revalidations import pass_under_way
from approvals.models.signoffs import SignOffDecision
from approvals.plain_yaml import plain_yaml
from approvals.signing_off import Condition
from approvals.stages import REVIEW_STAGES, Role, Stage
from portal import ledger
from portal.errors import BadInput, DomainError

CONDITIONS = 3


class ActForm(forms.Form):
    """A form whose use case may refuse; `refuse` puts the sentence where it was caused."""

    required_css_class = "required"

    def refuse(self, error: DomainError) -> None:
        """Show a refusal at its field, or above the form."""
        field = getattr(error, "field", None) if isinstance(error, BadInput) else None
        self.add_error(field if field in self.fields else None, error.sentence)


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]  # takes no parameter at run time
    """One of the active people who may see a model, by name."""

    def label_from_instance(self, obj: Any) -> str:
        """Full name with user name."""
        return f"{ledger.printed_name(obj)} ({obj.get_username()})"


def people_of(model: RegisteredModel) -> Any:
    """Active people with any right on the model, and its owner."""
    ids = {model.owner_id}
    for codename in permissions.GRANTABLE:
        ids.update(permissions.people_with(codename, model).values_list("pk", flat=True))
    return User.objects.filter(pk__in=ids, is_active=True).order_by("first_name", "last_name", "username")


def date_field(label: str, help_text: str = "", *, required: bool = True) -> forms.DateField:
    """A day, chosen with the browser's own calendar."""
    widget = forms.DateInput(attrs={"type": "date"})
    return forms.DateField(label=label, help_text=help_text, required=required, widget=widget)


def long_text(label: str, help_text: str = "", *, rows: int = 5, required: bool = True) -> forms.CharField:
    """Several lines of text."""
    widget = forms.Textarea(attrs={"rows": rows, "class": "vLargeTextField"})
    return forms.CharField(label=label, help_text=help_text, widget=widget, required=required)


def password_field() -> forms.CharField:
    """The password as a signature."""
    return forms.CharField(
        label="Your password",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Your password is your signature. A wrong one signs nothing.",
        strip=False,
    )


def code_field() -> forms.CharField:
    """The code of the signer's device; forms take it away for whoever has none, or is in a series of signings."""
    return forms.CharField(
        label="One-time code",
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
        help_text="Six digits that your device shows now. In a series of signings it counts for ten minutes.",
    )


class ReasonForm(ActForm):
    """Why a version is moved."""

    reason = long_text("Reason", "At least 10 characters. Recorded in the ledger and shown to everybody concerned.")


class AdvanceForm(ActForm):
    """Nothing to say, except what becomes of a version that is deployed already."""

    def __init__(self, *args: Any, incumbents: tuple[ModelVersion, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if incumbents:
            names = ", ".join(version.number for version in incumbents)
            self.fields["incumbent_plan"] = forms.ChoiceField(
                label=f"Version {names} is deployed now",
                choices=[("replaced", "It is retired: this version replaces it"), ("kept", "It stays beside this one")],
                widget=forms.RadioSelect,
            )


class SignForm(ActForm):
    """A signature: decision, reason, conditions, meaning, password."""

    decision = forms.ChoiceField(label="Decision", choices=SignOffDecision.choices, widget=forms.RadioSelect)
    to = forms.ChoiceField(label="Send back to", required=False, help_text="Only when you ask for changes.")
    comment = long_text(
        "Reason", "Printed on the model card, cannot be edited later. Say what you relied on (at least 10 characters)."
    )
    meaning = forms.BooleanField(label="")
    password = password_field()
    code = code_field()
    seen_digest = forms.CharField(widget=forms.HiddenInput)
    idempotency_key = forms.CharField(widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, version: ModelVersion, stage: Stage, role: Role, asks_code: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if not asks_code:
            del self.fields["code"]
        here = Stage(version.stage)
        earlier = REVIEW_STAGES[: REVIEW_STAGES.index(here)] if here in REVIEW_STAGES else ()
        under_way = pass_under_way(version)
        asked_here = stage == here or (under_way is not None and stage in under_way.stages)
        if not asked_here:
            self.fields["decision"].choices = SignOffDecision.choices[:2]  # type: ignore[attr-defined]
        if earlier and asked_here:
            self.fields["to"].choices = [("", "–"), *((s.value, s.label) for s in earlier)]  # type: ignore[attr-defined]
        else:
            del self.fields["to"]
        self.fields["meaning"].label = f"I sign as {role.in_words} with the meaning shown beside my decision."
        for number in range(1, CONDITIONS + 1):
            self.fields[f"condition_{number}"] = forms.CharField(label=f"Condition {number}", required=False)
            owner = PersonField(people_of(version.model), label="Owner", required=False)
            self.fields[f"condition_{number}_owner"] = owner
            due = date_field("Due")
            due.required = False
            self.fields[f"condition_{number}_due"] = due

    @staticmethod
    def shown(digest: str, *, typed: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a freshly shown form starts with: the digest on the screen, a key of its own, and what was typed before.

        Neither the password nor the tick beside the meaning is kept: both belong to what was on the screen then.
        """
        kept = {name: text for name, text in (typed or {}).items() if name not in ("password", "code", "meaning")}
        return {**kept, "seen_digest": digest, "idempotency_key": uuid.uuid4().hex}

    def condition_rows(self) -> list[tuple[Any, Any, Any]]:
        """Bound fields of the conditions, one row each."""
        return [
            (self[f"condition_{n}"], self[f"condition_{n}_owner"], self[f"condition_{n}_due"])
            for n in range(1, CONDITIONS + 1)
        ]

    def has_conditions(self) -> bool:
        """Whether anything was typed or is wrong there, so that it is not folded away."""
        return any(field.value() or field.errors for row in self.condition_rows() for field in row)

    def conditions(self) -> tuple[Condition, ...]:
        """The conditions that were filled in. Raises BadInput for half a condition."""
        found = []
        for n in range(1, CONDITIONS + 1):
            text, owner, due = (self.cleaned_data.get(f"condition_{n}{part}") for part in ("", "_owner", "_due"))
            if not (text or owner or due):
                continue
            if not text:
                raise BadInput("Say what has to be done.", field=f"condition_{n}")
            if owner is None or due is None:
                raise BadInput("A condition needs an owner and a due date.", field=f"condition_{n}")
            if due <= timezone.now().date():
                raise BadInput("The due date must lie in the future.", field=f"condition_{n}_due")
            found.append(Condition(text, owner, due))
        return tuple(found)


class AttachForm(ActForm):
    """A file."""

    file = forms.FileField(label="File", allow_empty_file=True)

    def details(self) -> dict[str, Any]:
        """What is declared about the file."""
        return {}


class AttachTableForm(AttachForm):
    """A table with what its columns are. An empty name is not declared."""

    kind = forms.ChoiceField(
        label="What is predicted",
        choices=[
            (BINARY, "One of two classes, written 0 and 1"),
            (MULTICLASS, "One of several classes"),
            (REGRESSION, "A number"),
        ],
        initial=BINARY,
        help_text="It decides what is measured, and which of the fields below mean something.",
        required=False,
    )
    label = forms.CharField(
        label="Outcome column",
        help_text="What was observed: 0 or 1; of several classes the name; or the number.",
        required=False,
    )
    prediction = forms.CharField(
        label="Prediction column", help_text="What the model said, written like the outcome.", required=False
    )
    score = forms.CharField(
        label="Score column",
        help_text="The model's probability of 1. Only for two classes; leave it empty otherwise.",
        required=False,
    )
    class_scores = long_text(
        "Score columns of the classes",
        "Only for several classes; leave it empty otherwise. One class per line with the column of its probability, "
        "for example “red wine: p_red”.",
        rows=3,
        required=False,
    )
    key = forms.CharField(label="Key columns", help_text="That name a row, separated by commas.", required=False)
    groups = forms.CharField(
        label="Group columns",
        help_text="For fairness: for example sex, age_group. Separated by commas.",
        required=False,
    )
    features = forms.CharField(label="Feature columns", help_text="Separated by commas.", required=False)
    favourable = forms.TypedChoiceField(
        label="Favourable prediction",
        choices=[("1", "1"), ("0", "0")],
        coerce=int,
        help_text="Which decision is the good one for the person. Only for two classes, and not declared otherwise: "
        "of several classes the policy names it, and of numbers there is none.",
    )
    slices = long_text(
        "Slices",
        "Parts of the rows that are measured by themselves, one per line: a name with columns, and for each a value, a "
        "list, or ends by at_least, above, at_most and below. For example “young women: {sex: female, age: {below: "
        "30}}”.",
        rows=3,
        required=False,
    )
    claims = long_text(
        "Claimed results",
        "One per line, for example “roc_auc: 0.78”. The portal measures them again and says where they differ.",
        rows=4,
        required=False,
    )

    def refuse(self, error: DomainError) -> None:
        """Missing columns are declared below, not in the file."""
        if isinstance(error, BadInput) and error.field == "details":
            self.add_error(None, error.sentence)
            return
        super().refuse(error)

    def clean_claims(self) -> dict[str, float]:
        """Names with numbers."""
        claims: dict[str, float] = {}
        for line in str(self.cleaned_data["claims"]).splitlines():
            name, _, value = line.partition(":")
            if not line.strip():
                continue
            try:
                claims[name.strip()] = float(value)
            except ValueError:
                claims[name.strip()] = math.nan
            if not name.strip() or not math.isfinite(claims[name.strip()]):
                raise forms.ValidationError(f"“{line}” is not a name, a colon and a number.")
        return claims

    def clean_slices(self) -> dict[str, Any]:
        """Slices by name, as a policy writes them; what they mean is judged at the upload."""
        try:
            found = plain_yaml(str(self.cleaned_data["slices"]), what="list of slices")
        except BadInput as error:
            raise forms.ValidationError(error.sentence) from error
        if not isinstance(found, dict | None):
            raise forms.ValidationError("Each line must be a name, a colon and columns with their values in braces.")
        return found or {}

    def clean_class_scores(self) -> dict[str, str]:
        """Classes with columns."""
        columns: dict[str, str] = {}
        for line in str(self.cleaned_data["class_scores"]).splitlines():
            name, _, column = (part.strip() for part in line.partition(":"))
            if not line.strip():
                continue
            if not name or not column:
                raise forms.ValidationError(f"“{line}” is not a class, a colon and a column.")
            if name in columns:
                raise forms.ValidationError(f"The class “{name}” has two lines.")
            columns[name] = column
        return columns

    def details(self) -> dict[str, Any]:
        """What is declared, without what was left empty, and without what goes without saying of two classes."""
        given = self.cleaned_data
        found: dict[str, Any] = {name: given[name] for name in ("label", "prediction", "score") if given[name]}
        for name in ("key", "groups", "features"):
            names = [part.strip() for part in given[name].split(",") if part.strip()]
            if names:
                found[name] = names
        if given["kind"] in ("", BINARY):
            found["favourable"] = given["favourable"]
        else:
            found["kind"] = given["kind"]
        found |= {name: given[name] for name in ("class_scores", "slices", "claims") if given[name]}
        return found


class AnswersForm(ActForm):
    """The questions of one section of the pinned policy."""

    def __init__(self, *args: Any, questions: tuple[Mapping[str, Any], ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for question in questions:
            least = int(question.get("min_length", 0))
            help_text = " ".join(
                part
                for part in (
                    str(question.get("help", "")),
                    f"The gate asks for at least {least} characters." if least else "",
                    "Printed on the model card.",
                )
                if part
            )
            # Never required here: half an answer sheet may be saved, the gate stays closed meanwhile.
            self.fields[str(question["key"])] = long_text(str(question["text"]), help_text, rows=4, required=False)


class CommentForm(ActForm):
    """A contribution to the discussion."""

    text = long_text("Add a comment", "Markdown. It stays in the ledger for good.", rows=3)


class FindingForm(ActForm):
    """A new finding."""

    title = forms.CharField(label="Title", max_length=200, widget=forms.TextInput(attrs={"class": "vTextField"}))
    description = long_text("What is wrong", required=False)
    severity = forms.TypedChoiceField(label="Severity", choices=Severity.choices, coerce=int)
    due_on = date_field("Due")

    def __init__(self, *args: Any, model: RegisteredModel, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"] = PersonField(people_of(model), label="Owner", help_text="Who has to deal with it.")
        self.order_fields(["title", "description", "severity", "owner", "due_on"])


class CloseForm(ActForm):
    """Evidence that a finding is dealt with."""

    evidence = long_text("Evidence", "What shows that it is dealt with (at least 10 characters).")


class AcceptForm(ActForm):
    """Why, and until when, a finding is accepted."""

    reason = long_text("Reason", "At least 10 characters. Printed on the model card.")
    until = date_field("Accepted until", "After this day the gate closes again.")


class MitigationForm(ActForm):
    """What is done about a failed measure."""

    measure = forms.ChoiceField(label="Failed measure")
    plan = long_text("Plan", "What is changed, and why that should help. Printed on the model card.")
    due_on = date_field("Due")

    def __init__(self, *args: Any, model: RegisteredModel, measures: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["measure"].choices = [(name, name) for name in measures]  # type: ignore[attr-defined]
        self.fields["owner"] = PersonField(people_of(model), label="Owner")
        self.order_fields(["measure", "plan", "owner", "due_on"])
