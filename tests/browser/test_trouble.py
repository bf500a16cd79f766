"""What goes wrong on a working day, by clicking: things change while signing, two sign at once, workers die."""

from contextlib import ExitStack
from functools import cache

import pytest
from playwright.sync_api import expect

from tests.browser import story
from tests.browser.workers import workers
from tests.cast import PASSWORD, SAFE, tiny_safetensors

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def version(portal, approved):
    """A second version of the model, in scoping, with answers and artifact."""
    with portal.as_("submitter") as page:
        page.goto("/approvals/registeredmodel/")
        page.get_by_role("link", name=story.MODEL).click()
        url = story.register_version(page, "2.0.0")
        story.prepare_stage(page, url, "scoping")
        story.prepare_stage(page, url, "data_review")
    return url


def sign_page(page, version, role):
    page.goto(f"{version.split('#')[0].removesuffix('change/')}sign/scoping/{role}/")


def test_a_change_while_signing_is_named_and_the_reason_is_not_typed_twice(portal, version):
    change_while_signing(portal, version)


def test_two_people_sign_at_once_and_one_form_sent_twice_is_one_signature(portal, version):
    sign_at_once(portal, version)


@cache
def change_while_signing(portal, version):
    """Before anybody signs; whichever test comes first."""
    with portal.as_("business_analyst", watched=False) as page, portal.as_("submitter") as other:
        sign_page(page, version, "business_analyst")
        story.fill_in(page)
        story.attach(other, version, "artifact", "other.safetensors", tiny_safetensors(2))
        page.get_by_role("button", name="Sign", exact=True).click()
        expect(page.locator(".errornote").first).to_contain_text("The evidence changed after this page was shown")
        expect(page.locator(".errornote").first).to_contain_text("artifact: ")
        page.get_by_role("button", name="Go on with the page as it is now").click()
        expect(page.get_by_label("Reason")).to_have_value(SAFE)
        expect(page.get_by_label("I sign as")).not_to_be_checked()
        expect(page.get_by_label("Your password")).to_have_value("")
        page.get_by_role("link", name="Back without signing").click()
        expect(page.locator("#sign-offs")).not_to_contain_text("Amara Nwosu signed")


@cache
def sign_at_once(portal, version):
    """Two of scoping, after which it may be left."""
    change_while_signing(portal, version)
    with ExitStack() as opened:
        pages = {role: opened.enter_context(portal.as_(role)) for role in ("business_analyst", "business_owner")}
        for role, page in pages.items():
            sign_page(page, version, role)
            story.fill_in(page)
        again = opened.enter_context(portal.as_("business_analyst", watched=False))
        sign_page(again, version, "business_analyst")
        story.fill_in(again)
        buttons = [page.get_by_role("button", name="Sign", exact=True) for page in pages.values()]
        for button in buttons:
            button.evaluate("button => { setTimeout(() => button.click(), 0) }")
        for page in pages.values():
            expect(page.locator(".messagelist")).to_contain_text("is recorded")
        again.get_by_role("button", name="Sign", exact=True).click()
        expect(again.locator(".errornote").first).to_contain_text("one person signs once per stage")
    with portal.as_("submitter") as page:
        page.goto(version)
        expect(page.locator("#button-advance")).to_be_enabled()


def test_wrong_passwords_lock_signing_and_no_other_page(portal, version):
    sign_at_once(portal, version)
    with portal.as_("data_steward", watched=False) as page:  # a refusal has a status that browsers note
        page.goto(f"{version.split('#')[0].removesuffix('change/')}sign/scoping/business_analyst/")
        expect(page.locator("main")).to_contain_text("You do not hold the role")
    with portal.as_("submitter") as page:
        story.advance(page, version)
    with portal.as_("data_steward", watched=False) as page:
        page.goto(f"{version.split('#')[0].removesuffix('change/')}sign/data_review/data_steward/")
        for _ in range(5):
            story.fill_in(page)
            page.get_by_label("Your password").fill("guess")
            with page.expect_navigation():
                page.get_by_role("button", name="Sign", exact=True).click()
            expect(page.locator("#signature-title")).to_be_visible()
        expect(page.locator("main")).to_contain_text("Too many wrong passwords")
        story.fill_in(page)
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_role("button", name="Sign", exact=True).click()
        expect(page.locator("main")).to_contain_text("Too many wrong passwords")
        page.goto(version)
        expect(page.get_by_role("heading", level=1)).to_contain_text("2.0.0")
        expect(page.locator("#sign-offs")).not_to_contain_text("Chiara Rossi signed")


def test_g15_a_check_whose_worker_is_killed_is_done_by_its_successor(portal, orphaned):
    url, killed = orphaned
    assert killed
    with portal.as_("submitter") as page:
        page.goto(url)
        for check in ("performance", "group_fairness"):
            expect(page.locator(f"#check-{check} .verdict")).to_have_text("Passed", timeout=2 * story.PATIENCE)
    assert not workers(portal.var) & killed
