"""What the ledger alone says about models, versions, sign-offs, findings, rights and policies, set beside the tables.

The ledger is the record and the tables are a copy to work with: whoever changes a row past the use cases is found here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from approvals.events import Event
from approvals.models import DossierSnapshot, Policy
from approvals.models.checks import RunStatus
from approvals.permissions import SUBMIT
from approvals.replay_tables import Replay, Row, as_tables
from portal.models import LedgerEntry

LONGEST = 60
MOVES = (
    Event.VERSION_ADVANCED,
    Event.VERSION_RETURNED,
    Event.VERSION_REJECTED,
    Event.VERSION_WITHDRAWN,
    Event.VERSION_SUSPENDED,
    Event.VERSION_REINSTATED,
    Event.VERSION_RETIRED,
)


def replay() -> Replay:
    """Read the ledger from its first entry to its last; nothing else is asked."""
    state = Replay()
    payloads = LedgerEntry.objects.filter(event__startswith="approvals.").order_by("seq")
    for payload in payloads.values_list("payload", flat=True).iterator(chunk_size=2000):
        entry = json.loads(payload)
        apply = APPLIED.get(entry["event"])
        if apply is not None:
            apply(state, int(entry["object"]["id"]), entry, entry["facts"])
    return state


def differences() -> tuple[str, ...]:
    """One sentence for each row that the ledger does not account for, or accounts for differently."""
    expected, found = replay(), as_tables()
    sentences: list[str] = []
    for name, title in TITLES.items():
        sentences += _compare(title, getattr(expected, name), getattr(found, name))
    sentences += _altered_texts()
    return tuple(sentences)


def _compare(title: str, expected: Mapping[Any, Row], found: Mapping[Any, Row]) -> Iterable[str]:
    for key in sorted(expected.keys() | found.keys()):
        if key not in found:
            yield f"{title} {_words(key)} is in the ledger and not in the tables."
        elif key not in expected:
            yield f"{title} {_words(key)} is in the tables, and the ledger knows nothing of it."
        else:
            for name, value in expected[key].items():
                if found[key].get(name) != value:
                    yield (
                        f"{title} {_words(key)}: {name.replace('_', ' ')} is “{_short(found[key].get(name))}” in the "
                        f"tables and “{_short(value)}” by the ledger."
                    )


def _words(key: Any) -> str:
    return " ".join(str(part) for part in key) if isinstance(key, tuple) else str(key)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _altered_texts() -> Iterable[str]:
    for policy in Policy.objects.only("pk", "text", "digest"):
        if hashlib.sha256(policy.text.encode()).hexdigest() != policy.digest:
            yield f"The text of policy {policy.pk} is not the one whose digest it carries."
    for snapshot in DossierSnapshot.objects.iterator():
        if hashlib.sha256(snapshot.text.encode()).hexdigest() != snapshot.digest:
            yield f"The dossier {_short(snapshot.digest)} is not the text that its digest was made of."


def _registered(state: Replay, version: int, entry: Row, facts: Row) -> None:
    state.versions[version] = {
        "stage": "scoping",
        "number": facts["number"],
        "submitted_by": entry["actor"]["id"],
        "developer": facts["developer"],
        "policy": facts["policy_digest"],
    }


def _repinned(state: Replay, version: int, _entry: Row, facts: Row) -> None:
    state.versions.setdefault(version, {})["policy"] = facts["policy_digest"]


def _moved(state: Replay, version: int, _entry: Row, facts: Row) -> None:
    state.versions.setdefault(version, {})["stage"] = facts["to"]


def _signed(state: Replay, version: int, entry: Row, facts: Row) -> None:
    names = ("stage", "role", "decision", "printed_name", "meaning", "signed_at", "dossier", "conditions")
    state.sign_offs[facts["sign_off"]] = {
        "version": version,
        "signer": entry["actor"]["id"],
        "comment": entry["reason"],
        "authentication": entry["authentication"],
        "on_behalf_of": facts.get("on_behalf_of"),
        **{name: facts[name] for name in names},
    }


def _finding_opened(state: Replay, version: int, _entry: Row, facts: Row) -> None:
    names = ("severity", "title", "description", "source", "source_reference", "owner", "due_on")
    state.findings[facts["finding"]] = {
        "version": version,
        "status": "open",
        **{name: facts[name] for name in names if name in facts},
    }


def _finding_accepted(state: Replay, _version: int, entry: Row, facts: Row) -> None:
    row = state.findings.setdefault(facts["finding"], {})
    row |= {"status": "accepted", "accepted_until": facts["until"], "resolution": entry["reason"]}


def _finding_closed(state: Replay, _version: int, entry: Row, facts: Row) -> None:
    row = state.findings.setdefault(facts["finding"], {})
    row |= {"status": "closed", "closed_by": entry["actor"]["id"], "resolution": entry["reason"]}


WAIVER_FACTS = ("exception", "stage", "requirement", "title", "unmet", "basis", "meanwhile", "expires_on")
SIGNATURE_FACTS = ("waiver", "role", "printed_name", "meaning", "signed_at", "dossier")


def _waiver_asked(state: Replay, version: int, entry: Row, facts: Row) -> None:
    names = {name: facts[name] for name in WAIVER_FACTS}
    row = {"version": version, "asked_by": entry["actor"]["id"], "reason": entry["reason"], "revoked_by": None}
    state.waivers[facts["waiver"]] = {**row, **names}


def _waiver_signed(state: Replay, _version: int, entry: Row, facts: Row) -> None:
    names = {name: facts[name] for name in SIGNATURE_FACTS}
    said = {"signer": entry["actor"]["id"], "comment": entry["reason"], "authentication": entry["authentication"]}
    state.waiver_signatures[facts["signature"]] = {**said, **names}


def _waiver_revoked(state: Replay, _version: int, entry: Row, facts: Row) -> None:
    state.waivers.setdefault(facts["waiver"], {})["revoked_by"] = entry["actor"]["id"]


def _delegated(state: Replay, model: int, entry: Row, facts: Row) -> None:
    names = {name: facts[name] for name in ("role", "delegate", "starts_on", "ends_on")}
    row = {"model": model, "principal": entry["actor"]["id"], "reason": entry["reason"], "revoked_by": None}
    state.delegations[facts["delegation"]] = {**row, **names}


def _delegation_revoked(state: Replay, _model: int, entry: Row, facts: Row) -> None:
    state.delegations.setdefault(facts["delegation"], {})["revoked_by"] = entry["actor"]["id"]


def _pass_opened(state: Replay, version: int, entry: Row, facts: Row) -> None:
    names = {name: facts[name] for name in ("trigger", "gates", "due_on")}
    begun = {"outcome": "open", "decided_by": None, "decided_because": "", "valid_until": None}
    opened = {"version": version, "opened_by": entry["actor"]["id"], "reason": entry["reason"]}
    state.revalidations[facts["revalidation"]] = {**begun, **opened, **names}


def _pass_repinned(state: Replay, _version: int, entry: Row, facts: Row) -> None:
    said = {"by": entry["actor"]["id"], "reason": entry["reason"], "before": facts["approval_digest"]}
    names = {name: facts[name] for name in ("revalidation", "gates")}
    state.pass_policies[facts["pin"]] = {**said, **names, "policy": facts["policy_digest"]}


def _pass_renewed(state: Replay, version: int, entry: Row, facts: Row) -> None:
    _pass_decided(state, version, entry, facts)
    if "policy_digest" in facts:
        state.versions.setdefault(version, {})["policy"] = facts["policy_digest"]


def _pass_decided(state: Replay, _version: int, entry: Row, facts: Row) -> None:
    row = state.revalidations.setdefault(facts["revalidation"], {})
    names = {name: facts[name] for name in ("outcome", "valid_until")}
    row |= {"decided_by": entry["actor"]["id"], "decided_because": entry["reason"], **names}


def _decommissioned(state: Replay, version: int, entry: Row, facts: Row) -> None:
    names = {name: facts[name] for name in ("item", "text", "applies", "role", "printed_name")}
    said = {"version": version, "answered_by": entry["actor"]["id"], "evidence": entry["reason"]}
    state.decommissions[facts["answer"]] = {**said, **names}


def _restricted(state: Replay, version: int, entry: Row, facts: Row) -> None:
    names = {name: facts[name] for name in ("text", "source_reference")}
    said = {"version": version, "reason": entry["reason"], "lifted_by": None, "lifted_because": ""}
    state.restrictions[facts["restriction"]] = {**said, **names}


def _lifted(state: Replay, _version: int, entry: Row, facts: Row) -> None:
    row = state.restrictions.setdefault(facts["restriction"], {})
    row |= {"lifted_by": entry["actor"]["id"], "lifted_because": entry["reason"]}


def _attached(state: Replay, version: int, entry: Row, facts: Row) -> None:
    state.evidence[facts["evidence"]] = {
        "version": version,
        "uploaded_by": entry["actor"]["id"],
        **{name: facts[name] for name in ("kind", "sha256", "made_with_artifact")},
    }


def _answered(state: Replay, version: int, entry: Row, facts: Row) -> None:
    key = (version, facts["section"], facts["question"])
    state.answers[key] = {"text": facts["text"], "answered_by": entry["actor"]["id"]}


def _requested(state: Replay, version: int, _entry: Row, facts: Row) -> None:
    state.runs[facts["run"]] = {"version": version, "check": facts["check"], "inputs": facts["inputs"], "verdict": ""}


def _finished(state: Replay, _version: int, _entry: Row, facts: Row) -> None:
    row = state.runs.setdefault(facts["run"], {})
    crashed = facts["verdict"] == RunStatus.CRASHED
    row |= {"verdict": "error" if crashed else facts["verdict"]}
    if not crashed:
        row["reading"] = facts["reading"]


def _stopped(state: Replay, _version: int, _entry: Row, facts: Row) -> None:
    state.runs.setdefault(facts["run"], {})["verdict"] = "error"


def _drafted(state: Replay, policy: int, _entry: Row, facts: Row) -> None:
    state.policies[policy] = {"status": "draft", "name": facts["name"], "digest": facts["digest"]}


def _published(state: Replay, policy: int, entry: Row, facts: Row) -> None:
    row = state.policies.setdefault(policy, {})
    by = entry["actor"]["id"]
    row |= {"status": "published", "number": facts["number"], "digest": facts["digest"], "published_by": by}


def _retired(state: Replay, policy: int, _entry: Row, _facts: Row) -> None:
    state.policies.setdefault(policy, {})["status"] = "retired"


def _model_registered(state: Replay, model: int, _entry: Row, facts: Row) -> None:
    state.rights[model, SUBMIT, "person", facts["submitter"]] = {}


def _granted(state: Replay, model: int, _entry: Row, facts: Row) -> None:
    kind = "person" if "person" in facts else "group"
    state.rights[model, facts["right"], kind, facts[kind]] = {}


def _revoked(state: Replay, model: int, _entry: Row, facts: Row) -> None:
    kind = "person" if "person" in facts else "group"
    state.rights.pop((model, facts["right"], kind, facts[kind]), None)


APPLIED: dict[str, Callable[[Replay, int, Row, Row], None]] = {
    Event.MODEL_REGISTERED: _model_registered,
    Event.ROLE_GRANTED: _granted,
    Event.ROLE_REVOKED: _revoked,
    Event.VERSION_REGISTERED: _registered,
    **dict.fromkeys(MOVES, _moved),
    Event.VERSION_REPINNED: _repinned,
    Event.SIGNED: _signed,
    Event.FINDING_OPENED: _finding_opened,
    Event.FINDING_ACCEPTED: _finding_accepted,
    Event.FINDING_CLOSED: _finding_closed,
    Event.WAIVER_ASKED: _waiver_asked,
    Event.WAIVER_SIGNED: _waiver_signed,
    Event.WAIVER_REVOKED: _waiver_revoked,
    Event.DELEGATED: _delegated,
    Event.DELEGATION_REVOKED: _delegation_revoked,
    Event.REVALIDATION_OPENED: _pass_opened,
    Event.REVALIDATION_REPINNED: _pass_repinned,
    Event.REVALIDATION_RENEWED: _pass_renewed,
    Event.REVALIDATION_REFUSED: _pass_decided,
    Event.REVALIDATION_ENDED: _pass_decided,
    Event.RESTRICTED: _restricted,
    Event.RESTRICTION_LIFTED: _lifted,
    Event.DECOMMISSION_ANSWERED: _decommissioned,
    Event.EVIDENCE_ATTACHED: _attached,
    Event.ANSWER_RECORDED: _answered,
    Event.CHECK_REQUESTED: _requested,
    Event.CHECK_FINISHED: _finished,
    Event.CHECK_STOPPED: _stopped,
    Event.POLICY_DRAFTED: _drafted,
    Event.POLICY_PUBLISHED: _published,
    Event.POLICY_RETIRED: _retired,
}
TITLES = {
    "versions": "Version",
    "sign_offs": "Sign-off",
    "findings": "Finding",
    "evidence": "Evidence",
    "answers": "The answer",
    "runs": "Check run",
    "policies": "Policy",
    "rights": "The right",
    "waivers": "Exception",
    "waiver_signatures": "Signature of an exception",
    "delegations": "Delegation",
    "revalidations": "Revalidation",
    "pass_policies": "Policy of a revalidation",
    "restrictions": "Condition of use",
    "decommissions": "Answer of a decommission checklist",
}
