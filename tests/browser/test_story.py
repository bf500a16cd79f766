"""One version goes through all eight stages by what people click, with checks by a real worker, to a verified card."""

import os
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.browser import story
from tests.browser.conftest import ROOT

pytestmark = pytest.mark.timeout(900)  # the first test waits for everything before it; only for what is broken


def test_a_version_goes_through_all_stages_and_its_card_verifies(portal, approved, tmp_path):
    with portal.as_("auditor") as page:
        card = story.wait_for_card(page, approved)
        expect(page.locator("#gate-title")).to_contain_text("in monitoring")
        with page.expect_download() as waiting:
            card.get_by_role("link", name="Download").click()
        path = tmp_path / "card.pdf"
        waiting.value.save_as(path)
        page.goto("/modelcards/modelcard/verify/")
        page.locator("input[type=file]").set_input_files(path)
        page.get_by_role("button", name="Verify").click()
        expect(page.locator("main")).to_contain_text("Nothing was changed since.")
    environment = {**os.environ, "PORTAL_VAR": str(portal.var)}
    environment.pop("DATABASE_URL", None)
    said = subprocess.run(
        [sys.executable, "manage.py", "verify", str(path), "--ledger"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr


def test_those_who_may_not_sign_are_told_so(portal, approved):
    number = approved.rstrip("/").split("/")[-2]
    url = f"/approvals/modelversion/{number}/sign/scoping/business_analyst/"
    for username, why in (("submitter", "You do not hold the role"), ("root", "Being an administrator gives no right")):
        with portal.as_(username) as page:
            page.goto(url)
            expect(page.locator("main")).to_contain_text(why)
            expect(page.get_by_role("button", name="Sign", exact=True)).to_have_count(0)
