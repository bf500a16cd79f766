"""Every kind of page in light, dark and at phone width: readable by WCAG 2.2 AA, no sideways scrolling, no message."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

# What is looked at here passes the minute that the successor of a killed worker waits.
pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("orphaned")]

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
PAGES = (
    "/",
    "/approvals/modelversion/",
    "/approvals/modelversion/awaiting/",
    "{version}",
    "/approvals/registeredmodel/",
    "/approvals/checkrun/",
    "/approvals/evidence/",
    "/approvals/policy/",
    "/modelcards/modelcard/",
    "/modelcards/modelcard/verify/",
    "/codes/",
    "/approvals/waiver/",
    "/approvals/delegation/",
    "/approvals/policy/1/change/",
    "/approvals/policy/1/coverage/eu_ai_act_annex_iv/",
    "/approvals/registeredmodel/1/change/",
    "/monitoring/monitor/",
    "/monitoring/monitor/overview/",
    "/monitoring/monitor/version/1/?monitor=1&feature=amount",
    "/monitoring/monitor/1/change/",
    "/monitoring/reading/1/change/",
)


LOOKS = [("light", 1400), ("dark", 1400), ("light", 390)]


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_pages_keep_to_the_content_security_policy_and_fit_the_screen(portal, approved, scheme, width):
    found = []
    with portal.as_("auditor", color_scheme=scheme, viewport={"width": width, "height": 900}) as page:
        for path in PAGES:
            page.goto(path.format(version=approved.removeprefix(portal.address)))
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append(f"{path} scrolls sideways at {width}")
            expect(page.locator("main"), path).to_have_count(1)
            expect(page.locator("h1"), path).to_have_count(1)
    assert not found, found


@pytest.mark.parametrize("width", [390, 1400])
def test_the_front_page_leads_everywhere_at_any_width(portal, approved, width):
    with portal.as_("auditor", viewport={"width": width, "height": 900}) as page:
        page.goto("/")
        for summary in page.locator(".on-phones summary:visible").all():
            summary.click()
        for name in ("Awaiting my sign-off", "Model cards", "Policies", "Ledger entries", "Registered models"):
            expect(page.get_by_role("link", name=name).locator("visible=true").first, name).to_be_visible()
        page.get_by_role("link", name="Awaiting my sign-off").locator("visible=true").first.click()
        expect(page).to_have_title(re.compile("Awaiting my sign-off"))


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_pages_are_accessible(portal, approved, scheme, width):
    found = []
    # The audit tool writes styles into the page to measure contrast, which the policy rightly forbids.
    look = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}, "bypass_csp": True}
    with portal.as_("auditor", watched=False, **look) as page:
        for path in PAGES:
            page.goto(path.format(version=approved.removeprefix(portal.address)))
            results = Axe().run(page, options=RULES)
            found += [
                f"{path}: {violation['id']} {node['target']} {node['html'][:120]}"
                for violation in results.response["violations"]
                for node in violation["nodes"]
            ]
    assert not found, "\n".join(found)
