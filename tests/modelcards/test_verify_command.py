"""`manage.py verify`: what it says and its exit status, first without any database, then compared with one."""

import io

import pikepdf
import pytest
from django.core.management import CommandError, call_command

from modelcards import issuing
from modelcards.models import ModelCard
from modelcards.signing import ensure_signing_identity
from tests.modelcards.approvals import in_scoping
from tests.modelcards.ledgers import OTHER_KEY, vkey


def verify(*arguments):
    """The exit status and what was said."""
    said = io.StringIO()
    try:
        with pytest.raises(SystemExit) as ended:
            call_command("verify", *map(str, arguments), stdout=said)
    except CommandError as problem:
        return problem.returncode, str(problem)
    return ended.value.code, said.getvalue()


@pytest.fixture
def root(identity, tmp_path):
    path = tmp_path / "root.pem"
    path.write_bytes(identity.root_pem)
    return path


@pytest.fixture
def trust(root, revoked, tmp_path):
    """What an auditor was given by another way."""
    (tmp_path / "revoked.crl").write_bytes(revoked)
    return ("--root", root, "--key", vkey(), "--revoked", tmp_path / "revoked.crl")


@pytest.fixture
def kept(tmp_path):
    """Write bytes as a file that somebody was sent."""

    def keep(content, name="card.pdf"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return keep


def test_a_card_is_verified_with_the_file_the_root_and_the_key_and_no_database(kept, sealed, trust):
    status, said = verify(kept(sealed), *trust)
    assert status == 0, said
    for name in ("Whole file", "Signature", "Trust", "Card document", "Sign-offs", "Ledger proof"):
        assert f"ok      {name}: " in said
    assert said.startswith("This is card MC-2026-0007 as issued")
    assert "signed  Charlotte Dubois, Business owner, Approve" in said
    assert "superseded or withdrawn since: --ledger asks this portal" in said
    assert "no qualified authority" in said
    assert "WRONG" not in said


@pytest.mark.parametrize("place", ["page", "end"])
def test_a_changed_file_ends_with_one_and_says_what_is_wrong(kept, sealed, root, place):
    if place == "end":
        changed = sealed + b"\n% more\n"
    else:
        middle = sealed.index(b"stream\r\n" if b"stream\r\n" in sealed else b"stream\n") + 200
        changed = sealed[:middle] + bytes([sealed[middle] ^ 1]) + sealed[middle + 1 :]
    status, said = verify(kept(changed), "--root", root, "--key", vkey())
    assert status == 1
    assert "WRONG" in said
    assert "Do not rely on this file." in said


def test_a_root_or_key_of_somebody_else_ends_with_one(kept, sealed, root, tmp_path):
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(ensure_signing_identity(tmp_path / "elsewhere").root_pem)
    status, said = verify(kept(sealed), "--root", stranger, "--key", vkey())
    assert (status, "does not vouch for it" in said) == (1, True)
    status, said = verify(kept(sealed), "--root", root, "--key", vkey(OTHER_KEY))
    assert (status, "WRONG   Ledger proof" in said) == (1, True)


def test_a_card_whose_signature_was_taken_off_is_no_card_any_more_but_still_judged(kept, printed, root):
    status, said = verify(kept(printed.pdf), "--root", root, "--key", vkey())
    assert status == 1
    assert "no signatures" in said


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "not a model card"), (b"hello", "not a model card"), (b"%PDF-1.7\nrubbish", "not a model card")],
)
def test_what_is_no_card_ends_with_two(kept, root, content, why):
    status, said = verify(kept(content), "--root", root)
    assert status == 2
    assert why in said


def test_another_pdf_ends_with_two(kept, root):
    with pikepdf.new() as other:
        other.add_blank_page()
        other.save(output := io.BytesIO())
    assert verify(kept(output.getvalue()), "--root", root)[0] == 2


def test_a_missing_file_a_wrong_root_and_no_argument_end_with_two(kept, sealed, tmp_path):
    nowhere = tmp_path / "nowhere.pdf"
    assert verify(nowhere) == (2, f"{nowhere} cannot be read: No such file or directory.")
    assert verify(kept(sealed), "--root", kept(b"no certificate", "root.pem"), "--key", vkey())[0] == 2
    assert verify()[0] == 2


def test_an_issued_card_agrees_with_the_records_and_that_of_another_portal_does_not(with_card, kept, sealed, root):
    _, row = with_card
    path = kept(row.pdf.path.read_bytes())
    status, said = verify(path, "--ledger")
    assert status == 0, said
    for name in ("Records", "Issue", "Ledger today"):
        assert f"ok      {name}: " in said
    document = kept(row.content.encode(), "card.json")
    assert verify(document)[1].startswith("Nothing contradicts this card, but this could not be checked: signature.")
    status, said = verify(document, "--ledger")
    assert (status, said.startswith(f"This is card {row.number} as issued")) == (0, True), said
    changed = kept(row.content.replace('"name":"', '"name":"A', 1).encode(), "changed.json")
    assert f"This portal has no finished card {row.number} of the digest" in verify(changed, "--ledger")[1]
    assert verify(kept(b'{"a":1,' + row.content[1:].encode(), "twice.json"))[0] == 1
    status, said = verify(kept(sealed, "other.pdf"), "--root", root, "--key", vkey(), "--ledger")
    assert status == 1
    assert "This portal has no finished card MC-2026-0007." in said


def test_a_draft_is_never_verified_as_a_card(cast, own_var, kept):
    row = issuing.request_draft(version_id=in_scoping(cast).pk, actor=cast.submitter)
    assert issuing.execute(row.pk)
    status, said = verify(kept(ModelCard.objects.get(pk=row.pk).pdf.path.read_bytes()))
    assert status == 1
    assert "Do not rely on this file." in said


def test_the_whole_ledger_is_checked_without_a_file(cast, own_var):
    in_scoping(cast)
    status, said = verify("--ledger")
    assert status == 0, said
    assert "sound" in said or "entries" in said
