"""Outcomes from a relation of a connection: who declares it, what is refused, what is told when none can be taken."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from approvals import evidence, revalidating
from approvals.models import EvidenceKind
from approvals.stages import Role
from modelcards.content import monitored
from monitoring import outcome_sources
from monitoring.models import OutcomeDelivery, OutcomeSource
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from portal.table_places import TablePlace
from tests.cast import TABLE
from tests.monitoring.deliveries import WAITING, as_csv, match, report, rows_of
from tests.monitoring.deployed_once import cast
from tests.refusing_server import refusing

__all__ = ["cast"]

BACKEND = "django.contrib.auth.backends.ModelBackend"
NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)


@pytest.fixture
def plan():
    return {"monitors": WAITING}


@pytest.fixture
def version(opened, settings):
    settings.TABLE_CONNECTIONS = {"warehouse": TablePlace("postgresql://reader:topsecret@127.0.0.1:1/db")}
    return opened[1]


def declare(cast, version, *, by=None, **changes):
    given = {"connection": "warehouse", "relation": "public.defaults", "schedule": "daily", "now": NOW, **changes}
    return outcome_sources.declare(version_id=version.pk, actor=by or cast.submitter, **given)


def test_only_who_delivers_outcomes_and_may_use_the_connection_declares_corrects_and_ends(cast, version, settings):
    source = declare(cast, version)
    for user in (cast.outsider, cast.auditor, cast.superuser):
        with pytest.raises(NotPermitted):
            declare(cast, version, by=user, relation="public.other")
        with pytest.raises(NotPermitted):
            outcome_sources.correct(source_id=source.pk, actor=user, reason="Codes were swapped.")
        with pytest.raises(NotPermitted):
            outcome_sources.end(source_id=source.pk, actor=user)
    settings.TABLE_CONNECTIONS = {"warehouse": TablePlace("postgresql://h/db", groups=("others",))}
    with pytest.raises(NotPermitted, match="There is no connection “warehouse”"):
        declare(cast, version, relation="public.other")
    with pytest.raises(NotPermitted, match="There is no connection “warehouse”"):
        outcome_sources.correct(source_id=source.pk, actor=cast.submitter, reason="Codes were swapped.")
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 11
    assert OutcomeSource.objects.filter(correction="", ended_at=None).count() == 1


def test_what_is_no_relation_is_a_sentence_and_one_is_one_source_that_ends_once(cast, version):
    for changes, why in (
        ({"relation": "defaults; DROP TABLE x"}, "must be schema.table"),
        ({"relation": "public.a\x00b"}, "cannot be stored|character|printed"),
        ({"schedule": "hourly"}, "how often outcomes are taken"),
    ):
        with pytest.raises(BadInput, match=why):
            declare(cast, version, **changes)
    source = declare(cast, version)
    with pytest.raises(BadInput, match="taken from this relation already"):
        declare(cast, version)
    with pytest.raises(BadInput, match="why outcomes are corrected"):
        outcome_sources.correct(source_id=source.pk, actor=cast.submitter, reason="short")
    outcome_sources.end(source_id=source.pk, actor=cast.submitter)
    with pytest.raises(Refused, match="ended already"):
        outcome_sources.end(source_id=source.pk, actor=cast.submitter)
    assert outcome_sources.take(now=NOW) == 0
    source.refresh_from_db()
    assert source.tried_at is None


@pytest.mark.parametrize(
    "plan", [{"monitors": WAITING, "columns": {name: value for name, value in TABLE.items() if name != "key"}}]
)
def test_without_a_key_at_approval_there_is_no_source(cast, version):
    with pytest.raises(Refused, match="No key column was declared"):
        declare(cast, version)


def test_a_relation_that_does_not_answer_is_told_once_tried_again_and_gives_nothing_away(client, cast, version):
    source = declare(cast, version)
    waiting = report(cast, version, as_csv(rows_of("a"), "id", "y_true"))
    assert outcome_sources.take(now=NOW) == 0
    source.refresh_from_db()
    assert source.tried_at is None, "what was delivered before is matched first"
    match(waiting)
    for hours in (0, 0.5, 2):
        assert outcome_sources.take(now=NOW + timedelta(hours=hours)) == 0
    source.refresh_from_db()
    assert source.sentence == "The connection “warehouse” does not answer; tell an administrator."
    assert (source.tried_at, source.taken_on) == (NOW + timedelta(hours=2), None)
    told = Notification.objects.filter(event="monitoring.outcome_source.refused")
    assert {row.user for row in told} == {cast.owner, cast.submitter}
    assert told.count() == 2
    assert not LedgerEntry.objects.filter(payload__icontains="topsecret").exists()
    assert OutcomeDelivery.objects.count() == 1
    client.force_login(cast.submitter, backend=BACKEND)
    page = client.get(reverse("admin:monitoring_outcomedelivery_version", args=[version.pk])).content.decode()
    assert "Taken from public.defaults of warehouse" in page
    assert source.sentence in page


def test_a_relation_whose_account_is_refused_is_tried_ever_less_often_and_now_where_a_person_asks(
    client, cast, version, settings
):
    with refusing() as server:
        place = TablePlace(f"postgresql://reader:topsecret@127.0.0.1:{server.port}/db")
        settings.TABLE_CONNECTIONS = {"warehouse": place}
        source, asked = declare(cast, version), []
        for hours in (0, 1.1, 2.2, 3.2):
            outcome_sources.take(now=NOW + timedelta(hours=hours))
            asked.append(server.asked)
        assert asked == [1, 2, 2, 3]
        client.force_login(cast.submitter, backend=BACKEND)
        url = reverse("admin:monitoring_outcomedelivery_version", args=[version.pk])
        assert "Tried again from 10 Apr 2026, 19:12 UTC on." in client.get(url).content.decode()
        of_version = client.get(reverse("admin:monitoring_monitor_version", args=[version.pk])).content.decode()
        assert "See why no outcomes are taken from public.defaults of warehouse." in of_version
        again = reverse("admin:monitoring_outcomedelivery_source_again", args=[source.pk])
        client.post(again)
        outcome_sources.take(now=NOW + timedelta(hours=3.3))
        assert server.asked == 4
    settings.TABLE_CONNECTIONS = {"warehouse": TablePlace("postgresql://reader:topsecret@127.0.0.1:1/db")}
    outcome_sources.take(now=NOW + timedelta(hours=5))
    source.refresh_from_db()
    assert (source.denials, "does not answer" in source.sentence) == (0, True)
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.post(again).status_code == 404
    with pytest.raises(NotPermitted):
        outcome_sources.try_again(source_id=source.pk, actor=cast.auditor)


def test_the_record_and_the_card_name_the_sources_of_outcomes_and_how_it_went(cast, version):
    began = timezone.now() - timedelta(hours=2)
    early = declare(cast, version, relation="public.early", now=began)
    outcome_sources.end(source_id=early.pk, actor=cast.submitter)
    source = declare(cast, version, now=began)
    outcome_sources.take(now=began + timedelta(hours=1))
    source.refresh_from_db()
    officer = cast.signers[Role.RISK_OFFICER]
    revalidating.ask(version_id=version.pk, actor=officer, reason="Looked at before the season.")
    made = evidence.current(version, EvidenceKind.MONITORING_RECORD)
    ended, told = json.loads(made.file.path.read_text())["outcome_sources"]
    assert (ended["relation"], ended["ended_at"][:10]) == ("public.early", f"{timezone.now():%Y-%m-%d}")
    names = ("relation", "connection", "schedule", "taken_on", "not_taken", "ended_at")
    why = "The connection “warehouse” does not answer; tell an administrator."
    assert [told[name] for name in names] == ["public.defaults", "warehouse", "daily", None, why, None]
    first, second = monitored.record(made).notes[-2:]
    assert "taken daily from public.early of the connection warehouse, ended on" in first
    assert second.endswith(f"of the connection warehouse. None were taken so far. Nothing is taken now: {why}")


def test_of_whoever_lost_the_right_to_deliver_no_relation_is_asked(cast, version):
    source = declare(cast, version)
    cast.submitter.is_active = False
    cast.submitter.save()
    assert outcome_sources.take(now=NOW) == 0
    source.refresh_from_db()
    assert source.sentence == "Only a submitter, the owner or IT operations of this model deliver its batches."
    told = Notification.objects.filter(event="monitoring.outcome_source.refused")
    assert [row.user for row in told] == [cast.owner]


def test_the_forms_declare_correct_and_end(client, cast, version):
    client.force_login(cast.submitter, backend=BACKEND)

    def url(name, key):
        return reverse(f"admin:monitoring_outcomedelivery_source_{name}", args=[key])

    form = {"connection": "warehouse", "relation": "<b>x</b>", "schedule": "daily"}
    assert "must be schema.table" in client.post(url("declare", version.pk), form).content.decode()
    client.post(url("declare", version.pk), {**form, "relation": "public.defaults"})
    source = OutcomeSource.objects.get()
    assert "at least 10 characters" in client.post(url("correct", source.pk), {"reason": "x"}).content.decode()
    client.post(url("correct", source.pk), {"reason": "The codes were swapped."})
    source.refresh_from_db()
    assert (source.correction, source.corrected_by) == ("The codes were swapped.", cast.submitter)
    client.post(url("end", source.pk))
    source.refresh_from_db()
    assert source.ended_at
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.post(url("correct", source.pk), {"reason": "The codes were swapped."}).status_code == 404
