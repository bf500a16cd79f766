"""What every test stands on: a private folder of its own, fast passwords, and no silent skips in CI."""

import atexit
import gc
import locale
import logging
import os
import resource
import shutil
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

os.environ["PORTAL_VAR"] = tempfile.mkdtemp(prefix="portal-tests-")
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
atexit.register(shutil.rmtree, os.environ["PORTAL_VAR"], ignore_errors=True)
# All that is loaded until the tests begin stays, and would be looked through again and again.
gc.set_threshold(200_000, 50, 50)

import django
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import override_settings
from django.test.utils import setup_databases, teardown_databases
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from xdist.scheduler import LoadFileScheduling

from portal import guards
from portal.keys import ensure_keys

ensure_keys(Path(os.environ["PORTAL_VAR"]))
django.setup()

from tests.cast import cast
from tests.databases import committed_database, migrated_once
from tests.longest import rank, together
from tests.validation import Validation

__all__ = ["cast", "committed_database"]

DAY, LONG_ENOUGH_FOR_A_TEST = 86_400, 20  # seconds

# A busy machine is slow, which says nothing about what is tested.
hypothesis_settings.register_profile(
    "patient", hypothesis_settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("patient")


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


@pytest.fixture(scope="module", autouse=True)
def _folder_of_the_file(_test_settings, tmp_path_factory):
    """A private folder for the tests of one file: which files share a process depends on the machine's speed."""
    var = tmp_path_factory.mktemp("var")
    ensure_keys(var)
    with override_settings(VAR=var):
        yield


@pytest.fixture(scope="module", autouse=True)
def _process_as_it_was(_folder_of_the_file):
    """What all files of a process share is after the tests of a file what it was before them."""
    variables, shared = dict(os.environ), _shared_by_all_files()
    variables.pop("PYTEST_CURRENT_TEST", None)
    yield
    # Libraries add variables of their own when they are first imported.
    assert {name: os.environ.get(name) for name in variables} == variables
    assert _shared_by_all_files() == shared


def _shared_by_all_files():
    mask = os.umask(0o077)
    os.umask(mask)
    return {
        "folder": Path.cwd(),
        "mask": mask,
        "limits": [resource.getrlimit(kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE)],
        "locale": locale.setlocale(locale.LC_ALL),
        "zone": time.tzname,
        "least level of the log": logging.getLogger().level,
        "settings": {name: getattr(settings, name) for name in dir(settings) if name.isupper()},
    }


@pytest.fixture(autouse=True)
def _nothing_remembered():
    """What pages remember is named by the size of the ledger, which begins anew with each test."""
    cache.clear()


@pytest.fixture
def own_var(settings, tmp_path):
    """A private folder with keys of its own: a checkpoint of another test's ledger would contradict this one's."""
    settings.VAR = tmp_path / "var"
    ensure_keys(settings.VAR)
    return settings.VAR


@pytest.fixture(scope="session")
def django_db_setup(
    request, tmp_path_factory, django_test_environment, django_db_modify_db_settings, django_db_blocker
):
    """Make the test database for whoever asks; pytest-django's own looks at markers only."""
    shared = hasattr(request.config, "workerinput")
    once = migrated_once(connection, tmp_path_factory.getbasetemp().parent) if shared else nullcontext(False)
    with django_db_blocker.unblock(), once as is_copy:
        made = setup_databases(verbosity=0, interactive=False, keepdb=is_copy, serialized_aliases=())
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session", autouse=True)
def _emptying_tables_between_tests():
    """Take the guards away while Django empties all tables after a test that committed, as live-server tests do."""
    flush = type(connection.ops).execute_sql_flush

    def flush_past_guards(operations, statements):
        with operations.connection.cursor() as cursor:
            for guard in guards.declared():
                for statement in guard.drop_statements(operations.connection.vendor):
                    cursor.execute(statement)
        flush(operations, statements)
        guards.install(using=operations.connection.alias)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(connection.ops), "execute_sql_flush", flush_past_guards)
        yield


class ByFileAndWhatIsShared(LoadFileScheduling):  # type: ignore[misc]  # no types there
    """Where processes share the tests, each file stays in one; so do files that share what takes long to make.

    Files are handed out in the order of collection, the longest first, so that the processes end together.
    """

    def __init__(self, config, log=None):
        config.option.loadscopereorder = False  # by the number of tests, which says little about their time
        super().__init__(config, log)

    def _split_scope(self, nodeid):
        return together(nodeid) or super()._split_scope(nodeid)


def pytest_xdist_setupnodes():
    """Let each process name the settings itself, after it has set up a private folder; they would inherit ours."""
    del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_xdist_make_scheduler(config, log):
    """Called only where the tests run in several processes."""
    return ByFileAndWhatIsShared(config, log)


def pytest_collection_modifyitems(config, items):
    """Where processes share the tests, the files that take longest come first."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank(item.nodeid))


def pytest_collection_finish():
    """What is loaded by now stays to the end; looking for garbage in it again and again takes a tenth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_unconfigure():
    """Some libraries look at the end for what was never freed."""
    gc.unfreeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Today is the same day all through a test: one that would begin at the very end of a day begins in the next."""
    left = DAY - time.time() % DAY
    if left < LONG_ENOUGH_FOR_A_TEST:
        time.sleep(left)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a skipped test is a failed test: what was not tried is not known to work."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where everything must be tried: {report.longrepr}"
    return report


def pytest_addoption(parser):
    """Where a whole run writes what it showed."""
    parser.addoption("--validation", help="write the validation document of a whole run to this file")


def pytest_configure(config):
    """Only the process that sees all reports writes."""
    target = config.getoption("--validation")
    if target and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Validation(Path(target)))
