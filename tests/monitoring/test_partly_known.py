"""Records, cards and pages where only a part is known, or became known late: none of them says that all is well."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from approvals import revalidating, workflow
from approvals.models import ModelVersion
from approvals.stages import Role
from modelcards.content import monitored
from monitoring import overview, overview_page, panels, record_pages, records
from monitoring.models import Monitor
from portal.errors import Refused
from tests.cast import SAFE
from tests.monitoring.test_never_calm_unknown import WARNING, deliver, say
from tests.monitoring.test_unanswered import ALERT, CALM, CRITICAL, DRIFT, PERFORMANCE, SILENT, WAITING

BACKEND = "django.contrib.auth.backends.ModelBackend"
PASS = {"revalidation": {"gates": ["validation"]}}


def ago(days):
    return timezone.now().date() - timedelta(days=days)


def page(client, name, *args):
    return client.get(reverse(f"admin:monitoring_monitor_{name}", args=args)).content.decode()


def test_the_overview_is_green_only_where_everything_is_known(client, cast, deploy):
    version, row = deploy([{**DRIFT, "clears_after": 2}]), Monitor.objects.get()

    def headline():
        return re.search(r"verdict-panel (\w*)\" aria-labelledby.*?>(.*?)</h2>", page(client, "overview"))[0]

    client.force_login(cast.owner, backend=BACKEND)
    for said, tone, words, level, alarm in (
        (SILENT, "unknown", "No alarm among 1 deployed version; of 1 not everything is known", "unknown", "not known"),
        (CALM, "ok", "No alarm among 1 deployed version", "calm", "none"),
        (WARNING, "warn", "No alarm among 1 deployed version; 1 with a warning", "warn", "Warning since"),
        (ALERT, "bad", "1 of 1 in alarm or suspended", "alert", "Alert since"),
        (SILENT, "bad", "1 of 1 in alarm or suspended; of 1 not everything is known", "alert", "Alert since"),
    ):
        batch = deliver(cast, version, ago(60 - 7 * version.batches.count()))
        say(batch, "feature_drift", said)
        found = headline()
        assert f"verdict-panel {tone}" in found
        assert f">{words}</h2>" in found
        assert page(client, "overview_csv").splitlines()[1].split(",")[4] == level
        assert f"<dt>Alarm</dt><dd>{alarm}" in page(client, "change", row.pk)
    assert panels.monitor_line(row).state == "Alert stands", "a window that says nothing hides no alarm"
    say(deliver(cast, version, ago(20)), "feature_drift", WARNING)
    assert panels.monitor_line(row).state == "Alert stands", "a milder one does not, either"
    answer = reverse("admin:monitoring_monitor_note", args=[row.pk, "acknowledged"])
    assert answer in page(client, "overview")
    client.force_login(cast.auditor, backend=BACKEND)
    assert answer not in page(client, "overview")


@pytest.mark.both_engines
def test_a_window_whose_outcomes_are_overdue_or_that_is_not_read_is_not_shown_as_calm(cast, deploy):
    version = deploy([DRIFT, PERFORMANCE])
    for first, said in ((ago(100), WAITING), (ago(20), WAITING), (ago(8), None)):
        batch = deliver(cast, version, first)
        say(batch, "feature_drift", CALM)
        if said is not None:
            say(batch, "performance", said)
    lines = overview.deployed_lines(cast.auditor, now=timezone.now())
    (row,) = overview_page.rows_of(lines, cast.auditor, now=timezone.now())
    assert [window.words.partition(": ")[2] for window in row.recent] == [
        "not everything known",
        "within limits, outcomes are waited for",
        "not everything known",
    ]


def test_a_month_with_a_window_without_an_answer_is_no_calm_month(cast, deploy):
    version, start = deploy([DRIFT]), datetime(2026, 9, 1, tzinfo=UTC)
    for month, said in ((9, CALM), (10, SILENT), (11, ALERT)):
        say(deliver(cast, version, date(2026, month, 1)), "feature_drift", CALM)
        say(deliver(cast, version, date(2026, month, 8)), "feature_drift", said)
    say(deliver(cast, version, date(2026, 11, 15)), "feature_drift", SILENT)
    record = records.document(version, since=start, now=timezone.now())
    (drift,) = record["monitors"]
    assert [one["level"] for one in drift["months"][:3]] == ["within limits", "not everything known", "alert"]
    cell = record_pages._cell(drift, "2026-10", ())
    assert (cell.word, cell.tone, cell.hint) == ("Not everything known", "unknown", "1 not computable, 1 ok")


def test_a_record_has_what_came_late_of_windows_before_it(cast, deploy):
    version = deploy([DRIFT, PERFORMANCE], rules=PASS)
    early = deliver(cast, version, ago(60))
    say(early, "feature_drift", CALM)
    revalidating.ask(version_id=version.pk, actor=cast.owner, reason=SAFE)
    revalidating.renew(version_id=version.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)
    version = ModelVersion.objects.get(pk=version.pk)
    say(deliver(cast, version, ago(50)), "feature_drift", CRITICAL)
    say(deliver(cast, version, ago(40)), "feature_drift", CALM)
    record = records.document(version, since=records.begins(version), now=timezone.now())
    assert [(one["on"], one["level"]) for one in record["alarms"]] == [
        (str(ago(44)), "critical"),
        (str(ago(34)), "within limits"),
    ]
    assert len(record["batches"]) == 2
    levels = {one["month"]: one["level"] for one in record["monitors"][0]["months"]}
    assert levels[f"{ago(44):%Y-%m}"] == "critical"
    assert early.name not in [one["name"] for one in record["batches"]], "the earlier record has it"


@pytest.mark.both_engines
def test_what_happened_between_the_record_and_the_renewal_is_in_the_next_record(cast, deploy):
    version = deploy([DRIFT], rules=PASS)
    say(deliver(cast, version, ago(60)), "feature_drift", CALM)
    revalidating.ask(version_id=version.pk, actor=cast.owner, reason=SAFE)
    made = timezone.now()
    for first, said in ((40, CRITICAL), (30, CALM)):
        say(deliver(cast, version, ago(first)), "feature_drift", said)
    late = deliver(cast, version, ago(20))
    revalidating.renew(version_id=version.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)
    say(late, "feature_drift", WARNING)
    version = ModelVersion.objects.get(pk=version.pk)
    assert records.begins(version) <= made
    record = records.document(version, since=records.begins(version), now=timezone.now())
    assert [one["level"] for one in record["alarms"]] == ["critical", "within limits", "warning"]
    assert len(record["batches"]) == 3


def test_no_approval_is_renewed_on_a_record_that_says_more_than_is_known(cast, deploy):
    version = deploy([DRIFT], rules=PASS)
    say(deliver(cast, version, ago(60)), "feature_drift", CALM)
    revalidating.ask(version_id=version.pk, actor=cast.owner, reason=SAFE)
    say(deliver(cast, version, ago(30)), "feature_drift", SILENT)
    renewing = {"version_id": version.pk, "actor": cast.signers[Role.RISK_OFFICER], "reason": SAFE}
    with pytest.raises(Refused, match="tells more than is known now: Feature drift gave no answer on the newest"):
        revalidating.renew(**renewing)
    records.make_anew(version_id=version.pk, actor=cast.owner)
    revalidating.renew(**renewing)


def test_a_card_does_not_say_that_no_batch_was_overdue_where_nobody_looked():
    clock = {"reads": "the clock", "title": "Staleness", "alarm": None, "months": [{"month": "2026-03", "readings": 0}]}
    assert monitored._history(clock).alarm == ""
    assert monitored._history({**clock, "alarm": "within limits"}).alarm == "within limits"


def test_what_is_not_known_or_suspended_stands_before_what_is_calm(cast, deploy):
    version = deploy([DRIFT])
    say(deliver(cast, version, ago(8)), "feature_drift", CALM)
    (calm,) = overview.deployed_lines(cast.auditor, now=timezone.now())
    (unknown,) = overview.deployed_lines(cast.auditor, now=timezone.now() + timedelta(days=60))
    workflow.suspend(version_id=version.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)
    (suspended,) = overview.deployed_lines(cast.auditor, now=timezone.now())
    lines = [calm, suspended, unknown]
    assert sorted(lines, key=overview.trouble, reverse=True) == [suspended, unknown, calm]
