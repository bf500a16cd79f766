"""Rules of the house that no tool checks: short files, names that say something, templates without inline code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("portal", "approvals", "modelcards", "monitoring")
MODULES = sorted(path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "portal" / "static").rglob("*.*"))
LONGEST = 400


def named(paths):
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


@pytest.mark.parametrize("path", named(MODULES))
def test_a_module_is_short_says_what_it_does_and_has_a_name(path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert path.stem not in {"utils", "helpers", "common", "misc", "tools"}
    assert not text.strip() or text.startswith(('"""', "#!"))
    assert "../shared" not in text


@pytest.mark.parametrize("path", named(TEMPLATES))
def test_a_template_holds_no_code_no_style_and_no_address_outside(path):
    text = path.read_text("utf-8")
    if path.name == "card.html":
        text = text.replace("<style>{{ page.style }}</style>", "")  # the card is printed, not served
    if path.name in {"card_table.html", "card_law_table.html"}:
        text = text.replace(' style="width: {{ width }}%"', "")  # printed, too; each table has widths of its own
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", text)
    assert "|safe" not in text
    assert "autoescape off" not in text


@pytest.mark.parametrize("path", named(SCRIPTS))
def test_what_is_served_names_no_address_outside(path):
    text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert "//" not in re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    assert "eval(" not in text


def test_rules_of_approval_are_not_in_forms_views_or_tasks():
    """Nothing outside workflow.py calls a transition of the state machine."""
    moves = re.compile(r"\b\w*version\.(advance|request_changes|reject|withdraw|suspend|reinstate|retire)\(")
    found = [str(path) for path in MODULES if moves.search(path.read_text("utf-8")) and path.name != "workflow.py"]
    assert not found


def test_whether_somebody_may_read_of_a_model_is_decided_in_one_place():
    """telling.py leaves out who may not view it; the ground floor tells of accounts and of what concerns all."""
    found = [path for path in MODULES if re.search(r"\bnotify\.(notify|queue_mail)\(", path.read_text("utf-8"))]
    outside = {str(path.relative_to(ROOT)) for path in found if path.relative_to(ROOT).parts[0] != "portal"}
    assert outside == {"approvals/telling.py"}


def test_a_version_is_locked_in_one_way():
    """A lock of other rows, or in another order, lets two use cases wait for each other."""
    own = re.compile(r"ModelVersion\.objects\.(?!locked)[^\n]*select_for_update|versions\.select_for_update")
    found = [str(path) for path in MODULES if own.search(re.sub(r"\n\s+\.", ".", path.read_text("utf-8")))]
    assert not found
