"""What a policy asks before a deployed version is retired: the items of the decommission checklist."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from approvals.requirements.base import RequirementError, refuse_unknown
from approvals.rule_entries import roles
from approvals.stages import Role

KEY = re.compile(r"[a-z][a-z0-9_]{0,59}")
LONGEST = 300


@dataclass(frozen=True)
class DecommissionItem:
    """One thing that has to be done, or that does not apply for a reason, and as what a person says so."""

    key: str
    text: str
    roles: tuple[Role, ...]

    def as_policy(self) -> dict[str, Any]:
        """Back to policy text."""
        return {"item": self.key, "text": self.text, "roles": [role.value for role in self.roles]}

    @property
    def by_whom(self) -> str:
        """The roles in the middle of a sentence."""
        return " or ".join(role.in_words for role in self.roles)


def _item(key: str, text: str, *who: Role) -> DecommissionItem:
    return DecommissionItem(key, text, who)


DEFAULT_ITEMS = (
    _item(
        "consumers_moved",
        "Everybody and every system that uses the output was told, and uses something else.",
        Role.BUSINESS_OWNER,
    ),
    _item("endpoint_off", "The endpoint is switched off and answers nobody.", Role.IT_OPERATIONS),
    _item("jobs_stopped", "Scheduled jobs, streams and caches of the version are stopped.", Role.IT_OPERATIONS),
    _item("access_revoked", "Access, accounts and secrets of the version are revoked.", Role.SECURITY_OFFICER),
    _item("data_settled", "Its data are kept or deleted as the retention rule says.", Role.DATA_STEWARD),
    _item("successor", "The successor is named, or the reason why there is none.", Role.BUSINESS_OWNER),
    _item("monitoring_stopped", "No batch is delivered any more, and alarms are closed.", Role.IT_OPERATIONS),
    _item("records_archived", "Records and documents are archived for as long as the rules ask.", Role.RISK_OFFICER),
)
"""What is asked where a policy names no items of its own."""


def decommission_items(given: Any) -> tuple[DecommissionItem, ...] | None:
    """The items in a policy's text; None if it says nothing, empty if it names the list as empty."""
    if given is None:
        return None
    if not isinstance(given, list):
        raise RequirementError("decommission must be a list of items; write [] if nothing is asked.")
    items = tuple(_parsed(entry, number) for number, entry in enumerate(given, 1))
    keys = [item.key for item in items]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise RequirementError(f"decommission names the item “{twice}” twice.")
    return items


def _parsed(entry: Any, number: int) -> DecommissionItem:
    where = f"decommission, item {number}"
    if not isinstance(entry, Mapping):
        raise RequirementError(f"{where} must name item, text and roles.")
    refuse_unknown(entry, ("item", "text", "roles"), where=where)
    key, text = entry.get("item"), entry.get("text")
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise RequirementError(f"{where}: item takes at most 60 small letters, digits and underscores.")
    if not isinstance(text, str) or not 1 <= len(text.strip()) <= LONGEST:
        raise RequirementError(f"{where}: text takes 1 to {LONGEST} characters.")
    who = roles(entry.get("roles"), f"{where}: roles")
    if not who:
        raise RequirementError(f"{where} must name the roles that answer it.")
    return DecommissionItem(key, text.strip(), who)
