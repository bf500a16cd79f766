"""Each way of tampering with the ledger, done in the database with the guards dropped, is found and named."""

import json
import shutil

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection

from portal import auditing, guards, ledger, merkle
from portal.errors import Unavailable
from portal.models import Checkpoint, LedgerEntry, LedgerHead, OutgoingMessage
from portal.tasks import nightly_checkpoint
from tests.portal.ledgers import drop_guards, record

pytestmark = [pytest.mark.both_engines, pytest.mark.django_db]
SIZE = 12
GUARDS_ARE_GONE = "is missing or altered"


@pytest.fixture
def attacked(own_var):
    """Twelve entries, signed at eight, and no guards any more."""
    for number in range(8):
        record(number)
    ledger.checkpoint()
    for number in range(8, SIZE):
        record(number)
    drop_guards()


def found():
    """The first bad entry and what is said, apart from the missing guards."""
    report = ledger.verify()
    assert not report.ok
    return report.first_bad_seq, " ".join(text for text in report.sentences if GUARDS_ARE_GONE not in text)


def rehash():
    """Make the database agree with itself again, as a careful forger would."""
    peaks: list[bytes] = []
    size = 0
    for entry in LedgerEntry.objects.order_by("seq"):
        content = {**json.loads(entry.payload), "seq": size}
        payload = ledger.canonical(content)
        leaf = merkle.leaf_hash(payload.encode())
        columns = auditing._columns(content)
        LedgerEntry.objects.filter(seq=entry.seq).update(payload=payload, leaf=leaf, **columns)
        LedgerEntry.objects.filter(seq=entry.seq).update(seq=size)
        peaks = merkle.push(peaks, size, leaf)
        size += 1
    LedgerHead.objects.update(size=size, peaks=b"".join(peaks), root=merkle.root_of(peaks))


def edit(seq):
    entry = LedgerEntry.objects.get(seq=seq)
    LedgerEntry.objects.filter(seq=seq).update(payload=entry.payload.replace('"number"', '"NUMBER"'))


def test_a_whole_ledger_is_said_to_be_whole(own_var):
    for number in range(SIZE):
        record(number)
    assert "nothing was signed yet" in ledger.verify().sentences[0]
    ledger.checkpoint()
    report = ledger.verify()
    assert (report.ok, report.first_bad_seq, report.size) == (True, None, SIZE)
    assert report.sentences == ("All 12 entries of the ledger are whole and in order; 1 signed checkpoint agrees.",)
    assert report.root == bytes(LedgerHead.objects.get().root).hex()


def test_an_empty_ledger_is_whole(own_var):
    assert ledger.verify().ok


def test_dropped_guards_are_told_even_if_nothing_else_happened(attacked):
    report = ledger.verify()
    assert not report.ok
    assert any("guard_portal_ledgerentry_no_update" in text for text in report.sentences)
    assert found() == (None, "")


def test_g26_tamper_1_an_edited_text(attacked):
    edit(5)
    assert found() == (5, "The text of entry 5 was edited: it no longer has the hash that was stored with it.")


def test_g26_tamper_2_a_deleted_row(attacked):
    LedgerEntry.objects.filter(seq=3).delete()
    assert found() == (3, "Entry 3 is missing: the next one there is number 4.")


@pytest.mark.parametrize("with_leaf", [True, False])
def test_g26_tamper_3_two_swapped_rows(attacked, with_leaf):
    two, nine = LedgerEntry.objects.get(seq=2), LedgerEntry.objects.get(seq=9)
    names = ["payload", "leaf"] if with_leaf else ["payload"]
    LedgerEntry.objects.filter(seq=2).update(**{name: getattr(nine, name) for name in names})
    LedgerEntry.objects.filter(seq=9).update(**{name: getattr(two, name) for name in names})
    seq, said = found()
    assert seq == 2
    assert said.startswith("At number 2 stands the text of entry 9: entries were swapped or moved.")


def test_g26_tamper_4_a_cut_tail(attacked):
    LedgerEntry.objects.filter(seq__gte=10).delete()
    assert found() == (10, "The entries 10 to 11 are missing: the end of the ledger was cut off.")


def test_g26_tamper_5_a_cut_tail_with_a_fitting_head_is_shown_by_the_checkpoint(attacked):
    LedgerEntry.objects.filter(seq__gte=6).delete()
    rehash()
    seq, said = found()
    assert seq == 6
    assert said.startswith("The ledger has 6 entries, but the checkpoint in")
    assert "was signed at 8: its end was cut off, or an older backup was restored." in said


def test_g26_tamper_6_an_edit_with_everything_rehashed_is_shown_by_the_checkpoint(attacked):
    edit(5)
    rehash()
    seq, said = found()
    assert seq == 0
    assert "The first 8 entries are not those that the checkpoint in" in said
    assert "the ledger was rewritten" in said


def test_g26_tamper_7_an_inserted_entry_with_everything_rehashed_is_shown_by_the_checkpoint(attacked):
    for seq in range(SIZE - 1, 3, -1):
        LedgerEntry.objects.filter(seq=seq).update(seq=seq + 1)
    forged = LedgerEntry.objects.get(seq=3)
    forged.seq = 4
    forged.save(force_insert=True)
    rehash()
    assert "the ledger was rewritten" in found()[1]


def test_a_rewrite_of_what_was_never_signed_agrees_with_itself_and_only_an_outside_note_shows_it(attacked):
    outside = record_and_sign_elsewhere()
    edit(10)
    rehash()
    assert found() == (None, "")
    report = ledger.verify(notes=[outside])
    assert report.first_bad_seq == 8
    assert any("the checkpoint in given 1 was signed for" in text for text in report.sentences)


def record_and_sign_elsewhere():
    """The note on a PDF whose copies in the portal were destroyed."""
    note = ledger.checkpoint().note
    Checkpoint.objects.filter(size=SIZE).delete()
    (settings.VAR / "checkpoints" / f"{SIZE}.txt").unlink()
    return note


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("event", "tests.thing.moved"),
        ("scope", "approvals.registeredmodel:1"),
        ("actor_id", 1),
        ("actor_name", "Somebody"),
        ("at", "2020-01-01T00:00:00Z"),
        ("object_type", "auth.user"),
        ("object_id", "0"),
    ],
)
def test_a_changed_search_column_is_found(attacked, column, value):
    LedgerEntry.objects.filter(seq=4).update(**{column: value})
    assert found() == (4, f"The search columns of entry 4 were changed: {column}.")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seq":4}', '{"seq":4,"actor":null}', "not json"])
def test_a_text_that_is_no_entry_any_more_is_found(attacked, text):
    LedgerEntry.objects.filter(seq=4).update(payload=text, leaf=merkle.leaf_hash(text.encode()))
    seq, said = found()
    assert seq == 4
    assert "The text of entry 4 was edited" in said


@pytest.mark.parametrize("change", [{"size": 11}, {"size": 13}, {"peaks": b"x" * 64}, {"root": b"x" * 32}])
def test_a_changed_head_is_found(attacked, change):
    LedgerHead.objects.update(**change)
    assert found()[1] != ""


def test_a_lost_head_is_found(attacked):
    LedgerHead.objects.all().delete()
    assert found() == (None, "The ledger has lost its head row.")


def test_the_first_of_several_damages_is_named_first(attacked):
    edit(9)
    edit(2)
    assert found()[0] == 2


def test_g31_a_restored_backup_is_found_by_the_files_beside_the_database(own_var):
    for number in range(3):
        record(number)
    drop_guards()
    files = own_var / "checkpoints"
    for number in range(3):
        record(number)
    ledger.checkpoint()
    Checkpoint.objects.all().delete()
    LedgerEntry.objects.filter(seq__gte=3).delete()
    rehash()
    assert (files / "6.txt").exists()
    seq, said = found()
    assert seq == 3
    assert "The checkpoint in file 6.txt has no row: the database was changed or restored." in said
    assert "The ledger has 3 entries, but the checkpoint in file 6.txt was signed at 6" in said


def test_nothing_is_signed_that_does_not_continue_what_was_signed_before(attacked):
    edit(5)
    rehash()
    with pytest.raises(Unavailable, match="does not continue"):
        ledger.checkpoint()
    assert not Checkpoint.objects.filter(size=SIZE).exists()


def test_an_altered_or_foreign_checkpoint_is_found(attacked, own_var):
    path = own_var / "checkpoints" / "8.txt"
    path.write_text(path.read_text().replace("\n8\n", "\n9\n"))
    assert "The signature under the checkpoint of 9 entries does not fit its text." in found()[1]
    path.write_text("nothing")
    assert "not made of an origin, a size and a root" in found()[1]


def test_a_checkpoint_row_that_differs_from_its_note_is_found(attacked):
    Checkpoint.objects.update(root=b"x" * 32)
    assert "does not say what its note says" in found()[1]


def test_a_lost_checkpoint_file_is_a_remark(own_var):
    record()
    ledger.checkpoint()
    shutil.rmtree(own_var / "checkpoints")
    report = ledger.verify()
    assert (report.ok, report.remarks) == (
        True,
        ("The file of the checkpoint at 1 entries is missing beside the database.",),
    )


def test_without_a_readable_key_no_checkpoint_counts_as_checked(own_var):
    record()
    ledger.checkpoint()
    (own_var / "keys" / "ledger.pem").unlink()
    assert "No checkpoint could be checked." in found()[1]


def test_every_night_the_ledger_is_signed_and_the_note_sent_to_the_witnesses(own_var, settings):
    settings.LEDGER_WITNESSES = ["auditor@example.org"]
    nightly_checkpoint()
    assert not Checkpoint.objects.exists()
    record()
    nightly_checkpoint()
    nightly_checkpoint()
    sent = ledger_mails()
    assert [message.recipient for message in sent] == ["auditor@example.org"]
    assert Checkpoint.objects.get().note in sent[0].body


def test_a_damaged_ledger_is_not_signed_at_night_and_administrators_are_alarmed(attacked, admin_user, settings):
    settings.ADMINISTRATORS = ["portal@bank.example", admin_user.email]
    edit(5)
    nightly_checkpoint()
    assert not Checkpoint.objects.filter(size=SIZE).exists()
    assert "The ledger does not verify" in admin_user.notifications.get().text
    mailed = [message.recipient for message in ledger_mails() if "does not verify" in message.subject]
    assert sorted(mailed) == sorted(settings.ADMINISTRATORS), "each once"


def ledger_mails():
    return list(OutgoingMessage.objects.all())


def test_verification_has_no_side_effects(attacked):
    edit(5)
    before = list(LedgerEntry.objects.values_list("seq", "payload"))
    ledger.verify()
    assert list(LedgerEntry.objects.values_list("seq", "payload")) == before
    assert guards.problems() != []
    assert (Group.objects.count(), connection.needs_rollback) == (1, False)
