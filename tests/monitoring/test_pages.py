"""Monitoring through the web: wrong users first, a batch by form, the reading's page."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from approvals.models import Finding
from monitoring import running
from monitoring.models import Batch, Reading
from portal.models import LedgerEntry
from tests.cast import tiny_table
from tests.monitoring.measuring import read, read_all_here

BACKEND = "django.contrib.auth.backends.ModelBackend"


def form(content=None, **changes):
    file = SimpleUploadedFile("batch.csv", tiny_table(seed=2) if content is None else content)
    return {"file": file, "name": "<b>May</b>", "window_start": "2026-05-01", "window_end": "2026-05-31", **changes}


def test_a_batch_is_delivered_and_read_on_pages_that_outsiders_do_not_find(client, cast, deploy):
    version = deploy()
    url = reverse("admin:monitoring_batch_deliver", args=[version.pk])
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.post(url, form()).status_code == 404
    client.force_login(cast.auditor, backend=BACKEND)
    assert client.post(url, form()).status_code == 403
    told = client.get(url)
    assert (told.status_code, "Only a submitter, the owner or IT operations" in told.content.decode()) == (403, True)
    assert client.post(url, {"name": "October"}).status_code == 403
    assert not Batch.objects.exists()
    client.force_login(cast.submitter, backend=BACKEND)
    bad = client.post(url, form(b"a,b\n1,2\n"))
    assert "The table has no column" in bad.content.decode()
    assert client.post(url, form()).status_code == 302
    read_all_here(Batch.objects.get())
    html = client.get(version.get_absolute_url()).content.decode()
    assert "Feature drift" in html
    assert "<b>May</b>" not in html
    reading = Reading.objects.get(monitor__key="feature_drift")
    page = client.get(reading.get_absolute_url()).content.decode()
    assert "Within limits" in page
    assert "<svg" in page
    numbers = reverse("admin:monitoring_reading_numbers_csv", args=[reading.pk])
    for asked, held in (("", "PSI of amount,amount,0."), ("?table=1", "amount,number,"), ("?feature=amount", "up to ")):
        assert f'href="{numbers}{asked}"' in page
        assert held in client.get(numbers + asked).content.decode()
    wrong = ("?table=2", "?table=x", "?feature=y_true", "?feature=a%00b")
    assert [client.get(numbers + query).status_code for query in wrong] == [404] * 4
    assert client.post(numbers).status_code == 405
    readings, charts = reverse("admin:monitoring_reading_changelist"), f"/monitoring/monitor/version/{version.pk}/"
    for odd in (f"{readings}?verdict__exact=%00", f"{readings}?monitor=a%00b", f"{readings}?q=a%00b"):
        assert client.get(odd).status_code == 404
    chosen = f"{charts}?monitor={reading.monitor_id}&feature=amount&reading="
    assert [client.get(chosen + number).status_code for number in ("", "9" * 5000, "²", "-1")] == [200, 404, 404, 404]
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.get(reading.get_absolute_url()).status_code == 404
    assert client.get(numbers).status_code == 404
    assert "May" not in client.get(reverse("admin:monitoring_batch_changelist")).content.decode()


def test_a_batch_is_handed_out_to_those_who_see_the_version_and_each_reading_is_recorded(client, cast, deploy):
    version = deploy()
    client.force_login(cast.submitter, backend=BACKEND)
    content = tiny_table(seed=2)
    client.post(reverse("admin:monitoring_batch_deliver", args=[version.pk]), form(content))
    batch = Batch.objects.get()
    page, download = (reverse(f"admin:monitoring_batch_{name}", args=[batch.pk]) for name in ("change", "download"))
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.get(page).status_code == client.get(download).status_code == 404
    client.force_login(cast.auditor, backend=BACKEND)
    shown = client.get(page).content.decode()
    assert download in shown
    assert "Feature drift" in shown
    assert "Queued" in shown
    assert client.post(download).status_code == 405
    answer = client.get(download)
    assert b"".join(answer.streaming_content) == content
    assert answer["Content-Disposition"] == f'attachment; filename="batch-{batch.pk}-2026-05-01-2026-05-31.csv"'
    assert LedgerEntry.objects.get(event="monitoring.batch.viewed").actor_id == cast.auditor.pk
    batch.file.path.write_bytes(b"changed")
    assert client.get(download).status_code == 503


def test_a_monitor_page_says_its_plan_in_words_and_lists_its_readings(client, cast, deploy):
    version = deploy()
    client.force_login(cast.submitter, backend=BACKEND)
    client.post(reverse("admin:monitoring_batch_deliver", args=[version.pk]), form())
    row = read(Batch.objects.get(), "feature_drift")
    url = reverse("admin:monitoring_monitor_change", args=[row.monitor_id])
    page = client.get(url).content.decode()
    assert "at least every 31 days" in page
    assert "Max PSI" in page
    assert row.get_absolute_url() in page
    assert "max_psi" not in page
    assert f"<h1>Feature drift of {version}</h1>" in page
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.get(url).status_code == 404


def test_an_answer_leads_back_to_where_the_person_came_from_and_never_out_of_the_portal(client, cast, deploy):
    version = deploy([{"monitor": "feature_drift", "thresholds": {"max_psi": 0.25}}])
    client.force_login(cast.submitter, backend=BACKEND)
    client.post(reverse("admin:monitoring_batch_deliver", args=[version.pk]), form())
    row = Reading.objects.get()
    token = running.claim(row.pk, now=timezone.now())
    assert running.finish(row.pk, token, result=running.Result("breach", ("Why.",), level=2), now=timezone.now())
    finding = reverse("admin:approvals_finding_change", args=[Finding.objects.get().pk])
    url = reverse("admin:monitoring_monitor_note", args=[row.monitor_id, "acknowledged"])
    client.force_login(cast.auditor, backend=BACKEND)
    assert url not in client.get(finding).content.decode(), "who may not answer is not asked to"
    assert client.get(url).status_code == 403
    client.force_login(cast.owner, backend=BACKEND)
    assert f'href="{url}"' in client.get(finding).content.decode()
    said = {"reason": "The income feed was repaired on Monday."}
    for place in ("https://elsewhere.example/a", "http://testserver//elsewhere.example/a", "", "//elsewhere.example"):
        page = client.get(url, HTTP_REFERER=place).content.decode()
        assert "elsewhere" not in page
        answer = client.post(url, {**said, "came_from": place})
        assert answer["Location"] == f"{version.get_absolute_url()}#monitoring"
    overview = f"{reverse('admin:monitoring_monitor_overview')}?state=red"
    for place in (finding, overview):
        page = client.get(url, HTTP_REFERER=f"http://testserver{place}").content.decode()
        assert f'name="came_from" value="{place}"' in page
        assert f'value="{place}"' in client.post(url, {"reason": "ok", "came_from": place}).content.decode()
        assert client.post(url, {**said, "came_from": place})["Location"] == place
