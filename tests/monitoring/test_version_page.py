"""The monitoring page of a version: wrong users first, then series, charts, tables and words against the readings."""

import csv
import io
import re
from dataclasses import replace
from datetime import date

import pytest
from django.db import transaction
from django.urls import reverse

from approvals import charts
from approvals.models import Restriction
from monitoring import drawing, version_page
from monitoring.alarms import Level
from monitoring.kept_histories import history_for_page
from monitoring.models import Monitor, Picture, Reading
from monitoring.series import by_feature
from monitoring.timelines import history_of
from portal.models import LedgerEntry
from tests.cast import make_cast
from tests.databases import database_of_its_own
from tests.monitoring import histories
from tests.monitoring.histories import APRIL, JANUARY, MARCH, PSI

BACKEND = "django.contrib.auth.backends.ModelBackend"
TABLES = ("monitoring_monitor_version_csv", "monitoring_monitor_distribution_csv")
PAGES = ("monitoring_monitor_version", "monitoring_monitor_version_charts", *TABLES)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker, tmp_path_factory):
    """Everybody, and three months of one version; shared by the tests of this file, none of which changes a record."""
    with database_of_its_own(django_db_blocker, tmp_path_factory.mktemp("history")):
        cast = make_cast()
        yield cast, histories.told(cast)


@pytest.fixture
def version(world):
    return world[1]


@pytest.fixture
def drift(version):
    return Monitor.objects.get(version=version, key="feature_drift")


@pytest.fixture
def as_(world, client):
    def signed_in(name):
        client.force_login(getattr(world[0], name), backend=BACKEND)
        return client

    return signed_in


def feature_query(drift, feature="income", **more):
    return {"monitor": drift.pk, "feature": feature, **more}


def page(client, version, query=None):
    return client.get(reverse("admin:monitoring_monitor_version", args=[version.pk]), query).content.decode()


def table(client, name, version, query=None):
    answer = client.get(reverse(f"admin:{name}", args=[version.pk]), query)
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


@pytest.mark.parametrize("name", PAGES)
def test_outsiders_find_no_page_and_no_table_and_nobody_posts(as_, version, drift, name):
    url = reverse(f"admin:{name}", args=[version.pk])
    assert as_("outsider").get(url, feature_query(drift)).status_code == 404
    assert as_("auditor").post(url).status_code == 405


@pytest.mark.parametrize(
    "query", [{"feature": "wages"}, {"feature": "income", "monitor": "x"}, {"reading": "9999"}, {"reading": "²"}]
)
def test_a_feature_or_window_of_another_version_does_not_exist(as_, version, drift, query):
    url = reverse("admin:monitoring_monitor_version", args=[version.pk])
    assert as_("auditor").get(url, {**feature_query(drift), **query}).status_code == 404


def test_series_are_the_readings_in_the_order_of_windows(version, drift):
    found = {series.feature: series for series in history_of(version).series[drift.pk]}
    for feature in histories.FEATURES:
        points = found[feature].points
        assert [(point.start, point.end, point.value) for point in points] == [
            (*window, PSI[window][feature]) for window in (JANUARY, MARCH, APRIL)
        ]
    assert [point.level for point in found["income"].points] == [Level.CALM, Level.CALM, Level.CRITICAL]
    assert [point.level for point in found["=age"].points] == [Level.CALM, Level.WARN, Level.WARN]
    assert found["income"].gaps() == ((date(2026, 2, 1), date(2026, 2, 28)),)
    assert [(limit.level, limit.value) for limit in found["income"].limits] == [
        (Level.WARN, 0.1),
        (Level.ALERT, 0.25),
        (Level.CRITICAL, 1.0),
    ]


def test_features_are_sorted_by_trouble(version, drift):
    assert [series.feature for series in by_feature(history_of(version).series[drift.pk])] == [
        "income",
        "=age",
        "amount",
    ]


def test_a_window_without_outcomes_keeps_its_place_without_a_number(version):
    performance = Monitor.objects.get(version=version, key="performance")
    (series,) = history_of(version).series[performance.pk]
    assert [(point.value, point.level, point.word) for point in series.points] == [
        (0.83, Level.CALM, ""),
        (None, None, "waiting for labels"),
        (None, None, "waiting for labels"),
    ]
    assert (series.points[0].low, series.points[0].high) == (0.78, 0.88)


def test_a_value_beyond_its_limit_that_was_not_told_from_chance_is_no_alarm_and_not_calm(version, drift):
    row = Reading.objects.get(monitor=drift, batch__name="=April")
    numbers = row.numbers
    row.numbers = {**numbers, "failed_measures": []}
    row.save()
    try:
        found = next(series for series in history_of(version).series[drift.pk] if series.feature == "income")
    finally:
        row.numbers = numbers
        row.save()
    assert found.points[-1].level is None
    assert found.points[-1].word == "beyond the limit, not told from chance"


def test_the_page_says_in_words_what_is_red_and_what_to_do(as_, version, drift):
    html = page(as_("auditor"), version)
    assert "The approval is suspended. Critical since 31 Mar 2026: 1 of 3 monitors beyond the limits" in html
    assert "Olga Owner" in html
    assert "answered by nobody yet" in html
    assert "Answer the alarm of Feature drift: nobody has acknowledged it." in html
    assert "2 windows wait for outcomes" in html
    assert "No other version of this model was ever approved" in html
    note = reverse("admin:monitoring_monitor_note", args=[drift.pk, "acknowledged"])
    assert note not in html
    assert note in page(as_("owner"), version)
    assert "suspended by Farah Haddad" in html
    assert "deployed by Sofia Lind" in html


def test_a_restriction_is_said_first_and_its_condition_stands_among_what_to_do(as_, version):
    given = {"reason": "", "source_reference": "x", "imposed_at": version.created_at}
    with transaction.atomic():
        Restriction.objects.create(version=version, text="Up to <b>5,000</b> only.", **given)
        html = page(as_("auditor"), version)
        transaction.set_rollback(True)
    assert "Keep to the condition of use" in html
    assert "Up to &lt;b&gt;5,000&lt;/b&gt; only." in html


def test_until_a_worker_has_drawn_the_tables_stand_for_the_charts(as_, version, drift):
    Picture.objects.all().delete()
    client = as_("auditor")
    html = page(client, version)
    assert "The chart is being drawn." in html
    assert "data-poll" in html
    assert "1.500" in html
    poll = reverse("admin:monitoring_monitor_version_charts", args=[version.pk])
    assert client.get(poll).status_code == 200
    assert drawing.outdated() == (version.pk,)
    assert drawing.draw(version.pk) == 5
    assert drawing.outdated() == ()
    assert drawing.draw(version.pk) == 0
    html = page(client, version)
    assert "data-poll" not in html
    assert html.count('role="img"') == 5
    assert client.get(poll).status_code == 286
    shown = Picture.objects.get(title="income: PSI of income")
    assert [point["value"] for point in shown.shows["series"]["points"]] == [
        PSI[w]["income"] for w in (JANUARY, MARCH, APRIL)
    ]
    assert "No batch covers 01 Feb 2026 to 28 Feb 2026." in shown.description
    assert "<title>income: PSI of income</title><desc>" in shown.svg
    assert "style" not in shown.svg


def test_what_a_worker_kept_is_what_the_readings_say_and_no_longer_when_they_say_more(version, drift):
    drawing.draw(version.pk)
    kept = Picture.objects.get(version=version, subject="numbers")
    assert history_for_page(version) == history_of(version)
    kept.shows = {}
    kept.save()
    assert not history_for_page(version).every_series()
    march = Reading.objects.filter(monitor=drift, batch__name="March")
    digest = march.get().numbers_digest
    march.update(numbers_digest="0" * 64)
    assert history_for_page(version) == history_of(version)
    march.update(numbers_digest=digest)
    drawing.draw(version.pk)


def test_a_chart_whose_numbers_changed_is_not_shown_any_more(as_, version, drift):
    drawing.draw(version.pk)
    Picture.objects.filter(title="income: PSI of income").update(digest="0" * 64)
    html = page(as_("auditor"), version)
    assert "Being drawn." in html
    assert html.count('role="img"') == 4
    assert drawing.draw(version.pk) == 1


def test_what_cannot_be_drawn_says_so_and_changes_no_reading(as_, version, drift, monkeypatch):
    before = list(Reading.objects.order_by("pk").values_list("pk", "numbers_digest", "verdict"))
    Picture.objects.all().delete()
    monkeypatch.setattr(charts, "LONGEST_SVG", 10)
    drawing.draw(version.pk)
    html = page(as_("auditor"), version)
    assert "There is no chart: The drawing is too large" in html
    assert "data-poll" not in html
    assert list(Reading.objects.order_by("pk").values_list("pk", "numbers_digest", "verdict")) == before
    Picture.objects.all().delete()


def test_a_clicked_feature_shows_its_distribution_in_the_chosen_window(as_, version, drift):
    client = as_("auditor")
    march = Reading.objects.get(monitor=drift, batch__name="March")
    query = feature_query(drift, reading=march.pk)
    html = page(client, version, query)
    assert "income: as approved and now" in html
    assert "Filled: 1 to 31 Mar 2026." in html
    chosen = version_page.charts_of(version, **{name: str(value) for name, value in query.items()}).chosen
    assert chosen is not None
    assert not chosen.is_empty
    assert replace(chosen, bins=(("low", 0.5, 0.0, -0.5),)).is_empty
    assert "<td>0.125</td>" in html
    assert "-0.375" in html
    assert f'<option value="{march.pk}" selected>1 to 31 Mar 2026, March</option>' in html
    assert drawing.draw_reading(march.pk, ["income"]) == 1
    assert "income: as approved and in 1 to 31 Mar 2026</title>" in page(client, version, query)
    rows = table(client, "monitoring_monitor_distribution_csv", version, query)
    assert [tuple(row.values()) for row in rows] == [
        ("low", "0.5", "0.125", "-0.375"),
        ("high", "0.5", "0.875", "0.375"),
    ]
    nothing = page(client, version, feature_query(drift, "amount"))
    assert "kept no distribution of this feature" in nothing
    missing = reverse("admin:monitoring_monitor_distribution_csv", args=[version.pk])
    assert client.get(missing, feature_query(drift, "amount")).status_code == 404


def test_the_csv_has_the_numbers_of_the_tables_unrounded_and_no_formula(as_, version, drift):
    rows = table(as_("auditor"), "monitoring_monitor_version_csv", version)
    found = {(row["feature"], row["window_start"]): row for row in rows if row["monitor"] == "Feature drift"}
    assert len(found) == 9
    for window, values in PSI.items():
        for feature, value in values.items():
            name = f"'{feature}" if feature.startswith("=") else feature
            assert float(found[(name, window[0].isoformat())]["value"]) == value
    april = found[("income", "2026-04-01")]
    assert (april["level"], april["limit_warning"], april["limit_alert"], april["limit_critical"]) == (
        "critical",
        "0.1",
        "0.25",
        "1.0",
    )
    assert april["batch"] == "'=April"
    waiting = next(row for row in rows if row["measure"] == "ROC AUC" and row["window_start"] == "2026-03-01")
    assert (waiting["value"], waiting["level"], waiting["state"]) == ("", "", "waiting for labels")


def test_each_chart_has_its_csv_beside_it(as_, version, drift):
    client = as_("auditor")
    html = page(client, version, feature_query(drift))
    name = reverse("admin:monitoring_monitor_version_csv", args=[version.pk])
    found = set(re.findall(rf'href="{name}\?([^"]+)"', html))
    charts = {address.removeprefix("chart=") for address in found if address.startswith("chart=")}
    assert html.count('<div class="chart-block">') + 1 == len(charts)
    told = [table(client, "monitoring_monitor_version_csv", version, {"chart": key}) for key in sorted(charts)]
    assert {len({(row["monitor"], row["measure"]) for row in rows}) for rows in told} == {1}
    worst = next(rows for rows in told if "worst feature" in rows[0]["measure"])
    assert [float(row["value"]) for row in worst] == [max(PSI[window].values()) for window in sorted(PSI)]
    assert f"monitor={drift.pk}" in found
    rows = table(client, "monitoring_monitor_version_csv", version, {"monitor": drift.pk})
    assert {row["monitor"] for row in rows} == {"Feature drift"}
    for query in ({"chart": "0123456789abcdef"}, {"monitor": "999999"}, {"monitor": "x"}):
        assert client.get(name, query).status_code == 404


def test_looking_leaves_no_trace_but_pictures(as_, version, drift):
    before = LedgerEntry.objects.count(), Reading.objects.count()
    for name in PAGES:
        as_("auditor").get(reverse(f"admin:{name}", args=[version.pk]), feature_query(drift))
    assert (LedgerEntry.objects.count(), Reading.objects.count()) == before


class TestOverview:
    def rows(self, client, **query):
        return client.get(reverse("admin:monitoring_monitor_overview"), query).content.decode()

    def test_it_leads_to_the_page_and_says_how_the_last_windows_went(self, as_, version):
        html = self.rows(as_("auditor"))
        assert reverse("admin:monitoring_monitor_version", args=[version.pk]) in html
        assert "1 of 1 in alarm or suspended" in html
        for words in ("until 31 Jan 2026: within limits", "until 31 Mar 2026: warning", "until 30 Apr 2026: critical"):
            assert words in html
        assert "1.0.0" not in self.rows(as_("outsider"))

    def test_filters_choose_and_one_that_does_not_exist_chooses_nothing(self, as_, version):
        client = as_("auditor")
        owner = version.model.owner_id
        for query in ({"state": "red"}, {"tier": "high", "owner": owner}):
            assert "1 of 1 in alarm" in self.rows(client, **query)
        for query in ({"state": "calm"}, {"state": "horoscope"}, {"owner": owner + 1}, {"tier": "low"}):
            assert "None of 1 deployed version matches this filter" in self.rows(client, **query)

    def test_the_csv_is_filtered_alike(self, as_, version):
        url = reverse("admin:monitoring_monitor_overview_csv")
        rows = list(csv.DictReader(io.StringIO(as_("auditor").get(url).content.decode())))
        assert [(row["version"], row["level"]) for row in rows] == [("1.0.0", "critical")]
        assert rows[0]["last_windows"].endswith("until 30 Apr 2026: critical, outcomes are waited for")
        assert not list(csv.DictReader(io.StringIO(as_("auditor").get(url, {"state": "calm"}).content.decode())))
