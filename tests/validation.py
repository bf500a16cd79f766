"""Writes docs/validation.md out of a test run: requirement, tests, result (21 CFR 11.10(a))."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

NUMBERED = re.compile(r"::test_g(\d+)_")
REQUIREMENTS = Path(__file__).parent / "requirements.yaml"


class Validation:
    """Collects the outcome of every numbered test of a run."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.outcomes: dict[int, dict[str, str]] = defaultdict(dict)
        self.total = 0

    def pytest_runtest_logreport(self, report: Any) -> None:
        """One phase of one test; a test that failed in any phase failed."""
        if report.when == "call":
            self.total += 1
        found = NUMBERED.search(report.nodeid)
        if found is None or (report.when != "call" and report.passed):
            return
        tests = self.outcomes[int(found.group(1))]
        name = report.nodeid.partition("[")[0]
        outcome = "passed" if report.passed else report.outcome
        tests[name] = outcome if tests.get(name, "passed") == "passed" else tests[name]

    def pytest_sessionfinish(self) -> None:
        """Write the document, unless only a part of the tests ran."""
        cases = yaml.safe_load(REQUIREMENTS.read_text("utf-8"))
        if set(self.outcomes) >= set(cases["cases"]):
            self.target.write_text(document(cases, self.outcomes), encoding="utf-8")


def document(requirements: Mapping[str, Any], outcomes: Mapping[int, Mapping[str, str]]) -> str:
    """The document as Markdown."""
    lines = [
        "# Validation",
        "",
        "Made by the test run itself (`make test`); do not edit. Each requirement names the tests that show it, as",
        "they ran on SQLite, and what came out. Those marked `both_engines` ran on a real PostgreSQL as well.",
        "",
        "| No. | Requirement | Tests | Result |",
        "|---|---|---|---|",
    ]
    for number, text in requirements["cases"].items():
        tests = outcomes.get(number, {})
        names = "<br>".join(f"`{_short(name)}`" for name in sorted(tests))
        lines.append(f"| {number} | {text} | {names} | {_result(tests)} |")
    lines += [
        "",
        "## 21 CFR Part 11",
        "",
        "Which of these cases bear on which clause. It is no statement of compliance.",
        "",
        "| Clause | What it asks | Cases | Result |",
        "|---|---|---|---|",
    ]
    for clause, entry in requirements["part_11"].items():
        together = {name: result for case in entry["cases"] for name, result in outcomes.get(case, {}).items()}
        numbers = ", ".join(map(str, entry["cases"]))
        lines.append(f"| {clause} | {entry['text']} | {numbers} | {_result(together)} |")
    return "\n".join([*lines, ""])


def _short(nodeid: str) -> str:
    path, _, name = nodeid.partition("::")
    return f"{path.removeprefix('tests/')} {name}"


def _result(tests: Mapping[str, str]) -> str:
    if not tests:
        return "**not tested**"
    failed = sum(outcome != "passed" for outcome in tests.values())
    return f"**{failed} failed**" if failed else "passed"
