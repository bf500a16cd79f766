"""What a bill of materials says about components: licences, exact versions, digests, and weaknesses listed in it.

Reads the attached document only. Looks up nothing, so it knows no vulnerability that the document does not list.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from approvals.checks._bill_reading import read_bill
from approvals.checks._bills import SEVERITIES, Bill, Component, Vulnerability, conflicts
from approvals.checks._licences import LicenceRules, Standing
from approvals.checks._verdicts import Rule, at_most, judge_by
from approvals.checks.base import Check, Job, Judgement, NumberTable, ParameterError, Reading, Report
from approvals.measures.values import Measure, not_computable

DENIED, NOT_ALLOWED = "components of a denied licence", "components of a licence that is not allowed"
UNKNOWN = "share of components of unknown licence"
UNPINNED, WITHOUT_DIGEST = "components without an exact version", "components without a digest"
CONFLICTS, BANNED = "components in several versions", "banned components"
INCOMPLETE = "parts that the bill itself does not call complete"
ABOVE = "listed vulnerabilities above severity “{}”"
WORDS = {
    Standing.ALLOWED: "allowed",
    Standing.UNKNOWN: "unknown",
    Standing.NOT_ALLOWED: "not allowed",
    Standing.DENIED: "denied",
}
LOOKED_UP = (
    "Vulnerabilities that the document does not list: a check has no network and looks none up. A bill made anew with "
    "the findings of a scanner may change the verdict."
)
MOST_ROWS, MOST_NAMED = 500, 5
_NAME_AND_RANGE = re.compile(r"(?P<name>[^<>=!~\s]+)\s*(?P<range>.*)")


@dataclass(frozen=True)
class Parameters:
    """Licences by SPDX identifier, and components by name or name with a range of versions, such as “pyyaml<5.4”.

    A vulnerability whose analysis in the document has a settled state, such as “not_affected”, is not counted.
    """

    allowed_licences: tuple[str, ...] = ()
    denied_licences: tuple[str, ...] = ()
    banned_components: tuple[str, ...] = ()
    settled_states: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for entry in self.banned_components:
            _ban(entry)


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. A denied licence or a banned component fails under any policy."""

    max_not_allowed: int | None = 0
    max_unknown_licence_share: float | None = 0.0
    max_conflicts: int | None = 0
    max_incomplete_parts: int | None = 0
    max_severity: str | None = "none"
    require_pinned: bool = True
    require_digests: bool = True


@dataclass(frozen=True)
class _Ban:
    name: str
    versions: SpecifierSet

    def covers(self, component: Component) -> bool:
        """Whether the component may be a banned one: a version that is not known is in every range."""
        named = (component.name, component.package.partition("/")[2])
        if self.name not in {canonicalize_name(one) for name in named for one in (name, name.rpartition("/")[2])}:
            return False
        # A package URL of another version than the component's: either may be what is installed.
        return any(self._in_range(one) for one in {component.version, component.package_version or component.version})

    def _in_range(self, version: str) -> bool:
        try:
            return not str(self.versions) or self.versions.contains(Version(version), prereleases=True)
        except InvalidVersion:
            return True


@dataclass(frozen=True)
class _Judged:
    component: Component
    standing: Standing
    problems: tuple[str, ...]


class DependencyLicences(Check):
    """Licences, exact versions and digests of all components, and the vulnerabilities that the document lists."""

    title = "Dependencies and licences"
    version = "3"
    inputs = ("bill_of_materials",)
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        piece, asked = job.input("bill_of_materials"), job.parameters
        report(0.0, "Reading the bill of materials")
        bill = read_bill(piece)
        rules = LicenceRules(allowed=asked.allowed_licences, denied=asked.denied_licences)
        bans = [_ban(entry) for entry in asked.banned_components]
        report(0.3, "Judging the components")
        several = conflicts(bill.components)
        judged = [_judged(component, rules, bans, several) for component in bill.components]
        judged.sort(key=lambda item: (not item.problems, item.component.name.lower(), item.component.version))
        open_ones = [one for one in bill.vulnerabilities or () if one.state not in asked.settled_states]
        return Reading(
            measures=(
                *_measures(judged, several, names_allowed=bool(asked.allowed_licences)),
                *_completeness(bill),
                *_vulnerability_measures(bill, open_ones),
            ),
            looked_at=(
                f"{len(bill.components):,} components in {piece.name}, a {bill.format}.",
                _listed_vulnerabilities(bill, open_ones),
            ),
            not_looked_at=_not_looked_at(bill),
            tables=tuple(_tables(judged, bill.vulnerabilities or ())),
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        severity = thresholds.max_severity
        rules = (
            at_most(NOT_ALLOWED, thresholds.max_not_allowed),
            at_most(UNKNOWN, thresholds.max_unknown_licence_share),
            at_most(CONFLICTS, thresholds.max_conflicts),
            at_most(ABOVE.format(severity), None if severity is None else 0),
        )
        required: list[Rule] = [at_most(DENIED, 0), at_most(BANNED, 0)]
        if any(measure.name == INCOMPLETE for measure in reading.measures):
            required += [at_most(INCOMPLETE, thresholds.max_incomplete_parts)] * (
                thresholds.max_incomplete_parts is not None
            )
        required += [at_most(UNPINNED, 0)] if thresholds.require_pinned else []
        required += [at_most(WITHOUT_DIGEST, 0)] if thresholds.require_digests else []
        return judge_by(reading, rules, required=required)


def _ban(entry: str) -> _Ban:
    found = _NAME_AND_RANGE.fullmatch(entry.strip())
    try:
        if found:
            return _Ban(str(canonicalize_name(found["name"])), SpecifierSet(found["range"]))
    except InvalidSpecifier:
        pass
    raise ParameterError(f"“{entry}” bans no component; write a name, or a name with a range such as “pyyaml<5.4”.")


def _judged(
    component: Component, rules: LicenceRules, bans: Sequence[_Ban], several: dict[str, tuple[str, ...]]
) -> _Judged:
    standing = rules.standing(component.licences)
    problems = []
    if any(ban.covers(component) for ban in bans):
        problems.append(BANNED)
    if standing is Standing.DENIED:
        problems.append(DENIED)
    if standing is Standing.NOT_ALLOWED:
        problems.append(NOT_ALLOWED)
    if standing is Standing.UNKNOWN:
        problems.append(UNKNOWN)
    if not component.pinned:
        problems.append(UNPINNED)
    if not component.has_digest:
        problems.append(WITHOUT_DIGEST)
    if component.identity in several:
        problems.append(CONFLICTS)
    return _Judged(component, standing, tuple(problems))


def _measures(judged: Sequence[_Judged], several: dict[str, tuple[str, ...]], *, names_allowed: bool) -> list[Measure]:
    total = len(judged)
    counts = Counter(problem for item in judged for problem in item.problems)
    measures = [
        Measure(name, counts[name], total, method=_named(judged, name))
        for name in (DENIED, BANNED, UNPINNED, WITHOUT_DIGEST)
    ]
    # A policy that names no allowed licence has not said what is allowed, so nothing is.
    measures.append(
        Measure(NOT_ALLOWED, counts[NOT_ALLOWED], total, method=_named(judged, NOT_ALLOWED))
        if names_allowed
        else not_computable(NOT_ALLOWED, "Not computable: the policy names no allowed licences.", n=total)
    )
    unknown = counts[UNKNOWN]
    measures.append(
        Measure(
            UNKNOWN,
            unknown / total,
            total,
            method=_named(judged, UNKNOWN),
            counts=(("k", unknown), ("n", total)),
        )
    )
    measures.append(Measure(CONFLICTS, len(several), total, method=_named(judged, CONFLICTS)))
    return measures


def _named(judged: Sequence[_Judged], problem: str) -> str:
    names = list(dict.fromkeys(item.component.name for item in judged if problem in item.problems))
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _completeness(bill: Bill) -> list[Measure]:
    """What the document says of itself; nothing if it says nothing."""
    if bill.incomplete is None:
        return []
    words = ", ".join(dict.fromkeys(word[:60] for word in bill.incomplete[:MOST_NAMED])) or "all are called complete"
    return [Measure(INCOMPLETE, len(bill.incomplete), None, method=words)]


def _vulnerability_measures(bill: Bill, open_ones: Sequence[Vulnerability]) -> list[Measure]:
    listed = "the document has no section of vulnerabilities" if bill.vulnerabilities is None else ""
    measures = []
    for place, severity in enumerate(SEVERITIES[:-1]):
        above = [one.identifier for one in open_ones if SEVERITIES.index(one.severity) > place]
        more = f" and {len(above) - MOST_NAMED:,} more" if len(above) > MOST_NAMED else ""
        method = listed or ", ".join(above[:MOST_NAMED]) + more
        measures.append(Measure(ABOVE.format(severity), len(above), None, method=method))
    return measures


def _listed_vulnerabilities(bill: Bill, open_ones: Sequence[Vulnerability]) -> str:
    if bill.vulnerabilities is None:
        return "The document has no section of vulnerabilities, so none was counted."
    counts = Counter(one.severity for one in open_ones)
    shown = ", ".join(f"{counts[severity]:,} {severity}" for severity in reversed(SEVERITIES) if counts[severity])
    settled = len(bill.vulnerabilities) - len(open_ones)
    aside = f" {settled:,} more are settled by states that the policy accepts." if settled else ""
    return f"The vulnerabilities that the document lists: {shown or 'none'}.{aside}"


def _not_looked_at(bill: Bill) -> tuple[str, ...]:
    return (
        LOOKED_UP,
        "Whether the stated licences are true, and what their texts ask.",
        "Whether the artifact needs just these components: libraries that a skops or ONNX file names are not compared.",
        *(("Whether the bill lists everything, of which it says nothing itself.",) if bill.incomplete is None else ()),
        *(() if bill.states_licences else ("Licences: such a list states none; a CycloneDX document does.",)),
        *bill.unread,
    )


def _tables(judged: Sequence[_Judged], vulnerabilities: Sequence[Vulnerability]) -> Iterable[NumberTable]:
    yield NumberTable(
        "Components",
        ("Component", "Version", "Licence", "Licence is", "Exact version", "Digest", "Problems"),
        tuple(_row(item) for item in judged[:MOST_ROWS]),
        note=_cut(len(judged)),
    )
    if vulnerabilities:
        worst = sorted(vulnerabilities, key=lambda one: (-SEVERITIES.index(one.severity), one.identifier))
        yield NumberTable(
            "Vulnerabilities that the document lists",
            ("Identifier", "Severity", "Analysis", "Affects"),
            tuple((one.identifier, one.severity, one.state or "none", one.affects) for one in worst[:MOST_ROWS]),
            note=_cut(len(worst)),
        )


def _row(item: _Judged) -> tuple[str, ...]:
    component = item.component
    return (
        component.name,
        component.version or "none",
        " AND ".join(component.licences)[:300] or "none",
        WORDS[item.standing],
        "yes" if component.pinned else "no",
        "yes" if component.has_digest else "no",
        "; ".join(problem.removeprefix("share of ") for problem in item.problems),
    )


def _cut(total: int) -> str:
    return (
        f"{total - MOST_ROWS:,} more rows are not shown; those with problems come first." if total > MOST_ROWS else ""
    )
