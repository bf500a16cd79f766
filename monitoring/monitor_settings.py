"""One entry of a policy's monitors, typed. What it cannot mean is refused where the policy is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from approvals.checks._setting_ranges import require_ranges
from approvals.checks.base import ParameterError, build
from approvals.models.findings import Severity
from monitoring import monitors
from monitoring.alarms import Level
from monitoring.monitors.base import MonitorKind
from portal.errors import Refused

EVERY_DAYS = 31
LONGEST_PAUSE = 366
MOST_IN_A_ROW = 60
UNANSWERED_AFTER = 3
OUTCOMES_WITHIN_DAYS = 90
LONGEST_WAIT = 3660
SHORTEST, LONGEST = 10, 500


@dataclass(frozen=True)
class MonitorSettings:
    """What one monitor of a version watches for, and what follows."""

    key: str
    parameters: dict[str, Any]
    thresholds: dict[str, Any]
    warn: dict[str, Any]
    critical: dict[str, Any]
    severity: Severity
    every_days: int
    after: int
    clears_after: int
    unanswered_after: int
    outcomes_within_days: int
    suspends: bool
    suspends_from: Level
    restricts: bool
    restricts_from: Level
    restriction: str


def settings_written(entry: Mapping[str, Any]) -> MonitorSettings:
    """The settings in an entry of a policy that is being written, which must also mean something: no level of 1.5.

    Raises Refused; a published policy is not asked again.
    """
    found = settings_of(entry)
    kind = monitors.find(found.key)
    if kind is None:
        return found
    for name in ("parameters", "thresholds", "warn", "critical"):
        owner = f"The monitor “{found.key}”, {name}"
        try:
            chosen = kind.Parameters if name == "parameters" else kind.Thresholds
            require_ranges(build(chosen, getattr(found, name), owner=owner), owner=owner)
        except ParameterError as error:
            raise Refused(error.sentence) from None
    return found


def settings_of(entry: Mapping[str, Any]) -> MonitorSettings:
    """The settings in an entry. Raises Refused with the sentence for whoever writes the policy."""
    key = str(entry["monitor"])
    kind = monitors.find(key)
    if kind is None:
        raise Refused(f"The policy asks for the monitor “{key}”, which this portal does not have.")
    given = {name: _mapping(entry, name, key) for name in ("parameters", "thresholds", "warn", "critical")}
    try:
        kind.require_settings(given["parameters"], given["thresholds"])
        for name in ("warn", "critical"):
            if given[name]:
                kind.require_settings(given["parameters"], given[name])
    except ParameterError as error:
        raise Refused(error.sentence) from error
    _require_order(key, given)
    _require_levels(kind, key, given)
    _require_waiting(kind, key, entry)
    suspends, suspends_from = _from_level(entry, key, "suspends")
    restricts, restricts_from = _from_level(entry, key, "restricts")
    return MonitorSettings(
        key=key,
        severity=_severity(entry, key),
        every_days=_count(entry, key, "every_days", EVERY_DAYS, LONGEST_PAUSE),
        after=_count(entry, key, "after", 1, MOST_IN_A_ROW),
        clears_after=_count(entry, key, "clears_after", 1, MOST_IN_A_ROW),
        unanswered_after=_count(entry, key, "unanswered_after", UNANSWERED_AFTER, MOST_IN_A_ROW),
        outcomes_within_days=_count(entry, key, "outcomes_within_days", OUTCOMES_WITHIN_DAYS, LONGEST_WAIT),
        suspends=suspends,
        suspends_from=suspends_from,
        restricts=restricts,
        restricts_from=restricts_from,
        restriction=_restriction(entry, key, restricts=restricts),
        **given,
    )


def _mapping(entry: Mapping[str, Any], name: str, key: str) -> dict[str, Any]:
    value = entry.get(name) or {}
    if not isinstance(value, Mapping):
        raise Refused(f"The {name} of the monitor “{key}” must be names with values.")
    return dict(value)


def _severity(entry: Mapping[str, Any], key: str) -> Severity:
    levels = {level.label.lower(): level for level in Severity}
    severity = levels.get(str(entry.get("severity", "high")).lower())
    if severity is None:
        raise Refused(f"The monitor “{key}” names no known severity; known: {', '.join(levels)}.")
    return severity


def _count(entry: Mapping[str, Any], key: str, name: str, default: int, most: int) -> int:
    value = entry.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise Refused(f"The monitor “{key}” needs “{name}”, a whole number from 1 to {most}.")
    return value


def _from_level(entry: Mapping[str, Any], key: str, name: str) -> tuple[bool, Level]:
    """Whether the consequence of that name follows from an alarm, and from which level."""
    value = entry.get(name, False)
    if value == "critical":
        return True, Level.CRITICAL
    if not isinstance(value, bool):
        raise Refused(f"The monitor “{key}”: “{name}” must be true, false or critical.")
    return value, Level.ALERT


def _restriction(entry: Mapping[str, Any], key: str, *, restricts: bool) -> str:
    text = entry.get("restriction", "")
    if restricts != bool(text):
        raise Refused(f"The monitor “{key}” needs “restricts” and “restriction”, the condition of use, together.")
    if not isinstance(text, str) or (restricts and not SHORTEST <= len(text.strip()) <= LONGEST):
        raise Refused(f"The monitor “{key}”: “restriction” takes {SHORTEST} to {LONGEST} characters.")
    return text.strip()


def _require_order(key: str, given: Mapping[str, Mapping[str, Any]]) -> None:
    """A warning comes no later than an alert, which comes no later than the critical level."""
    for milder, harder in (("warn", "thresholds"), ("thresholds", "critical"), ("warn", "critical")):
        for name in given[milder].keys() & given[harder].keys():
            low, high = given[milder][name], given[harder][name]
            if not all(isinstance(value, int | float) for value in (low, high)):
                continue
            if (name.startswith("max_") and low > high) or (name.startswith("min_") and low < high):
                raise Refused(
                    f"The monitor “{key}”: {name} of {milder} is {low:g} and of {harder} {high:g}, so the harder level "
                    "would be reached first."
                )


def _require_waiting(kind: type[MonitorKind], key: str, entry: Mapping[str, Any]) -> None:
    if "outcomes_within_days" in entry and not kind.needs_outcomes:
        raise Refused(f"The monitor “{key}” waits for no outcomes; leave out outcomes_within_days.")
    if "unanswered_after" in entry and not kind.needs_batch:
        raise Refused(f"The monitor “{key}” watches the clock, which always answers; leave out unanswered_after.")


def _require_levels(kind: type[MonitorKind], key: str, given: Mapping[str, Mapping[str, Any]]) -> None:
    if kind.needs_batch:
        return
    if given["warn"] or given["critical"]:
        raise Refused(f"The monitor “{key}” watches the clock and has no levels; leave out warn and critical.")
