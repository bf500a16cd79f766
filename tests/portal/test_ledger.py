"""What the ledger takes, in which order it stands, and what it signs."""

import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest
import rfc8785
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from portal import checkpoints, guards, ledger, merkle
from portal.errors import Unavailable
from portal.keys import ensure_keys
from portal.models import Checkpoint, LedgerEntry, LedgerHead
from tests.databases import at_once
from tests.portal.ledgers import Act, fail_after, record

pytestmark = pytest.mark.both_engines


@pytest.mark.django_db
def test_an_entry_says_who_did_what_to_what_when_and_why():
    ann = User.objects.create(username="ann", first_name="Ann", last_name="Noyes")
    group = Group.objects.create(name="things")
    before = timezone.now()
    entry = record(
        actor=ann,
        subject=group,
        event=Act.MOVED,
        scope="approvals.registeredmodel:7",
        facts={"b": [1, None, True], "a": "ß"},
        authentication="password",
        reason="Because.",
    )
    content = json.loads(entry.payload)
    moment = datetime.strptime(content.pop("time"), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert before <= moment == entry.at <= timezone.now()
    assert content == {
        "v": 1,
        "seq": 0,
        "event": "tests.thing.moved",
        "scope": "approvals.registeredmodel:7",
        "actor": {"id": ann.pk, "name": "Ann Noyes"},
        "authentication": "password",
        "object": {"type": "auth.group", "id": str(group.pk), "label": "things"},
        "facts": {"a": "ß", "b": [1, None, True]},
        "reason": "Because.",
    }
    kept = LedgerEntry.objects.get(event="tests.thing.moved", actor_id=ann.pk, object_id=str(group.pk))
    assert (kept.payload, bytes(kept.leaf)) == (entry.payload, merkle.leaf_hash(entry.payload.encode()))


@pytest.mark.django_db
def test_without_an_actor_it_was_the_system():
    entry = record()
    assert (entry.actor_id, entry.actor_name) == (None, "system")


@pytest.mark.django_db
def test_entries_are_numbered_from_zero_and_the_head_follows():
    assert [record(number).seq for number in range(9)] == list(range(9))
    head = LedgerHead.objects.get()
    tree = merkle.Tree(
        merkle.leaf_hash(text.encode()) for text in LedgerEntry.objects.values_list("payload", flat=True)
    )
    assert (head.size, bytes(head.root)) == (9, tree.root())


class Unregistered(StrEnum):
    MADE = "tests.thing.made"
    ODD = "tests.odd"


@pytest.mark.django_db
@pytest.mark.parametrize("event", [Unregistered.MADE, Unregistered.ODD, "tests.thing.made", None])
def test_an_event_that_nobody_registered_is_refused(event):
    with pytest.raises(ledger.LedgerMisuse, match="does not know the event"):
        record(event=event)
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize("name", ["made", "Tests.made", "tests made", "tests.", "t." + "x" * 100])
def test_an_event_name_is_dotted_and_lower_case(name):
    class Odd(StrEnum):
        ODD = name

    with pytest.raises(ledger.LedgerMisuse, match="event name"):
        ledger.register_events(Odd)


def test_an_event_name_belongs_to_one_enumeration():
    with pytest.raises(ledger.LedgerMisuse, match="named twice"):
        ledger.register_events(Unregistered)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "facts",
    [
        {"x": 0.5},
        {"x": [{"y": float("nan")}]},
        {1: "x"},
        {"x": {None: 1}},
        {"x": 2**53},
        {"x": b"bytes"},
        {"x": datetime(2026, 1, 1, tzinfo=UTC)},
        {"x": {1, 2}},
        {"x": "\ud800"},
        {"\udfff": 1},
    ],
)
def test_facts_that_two_readers_could_read_differently_are_refused(facts):
    with pytest.raises(ledger.LedgerMisuse, match="facts"):
        record(facts=facts)
    assert LedgerHead.objects.get().size == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "scope", ["", "model:7", "approvals.registeredmodel", "approvals.model:", "portal:1", "a.b:x y"]
)
def test_a_scope_that_names_nothing_is_refused(scope):
    with pytest.raises(ledger.LedgerMisuse, match="scope"):
        record(scope=scope)


@pytest.mark.django_db
def test_an_object_or_a_person_without_a_key_is_refused():
    with pytest.raises(ledger.LedgerMisuse, match="no key yet"):
        record(subject=Group(name="unsaved"))
    with pytest.raises(ledger.LedgerMisuse, match="nobody"):
        record(actor=User(username="unsaved"))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_the_canonical_text_is_that_of_rfc_8785(value):
    assert ledger.canonical(value).encode() == rfc8785.dumps(value)


def test_keys_beyond_the_first_plane_are_sorted_as_rfc_8785_sorts_them():
    value = {"\U0001f600": 1, "\ufb33": 2, "\u20ac": 3, "\r": 4, "1": 5}
    assert ledger.canonical(value).encode() == rfc8785.dumps(value)


@pytest.mark.django_db
def test_g13_a_clock_that_went_backwards_is_written_down_and_order_stays_by_number(monkeypatch, own_var):
    first = record()
    yesterday = first.at - timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: yesterday)
    second = record()
    content = json.loads(second.payload)
    assert (second.seq, content["clock"]["before"]) == (1, ledger.as_text(first.at))
    report = ledger.verify()
    assert report.ok
    assert report.remarks == ("The clock went backwards before entry 1; its order is by number.",)


def test_an_act_outside_a_transaction_is_refused(committed_database):
    group = Group.objects.create(name="things")
    with pytest.raises(ledger.LedgerMisuse, match="outside the transaction"):
        ledger.record(event=Act.MADE, actor=None, subject=group, scope="portal", facts={})
    assert not LedgerEntry.objects.exists()


def test_an_act_that_is_rolled_back_leaves_no_entry_and_no_gap(committed_database, own_var):
    record()
    with pytest.raises(ZeroDivisionError):
        fail_after(record)
    assert record().seq == 1
    assert ledger.verify().ok


def test_g29_when_the_ledger_cannot_write_the_act_is_rolled_back_and_the_user_told(committed_database, monkeypatch):
    monkeypatch.setattr(guards, "_guards", {})
    guards.add(guards.Guard(LedgerEntry, guards.Act.INSERT, "full_disk", "No room.", "NEW.seq >= 0"))
    guards.install()
    with pytest.raises(Unavailable, match="nothing was done"), transaction.atomic():
        record(subject=Group.objects.create(name="act"))
    assert not Group.objects.filter(name="act").exists()
    assert LedgerHead.objects.get().size == 0


@pytest.mark.django_db
def test_nothing_is_recorded_on_a_ledger_whose_head_does_not_fit():
    record()
    LedgerHead.objects.update(size=2)
    with pytest.raises(Unavailable, match="damaged"):
        record()


def test_sixteen_threads_write_one_whole_ledger_without_a_gap(committed_database, own_var):
    Group.objects.create(name="things")
    answers = at_once(lambda place: [record(place * 100 + step).seq for step in range(20)], threads=16)
    assert sorted(seq for seqs in answers for seq in seqs) == list(range(320))
    assert all(seqs == sorted(seqs) for seqs in answers)
    numbers = {json.loads(text)["facts"]["number"] for text in LedgerEntry.objects.values_list("payload", flat=True)}
    assert numbers == {place * 100 + step for place in range(16) for step in range(20)}
    report = ledger.verify()
    assert (report.ok, report.size) == (True, 320)


def test_a_checkpoint_is_a_row_and_a_file_and_the_key_holder_can_check_it(committed_database, own_var):
    for number in range(5):
        record(number)
    kept = ledger.checkpoint()
    note = ledger.verify_note(kept.note, ledger.vkey())
    assert (note.size, note.root) == (5, bytes(LedgerHead.objects.get().root))
    assert (own_var / "checkpoints" / "5.txt").read_text() == kept.note == Checkpoint.objects.get().note
    assert merkle.verify_note(kept.note, ledger.vkey()) == note


def test_the_same_size_is_signed_once_and_a_lost_file_is_written_again(committed_database, own_var):
    record()
    first = ledger.checkpoint()
    (own_var / "checkpoints" / "1.txt").unlink()
    assert ledger.checkpoint().note == first.note
    assert (own_var / "checkpoints" / "1.txt").exists()
    assert Checkpoint.objects.count() == 1


def test_eight_at_once_sign_one_checkpoint(committed_database, own_var):
    record()
    assert len(set(at_once(lambda _: ledger.checkpoint().note, threads=8))) == 1


def test_entries_that_may_still_be_rolled_back_are_never_signed(committed_database, own_var):
    record()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        ledger.checkpoint()
    assert not Checkpoint.objects.exists()


@pytest.mark.django_db
def test_an_empty_ledger_is_not_signed(own_var):
    with pytest.raises(Unavailable, match="empty"):
        ledger.checkpoint()


@pytest.mark.django_db
@pytest.mark.parametrize("content", [None, b"", b"not a key"])
def test_without_its_key_nothing_is_signed(own_var, content):
    record()
    path = own_var / "keys" / "ledger.pem"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Unavailable, match="key"):
        ledger.checkpoint()
    assert not Checkpoint.objects.exists()


@pytest.mark.django_db
def test_g33_after_the_key_is_rotated_old_checkpoints_hold_by_the_retired_key(own_var):
    record()
    ledger.checkpoint()
    old = ledger.vkey()
    (own_var / "keys" / "ledger.pem").unlink()
    ensure_keys(own_var)
    assert not ledger.verify().ok
    (own_var / "keys" / "retired-ledger-keys.txt").write_text(old + "\n")
    record()
    kept = ledger.checkpoint()
    assert ledger.verify().ok
    assert checkpoints.vkey_of(kept) == ledger.vkey() != old


@pytest.mark.django_db
def test_a_bundle_proves_its_entries_and_nothing_else(own_var):
    for number in range(11):
        record(number)
    kept = ledger.checkpoint()
    record(11)
    bundle = json.loads(json.dumps(ledger.proof_for([7, 0, 7, 10], kept)))
    assert [entry["seq"] for entry in bundle["entries"]] == [0, 7, 10]
    assert merkle.verify_bundle(bundle, ledger.vkey()) == []
    bundle["entries"][1]["payload"] = LedgerEntry.objects.get(seq=6).payload
    assert merkle.verify_bundle(bundle, ledger.vkey()) != []


@pytest.mark.django_db
def test_an_entry_after_the_checkpoint_cannot_be_proved_by_it(own_var):
    record()
    kept = ledger.checkpoint()
    record()
    with pytest.raises(ledger.LedgerMisuse, match="not covered"):
        ledger.proof_for([1], kept)


@pytest.mark.django_db
def test_an_inclusion_proof_leads_to_the_root(own_var):
    entries = [record(number) for number in range(6)]
    root = merkle.Tree(bytes(entry.leaf) for entry in entries).root(5)
    proof = ledger.inclusion_proof(3, 5)
    assert merkle.verify_inclusion(leaf=entries[3].leaf, index=3, size=5, proof=proof, root=root)
