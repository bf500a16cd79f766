"""Every address of the portal against every kind of person; the addresses come from the URL map itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from approvals import (
    checking,
    delegations,
    evidence,
    findings,
    permissions,
    restricting,
    running,
    tier_assessment,
    waivers,
    workflow,
)
from approvals.models import Delegation, ModelVersion, TierOverride, Waiver
from approvals.stages import Role
from approvals.waivable import waivable
from modelcards import exporters, issuing
from modelcards.models import ModelCard
from portal.models import LedgerEntry
from tests.cast import TABLE, person, tiny_table

NAME = "Zebra scoring of households"
BACKEND = "django.contrib.auth.backends.ModelBackend"
OPEN = {"healthz", "admin:login", "admin:logout"}
"""Addresses that answer without signing in."""
PROGRAMS = "api:"
"""Addresses for programs: without a token, which no browser sends, they answer nobody; tests/monitoring/test_api.py."""
OWN_ACCOUNT = {"admin:password_change", "admin:password_change_done", "admin:jsi18n", "admin:index"}
GATES = {
    "scoping": [
        {"evidence": {"kind": "artifact"}},
        {"answers": {"section": "use"}},
        {"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.999}}},
        {"mitigations": {"check": "performance"}},
        {"signoffs": {"role": "business_analyst"}},
    ]
}


RULE = {"roles": ["risk_officer", "compliance_officer"], "longest_days": 90}


@dataclass(frozen=True)
class Address:
    """One pattern of the URL map with the values that fill it."""

    name: str
    path: str


def _patterns(found: URLResolver | None = None, space: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in (found or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from _patterns(entry, inner)
        else:
            yield space, entry


@pytest.fixture
def world(cast):
    """One model with everything hanging on it, so that each address has something to show or to hide."""
    cast.publish(GATES, questionnaires={"use": [{"key": "who", "text": "Who uses it?"}]}, waivers=RULE)
    version = cast.version(cast.model(NAME))
    cast.artifact(version)
    cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    evidence.record_answers(version_id=version.pk, actor=cast.submitter, section="use", answers={"who": "Officers."})
    run = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    running.execute(run.pk)
    run.refresh_from_db()
    findings.record_mitigation(
        run_id=run.pk,
        measure=str(run.reading["failed_measures"][0]["name"]),
        plan="Collect more data of the kind that is missing.",
        owner=cast.owner,
        due_on=date(2099, 1, 1),
        actor=cast.submitter,
    )
    findings.open_finding(
        version_id=version.pk,
        actor=cast.signers[Role.MODEL_VALIDATOR],
        severity=3,
        title=f"A gap in {NAME}",
        description="",
        owner=cast.owner,
        due_on=date(2099, 1, 1),
    )
    workflow.comment(version_id=version.pk, actor=cast.submitter, text=f"About {NAME}.")
    cast.sign(version, Role.BUSINESS_ANALYST)
    _exceptions(cast, version)
    issuing.request_draft(version_id=version.pk, actor=cast.submitter)
    Group.objects.create(name="Some group")
    return version


def _exceptions(cast, version):
    """An exception, a delegation and an override that wait for somebody."""
    why = f"Because {NAME} is new and watched by people."
    waivers.ask(
        version_id=version.pk,
        actor=cast.submitter,
        key=waivable(version)[0].key,
        reason=why,
        meanwhile=why,
        expires_on=timezone.now().date() + timedelta(days=9),
    )
    with transaction.atomic():
        restricting.impose(version, text=f"No use of {NAME}.", reason=why, source_reference="x", now=timezone.now())
    delegations.delegate(
        model_id=version.model_id,
        actor=cast.signers[Role.BUSINESS_ANALYST],
        role=Role.BUSINESS_ANALYST,
        to=cast.signers[Role.SECURITY_OFFICER],
        starts_on=timezone.now().date(),
        ends_on=timezone.now().date(),
        reason=why,
    )
    tier_assessment.ask_override(model_id=version.model_id, actor=cast.submitter, tier="low", reason=why)


def _values(version: ModelVersion) -> dict[str, object]:
    return {
        "version_id": version.pk,
        "stage": "scoping",
        "role": "business_analyst",
        "kind": "artifact",
        "section": "use",
        "check": "performance",
        "finding_id": version.findings.get().pk,
        "item": "endpoint_off",
        "restriction_id": version.restrictions.get().pk,
        "run_id": version.check_runs.get().pk,
        "model_id": version.model_id,
        "policy_id": version.policy_id,
        "framework": "sr_26_2",
        "waiver_id": Waiver.objects.get().pk,
        "delegation_id": Delegation.objects.get().pk,
        "override_id": TierOverride.objects.get().pk,
        "batch_id": 1,
        "delivery_id": 1,
        "source_id": 1,
        "token_id": 1,
        "reading_id": 1,
        "card_id": ModelCard.objects.get(version=version).pk,
        "exporter": "json",
        "what": "key",
        "evidence_id": version.evidence.order_by("pk").first().pk,
        "app_label": "approvals",
        "content_type_id": 1,
    }


def _addresses(version: ModelVersion) -> list[Address]:
    values, found = _values(version), []
    for space, pattern in _patterns():
        if pattern.name is None:
            continue  # the catch-all and the old change address, which only redirect
        name = f"{space}{pattern.name}"
        given = {key: values[key] for key in pattern.pattern.converters if key in values}
        missing = set(pattern.pattern.converters) - set(given)
        if "act" in missing:
            acts = ("close", "accept") if "finding_id" in pattern.pattern.converters else ("advance", "withdraw")
            found += [Address(name, reverse(name, kwargs={**given, "act": act})) for act in acts]
            continue
        if "exporter" in given:
            formats = exporters.load()
            found += [Address(name, reverse(name, kwargs={**given, "exporter": key})) for key in formats]
            continue
        if missing:
            row = _row_of(pattern.name)
            if row is None:
                continue
            given.update(dict.fromkeys(missing, row))
        if name == "admin:app_list":
            found.append(Address(name, reverse(name, args=["approvals"])))
            continue
        found.append(Address(name, reverse(name, kwargs=given)))
    return found


def _row_of(name: str) -> Any:
    """The key of a row of the table that the address is about; None only for tables that hold nothing here."""
    for model in apps.get_models():
        prefix = f"{model._meta.app_label}_{model._meta.model_name}_"
        if name.startswith(prefix):
            row = model._default_manager.order_by("-pk").first()
            return None if row is None else row.pk
    pytest.fail(f"The matrix does not know what to put into the address {name}.")


def _text(answer: Any) -> str:
    """What an answer says; a stream is read to its end, which closes it."""
    found = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return found.decode(errors="replace")


def _everything() -> dict[str, int]:
    """How many rows each table holds, without sessions, log-ins and the ledger's own refusals."""
    ignored = {"sessions.session", "axes.accesslog", "axes.accessattempt", "axes.accessfailurelog"}
    counts = {
        m._meta.label_lower: m._default_manager.count() for m in apps.get_models() if m._meta.label_lower not in ignored
    }
    refusals = LedgerEntry.objects.filter(event__endswith="refused").count()
    counts["portal.ledgerentry"] -= refusals
    return counts


def test_g34_nobody_gets_in_without_signing_in(client, world):
    for address in _addresses(world):
        if address.name in OPEN:
            continue
        for answer in (client.get(address.path), client.post(address.path)):
            assert answer.status_code in ((401, 404, 405) if address.name.startswith(PROGRAMS) else (302, 405)), address
            if answer.status_code == 302:
                assert "/login/" in answer["Location"], address


def test_g34_an_account_that_is_no_staff_gets_nowhere(client, world):
    visitor = User.objects.create_user("visitor", password=uuid.uuid4().hex)
    client.force_login(visitor, backend=BACKEND)
    for address in _addresses(world):
        if address.name in OPEN | OWN_ACCOUNT:
            continue
        assert client.get(address.path).status_code in (302, 401, 403, 404, 405), address


def test_g34_staff_without_a_right_see_nothing_of_a_model_and_change_nothing(client, cast, world):
    client.force_login(cast.outsider, backend=BACKEND)
    before = _everything()
    for address in _addresses(world):
        if address.name in OPEN | {"admin:password_change"}:
            continue
        seen = client.get(address.path)
        assert seen.status_code in (200, 302, 401, 403, 404, 405), address
        assert NAME not in _text(seen), address
        sent = client.post(address.path)
        assert sent.status_code in (200, 302, 401, 403, 404, 405), address
        assert NAME not in _text(sent), address
        client.force_login(cast.outsider, backend=BACKEND)
    assert _everything() == before


@pytest.mark.parametrize("who", ["auditor", "superuser", "owner", "submitter"])
def test_g34_nobody_meets_a_crash_and_an_auditor_changes_nothing(client, cast, world, who):
    user = getattr(cast, who)
    client.force_login(user, backend=BACKEND)
    before = _everything()
    for address in _addresses(world):
        if address.name in OPEN:
            continue
        answer = client.get(address.path)
        assert answer.status_code in (200, 286, 302, 401, 403, 404, 405), (address, answer.status_code)
        _text(answer)
    assert _everything().items() >= {key: n for key, n in before.items() if key != "portal.ledgerentry"}.items()
    if who != "auditor":
        return
    for address in _addresses(world):
        if address.name in OPEN | {"admin:password_change"}:
            continue
        assert client.post(address.path).status_code in (200, 302, 401, 403, 404, 405), address
    changed = {key for key, n in _everything().items() if n != before[key]}
    assert changed <= {"portal.ledgerentry", "portal.notification", "modelcards.modelcard"}


def test_a_signer_of_another_model_is_an_outsider_here(client, cast, world):
    stranger = person("stranger", "Stan Stranger")
    other = cast.model("Another model")
    permissions.grant(actor=cast.superuser, codename="sign_off_as_business_analyst", to=stranger, model=other)
    client.force_login(stranger, backend=BACKEND)
    for address in _addresses(world):
        if address.name in OPEN | {"admin:password_change"}:
            continue
        assert NAME not in _text(client.get(address.path)), address
