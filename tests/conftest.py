"""What every test stands on: a private folder of its own, fast passwords, and no silent skips in CI."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

os.environ["PORTAL_VAR"] = tempfile.mkdtemp(prefix="portal-tests-")
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
atexit.register(shutil.rmtree, os.environ["PORTAL_VAR"], ignore_errors=True)

import django
import pytest
from django.test import override_settings

from portal.keys import ensure_keys

ensure_keys(Path(os.environ["PORTAL_VAR"]))
django.setup()


@pytest.fixture(scope="session", autouse=True)
def _test_settings():
    """Cheap password hashing, static files by their own names, mail in memory."""
    with override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        STORAGES={
            "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
    ):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a skipped test is a failed test: what was not tried is not known to work."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where everything must be tried: {report.longrepr}"
    return report
