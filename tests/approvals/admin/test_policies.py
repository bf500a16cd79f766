"""Policies through the web: who reads drafts, who writes, who publishes, and that errors keep what was typed."""

import pytest
from django.urls import reverse

from approvals import publishing
from approvals.models import Policy
from approvals.models.policies import PolicyStatus
from portal.models import LedgerEntry

BACKEND = "django.contrib.auth.backends.ModelBackend"
SCRIPT = "<script>alert(1)</script>"
TEXT = f"""name: credit
title: "{SCRIPT}"
tier: high
approval_valid_days: 365
gates:
  scoping:
    - signoffs: {{role: risk_officer, people: 2}}
monitors: []
"""


def at(name, *args):
    return reverse(f"admin:approvals_policy_{name}", args=args)


@pytest.fixture
def drafted(cast):
    return publishing.draft(actor=cast.author, text=TEXT)


@pytest.mark.parametrize("who", ["outsider", "submitter", "auditor"])
def test_who_neither_writes_nor_publishes_finds_no_draft_and_changes_nothing(client, cast, drafted, who):
    client.force_login(getattr(cast, who), backend=BACKEND)
    entries = LedgerEntry.objects.count()
    assert "credit" not in client.get(at("changelist")).content.decode()
    for address in (at("change", drafted.pk), at("history", drafted.pk), at("edit", drafted.pk)):
        assert client.get(address).status_code in (302, 404)
        assert "credit" not in client.get(address).content.decode()
    assert client.post(at("publish", drafted.pk)).status_code == 404
    assert client.post(at("edit", drafted.pk), {"text": TEXT}).status_code == 404
    assert client.post(at("draft"), {"text": TEXT}).status_code == 403
    assert Policy.objects.get().status == PolicyStatus.DRAFT
    assert LedgerEntry.objects.count() == entries


def test_the_author_cannot_publish_even_with_the_right(client, cast, drafted):
    drafted.author = cast.publisher
    drafted.save()
    client.force_login(cast.publisher, backend=BACKEND)
    assert "a second person does" in client.get(at("change", drafted.pk)).content.decode()
    assert client.post(at("publish", drafted.pk)).status_code == 403
    assert Policy.objects.get().status == PolicyStatus.DRAFT


def test_a_second_person_publishes_and_retires_by_post_only(client, cast, drafted):
    client.force_login(cast.publisher, backend=BACKEND)
    assert client.get(at("publish", drafted.pk)).status_code == 405
    html = client.get(at("change", drafted.pk)).content.decode()
    assert f'name="seen_digest" value="{drafted.digest}"' in html
    unseen = client.post(at("publish", drafted.pk), {"seen_digest": "0" * 64}, follow=True).content.decode()
    assert "rewritten after it was shown" in unseen
    assert client.post(at("publish", drafted.pk), {"seen_digest": drafted.digest}).status_code == 302
    assert Policy.objects.get().number == 1
    assert client.post(at("retire", drafted.pk)).status_code == 302
    assert Policy.objects.get().status == PolicyStatus.RETIRED


def test_all_staff_read_a_published_policy_in_words_and_as_escaped_text(client, cast, drafted):
    publishing.publish(policy_id=drafted.pk, actor=cast.publisher, seen_digest=drafted.digest)
    client.force_login(cast.outsider, backend=BACKEND)
    page = client.get(at("change", drafted.pk)).content.decode()
    assert "risk officer; people: 2" in page
    assert SCRIPT not in page
    assert "&lt;script&gt;" in page
    assert "credit" in client.get(at("changelist")).content.decode()


def test_an_error_is_at_the_field_and_the_text_is_kept(client, cast):
    client.force_login(cast.author, backend=BACKEND)
    answer = client.post(at("draft"), {"text": TEXT.replace("tier: high", "tier: absurd")})
    assert answer.status_code == 200
    assert "tier" in answer.context["form"].errors["text"][0]
    assert "tier: absurd" in answer.content.decode()
    assert not Policy.objects.exists()


def test_the_line_ends_of_browsers_do_not_change_the_digest(client, cast, drafted):
    client.force_login(cast.author, backend=BACKEND)
    assert client.post(at("edit", drafted.pk), {"text": TEXT.replace("\n", "\r\n")}).status_code == 302
    assert Policy.objects.get().digest == drafted.digest
