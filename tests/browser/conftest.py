"""A served portal with its worker, and Chromium looking at it. Every page is watched for what must never happen."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import story
from tests.browser.workers import kill_workers
from tests.cast import PASSWORD
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60_000  # milliseconds; only for what is broken, because a busy machine answers late
HARMLESS = ("Input elements should have autocomplete attributes",)


class Portal:
    """The served portal and pages in it."""

    def __init__(self, address: str, var: Path, browser: Browser) -> None:
        self.address, self.var, self.browser = address, var, browser

    @contextmanager
    def as_(self, username: str, *, watched: bool = True, **context) -> Iterator[Page]:
        """A page of its own, signed in; where watched, it fails on any console message, error or foreign address."""
        complaints: list[str] = []
        opened = self.browser.new_context(base_url=self.address, accept_downloads=True, **context)
        page = opened.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("request", lambda request: self._watch(request.url, complaints))
        page.goto("/login/")
        page.fill("#id_username", username)
        page.fill("#id_password", PASSWORD)
        page.click("[type=submit]")
        page.wait_for_url(f"{self.address}/")
        yield page
        opened.close()
        seen = [line for line in complaints if not any(word in line for word in HARMLESS)]
        assert not (watched and seen), seen

    def _watch(self, url: str, complaints: list[str]) -> None:
        if not url.startswith((self.address, "data:", "blob:")):
            complaints.append(f"foreign address: {url}")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium from the system; ended with these tests, because its event loop would forbid Django its database."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed, so no page was looked at: apt-get install chromium.")
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE)
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="package")
def portal(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """`manage.py up` with web server, worker, beat and broker, without demo data but with our people."""
    folder = tmp_path_factory.mktemp("served")
    port = free_port()
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "BROKER_URL", "DJANGO_SETTINGS_MODULE")},
        "PORTAL_VAR": str(folder / "var"),
        "PYTHONPATH": str(ROOT),
    }
    with (folder / "log").open("wb") as log:
        served = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(port), "--no-demo"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://localhost:{port}"
        _wait(served, address, folder / "log")
        subprocess.run(
            [sys.executable, "-m", "tests.browser.world"],
            cwd=ROOT,
            env={**environment, "DJANGO_SETTINGS_MODULE": "portal.settings"},
            check=True,
            timeout=120,
        )
        yield Portal(address, folder / "var", browser)
    finally:
        served.terminate()
        served.wait(timeout=60)


def _wait(served: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Until it answers; the limit is only there for what is broken."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=2):
                return
        except OSError:
            if served.poll() is not None:
                break
            time.sleep(0.2)
    pytest.fail(f"The portal did not start: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="package")
def approved(portal: Portal) -> str:
    """The address of a version that people brought all the way to monitoring."""
    address: str = story.tell(portal)
    return address


@pytest.fixture(scope="package")
def orphaned(portal: Portal, approved: str) -> tuple[str, set[int]]:
    """A version whose checks began in workers that were killed: its address and those workers.

    Made before the pages are looked at, because a successor takes over only after a minute.
    """
    with portal.as_("auditor") as page:
        story.wait_for_card(page, approved)
    with portal.as_("submitter") as page:
        page.goto("/approvals/registeredmodel/")
        page.get_by_role("link", name=story.MODEL).click()
        url = story.register_version(page, "3.0.0")
        story.prepare_stage(page, url, "scoping")
        story.prepare_stage(page, url, "data_review")
        page.goto(url)
        page.get_by_role("button", name="Run all that wait").click()
        return url, kill_workers(portal.var)
