"""What people click to bring one version through all eight stages."""

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.world import SIGNERS, STAGES
from tests.cast import NAMES, PASSWORD, SAFE, TABLE, TIER_ANSWERS, tiny_safetensors, tiny_table

MODEL = "Parcel fraud screening"
PATIENCE = 120_000


def register(portal: Any) -> Any:
    """Register model and version as the submitter; gives the address of the version page."""
    with portal.as_("submitter") as page:
        page.goto("/approvals/registeredmodel/")
        page.get_by_role("link", name="Register a model").click()
        page.locator("#id_name").fill(MODEL)
        page.locator("#id_purpose").fill("Says which parcels are opened before delivery.")
        page.locator("#id_owner").select_option(label=_option(page, "Owner", "Olga Owner"))
        page.locator("#id_business_unit").fill("Logistics")
        for key, value in TIER_ANSWERS["high"].items():
            page.locator(f"input[name=tier_{key}][value={value}]").check()
        page.get_by_role("button", name="Register").click()
        return register_version(page, "1.0.0")


def register_version(page: Page, number: str) -> str:
    """Register a version from the page of its model; gives the address of the version page."""
    page.get_by_role("link", name="Register a version").click()
    page.get_by_label("Number").fill(number)
    page.get_by_label("Summary").fill("What is new.")
    page.get_by_label("Developer").select_option(label=_option(page, "Developer", "Dev Eloper"))
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{MODEL} {number}")
    return page.url


def _option(page: Page, label: str, name: str) -> str:
    """The option of a person, in a field that is called exactly so."""
    field = page.get_by_label(re.compile(f"^{label}( |$)"))
    expect(field.locator("option", has_text=name)).not_to_have_count(0)
    options = field.locator("option").all_inner_texts()
    return next(option for option in options if name.lower() in option.lower())


def grant_roles(portal: Any) -> None:
    """An administrator gives each role to its holder, and the auditor the right to audit."""
    with portal.as_("root") as page:
        page.goto("/approvals/registeredmodel/")
        page.get_by_role("link", name=MODEL).click()
        for role, name in NAMES.items():
            grant(page, role.label, name)
        grant(page, "Audit", "Anders Auditor")


def grant(page: Page, right: str, name: str) -> None:
    """Fill in the form of one grant."""
    form = page.locator("form", has=page.get_by_role("button", name="Grant"))
    form.get_by_label("Right").select_option(label=_option(page, "Right", right))
    form.get_by_label("Person").select_option(label=_option(page, "Person", name))
    with page.expect_navigation():
        form.get_by_role("button", name="Grant").click()


def attach(page: Page, url: str, kind: str, name: str, content: bytes, **columns: str) -> None:
    """Attach evidence on its page."""
    page.goto(url)
    page.locator(f"#evidence-{kind}").get_by_role("link", name=re.compile("Attach|Replace")).click()
    page.get_by_label("File").set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})
    for label, value in columns.items():
        page.locator(f"#id_{label}").fill(value)
    page.get_by_role("button", name="Attach").click()
    expect(page.locator(f"#evidence-{kind}")).to_contain_text("Attached")


def sign(portal: Any, username: str, role: str) -> None:
    """Sign from the inbox, as people do."""
    with portal.as_(username) as page:
        page.get_by_role("link", name="Awaiting my sign-off").first.click()
        page.get_by_role("link", name=f"Sign as {role}").first.click()
        fill_in(page)
        page.get_by_role("button", name="Sign", exact=True).click()
        expect(page.locator(".messagelist")).to_contain_text("is recorded")


def fill_in(page: Page) -> None:
    """Everything that a signature needs."""
    page.get_by_label("Approve", exact=True).check()
    page.get_by_label("Reason").fill(SAFE)
    page.get_by_label("I sign as").check()
    page.get_by_label("Your password").fill(PASSWORD)


def signers(stage: str) -> list[str]:
    """The roles that the policy asks in a stage."""
    also = {"scoping": ["business_owner"], "deployment_approval": ["security_officer", "business_owner"]}
    return [SIGNERS[stage], *also.get(stage, [])]


def advance(page: Page, url: str) -> None:
    """Advance from the version page."""
    page.goto(url)
    page.locator("#button-advance").click()
    page.get_by_role("button", name="Advance", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("It advanced.")


def prepare_stage(page: Page, url: str, stage: str) -> None:
    """Give what the gate of a stage asks besides signatures."""
    if stage == "scoping":
        page.goto(url)
        page.locator("#answers").get_by_role("link", name="Answer").click()
        page.get_by_label("What is decided").fill("Which parcels are opened, about senders.")
        page.get_by_role("button", name="Save answers").click()
        attach(page, url, "artifact", "model.safetensors", tiny_safetensors())
    if stage == "data_review":
        columns = {name: ", ".join(v) if isinstance(v, list) else str(v) for name, v in TABLE.items()}
        columns.pop("favourable")
        attach(page, url, "evaluation_table", "evaluation.csv", tiny_table(), **columns)
    if stage == "validation":
        page.goto(url)
        page.get_by_role("button", name="Run all that wait").click()
        for check in ("performance", "group_fairness"):
            expect(page.locator(f"#check-{check} .verdict")).to_have_text("Passed", timeout=PATIENCE)


def wait_for_card(page: Page, url: str) -> Locator:
    """Look at the version again and again until its issued card is listed; gives its row."""
    page.goto(url)
    return wait_for(page, page.locator("#cards .row", has_text="Issued"))


def wait_for(page: Page, what: Locator) -> Locator:
    """Look at the page again and again until something is on it that a worker makes."""
    for _ in range(PATIENCE // 500):
        if what.is_visible():
            break
        page.wait_for_timeout(500)
        page.reload()
    return what


def tell(portal: Any) -> str:
    """The whole story; gives the address of the version page."""
    url: str = register(portal)
    grant_roles(portal)
    for stage in STAGES:
        with portal.as_("submitter") as page:
            prepare_stage(page, url, stage)
        for role in signers(stage):
            sign(portal, role, role.replace("_", " "))
        with portal.as_("submitter") as page:
            advance(page, url)
    return str(url)
