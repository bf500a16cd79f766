"""The morning of a risk officer, by clicking: what is red, which feature, and an answer to the alarm."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import story
from tests.browser.watched import MODEL

pytestmark = pytest.mark.timeout(900)


def test_from_the_overview_to_the_feature_that_drifted_and_an_answer(portal):
    with portal.as_("risk_officer", color_scheme="dark") as page:
        page.get_by_role("link", name="Deployed models").first.click()
        page.get_by_label("State").select_option(label="In alarm or suspended")
        page.get_by_role("button", name="Show").click()
        story.wait_for(page, page.get_by_role("link", name=MODEL))
        page.get_by_role("link", name=MODEL).click()
        expect(page).to_have_title(re.compile(f"Monitoring of {MODEL}"))
        expect(page.locator("#state-title")).to_contain_text("Alert since 31 Mar 2026")
        worst = page.locator(".multiple").first
        expect(worst.get_by_role("img")).to_be_visible()
        worst.get_by_role("link", name="amount").press("Enter")
        expect(page.locator("#feature-title")).to_have_text("amount: as approved and now")
        expect(page.locator("#feature").get_by_role("img")).to_be_visible()
        page.get_by_label("Window").select_option(index=1)
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#feature figcaption")).to_contain_text("1 to 31 Jan 2026")
        page.get_by_role("link", name="Answer the alarm of Feature drift").click()
        page.get_by_label("What is done about it").fill("Logistics looks into the unit of the amounts.")
        page.get_by_role("button", name="Acknowledge").click()
        expect(page.locator(".messagelist")).to_contain_text("The alarm is acknowledged.")
        expect(page.locator("#state")).to_contain_text("acknowledged by Farah Haddad")
