"""Monitoring through the web: wrong users first, a batch by form, the reading's page."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from monitoring import running
from monitoring.models import Batch, Reading
from tests.cast import tiny_table

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
    assert not Batch.objects.exists()
    client.force_login(cast.submitter, backend=BACKEND)
    bad = client.post(url, form(b"a,b\n1,2\n"))
    assert "The table has no column" in bad.content.decode()
    assert client.post(url, form()).status_code == 302
    for row in Reading.objects.all():
        running.execute(row.pk)
    html = client.get(version.get_absolute_url()).content.decode()
    assert "Feature drift" in html
    assert "<b>May</b>" not in html
    reading = Reading.objects.get(monitor__key="feature_drift")
    page = client.get(reading.get_absolute_url()).content.decode()
    assert "Within limits" in page
    assert "<svg" in page
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.get(reading.get_absolute_url()).status_code == 404
    assert "May" not in client.get(reverse("admin:monitoring_batch_changelist")).content.decode()
