"""A small ledger for cards in tests: real entries, real proofs, a real signed checkpoint, and no database."""

import json

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelcards.card import LedgerFacts
from portal import merkle

ORIGIN = "model-approval-portal"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def vkey(key=KEY):
    return merkle.make_vkey(ORIGIN, key.public_key().public_bytes_raw())


def payload_of(signed, *, artifact, policy_digest):
    return {
        "v": 1,
        "seq": signed.ledger_seq,
        "time": signed.signed_at,
        "event": "approvals.signoff.signed",
        "scope": "approvals.registeredmodel:3",
        "actor": {"id": signed.signer, "name": signed.printed_name},
        "object": {"type": "approvals.modelversion", "id": "12", "label": "Consumer credit default 2.1.0"},
        "authentication": signed.authentication,
        "reason": signed.comment,
        "facts": {
            "sign_off": signed.id,
            "stage": signed.stage,
            "role": signed.role,
            "decision": signed.decision,
            "printed_name": signed.printed_name,
            "meaning": signed.meaning,
            "signed_at": signed.signed_at,
            "dossier": signed.dossier,
            "artifact": artifact,
            "policy_digest": policy_digest,
            "conditions": [],
        },
    }


def ledger_of(payloads, *, key=KEY, size=240):
    """Facts about a ledger of `size` entries that holds these payloads at their places."""
    texts = {payload["seq"]: rfc8785.dumps(payload).decode() for payload in payloads}
    entries = [texts.get(seq, json.dumps({"seq": seq})) for seq in range(size)]
    tree = merkle.Tree(merkle.leaf_hash(text.encode()) for text in entries)
    body = merkle.note_body(ORIGIN, size, tree.root())
    note = merkle.signed_note(body, ORIGIN, key.public_key().public_bytes_raw(), key.sign(body.encode()))
    proof = {
        "format": merkle.BUNDLE_FORMAT,
        "vkey": vkey(key),
        "checkpoint": note,
        "entries": [
            {"seq": seq, "payload": text, "proof": [item.hex() for item in tree.inclusion(seq)]}
            for seq, text in sorted(texts.items())
        ],
    }
    return LedgerFacts(size=size, root=tree.root().hex(), checkpoint=note, vkey=vkey(key), proof=proof)
