"""Cards through the web and the command line: downloads, verification, wrong users first."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from modelcards.models import ModelCard
from modelcards.signing import ensure_signing_identity
from portal.models import LedgerEntry
from tests.modelcards.test_issuing import cast, in_validation, issued

__all__ = ["cast"]

BACKEND = "django.contrib.auth.backends.ModelBackend"


def at(name, *args):
    return reverse(f"admin:modelcards_modelcard_{name}", args=args)


def verify(*arguments):
    said = io.StringIO()
    try:
        call_command("verify", *arguments, stdout=said)
    except SystemExit as end:
        return end.code, said.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, said.getvalue()


@pytest.fixture
def row(cast):
    return issued(cast)


def test_only_who_sees_the_model_reaches_its_card(client, cast, row):
    for user in (cast.outsider, cast.author):
        client.force_login(user, backend=BACKEND)
        assert client.get(row.get_absolute_url()).status_code == 404
        assert client.get(at("download", row.pk, "pdf")).status_code == 404
        assert row.number not in client.get(at("changelist")).content.decode()
    client.force_login(cast.auditor, backend=BACKEND)
    assert row.digest in client.get(row.get_absolute_url()).content.decode()
    answer = client.get(at("download", row.pk, "pdf"))
    assert answer["Content-Disposition"] == f'attachment; filename="{row.number}.pdf"'
    assert answer.content == row.pdf.path.read_bytes()
    assert LedgerEntry.objects.filter(event="modelcards.card.downloaded").count() == 1


def test_the_page_and_the_command_say_that_an_issued_card_holds_and_a_changed_one_does_not(client, cast, row, tmp_path):
    whole = tmp_path / "card.pdf"
    whole.write_bytes(row.pdf.path.read_bytes())
    code, said = verify(str(whole), "--ledger")
    assert code == 0, said
    assert "issued exactly this file" in said
    changed = tmp_path / "changed.pdf"
    broken = bytearray(whole.read_bytes())
    broken[len(broken) // 3] ^= 1
    changed.write_bytes(bytes(broken))
    code, said = verify(str(changed))
    assert code == 1
    assert "Do not rely on this file" in said
    client.force_login(cast.auditor, backend=BACKEND)
    good = client.post(at("verify"), {"file": SimpleUploadedFile("card.pdf", whole.read_bytes())})
    assert "Nothing was changed since." in good.content.decode()
    bad = client.post(at("verify"), {"file": SimpleUploadedFile("card.pdf", bytes(broken))})
    assert "Do not rely on this file" in bad.content.decode()


def test_what_is_no_card_or_cannot_be_read_is_neither_good_nor_bad(client, cast, tmp_path):
    text = tmp_path / "card.txt"
    text.write_text("hello")
    assert verify(str(text))[0] == 2
    assert verify(str(tmp_path / "absent.pdf"))[0] == 2
    client.force_login(cast.auditor, backend=BACKEND)
    answer = client.post(at("verify"), {"file": SimpleUploadedFile("card.pdf", b"hello")})
    assert "is not a PDF" in answer.content.decode()


def test_a_stranger_root_is_not_trusted(cast, row, tmp_path):
    other = ensure_signing_identity(tmp_path / "other", organisation="Somebody else")
    root = tmp_path / "root.pem"
    root.write_bytes(other.root_pem)
    code, said = verify(str(row.pdf.path), "--root", str(root))
    assert code == 1
    assert "does not vouch for it" in said


def test_an_auditor_orders_no_draft(client, cast):
    version = in_validation(cast)
    client.force_login(cast.auditor, backend=BACKEND)
    assert client.post(at("order_draft", version.pk)).status_code == 403
    assert not ModelCard.objects.exists()
    client.force_login(cast.submitter, backend=BACKEND)
    assert client.post(at("order_draft", version.pk)).status_code == 302
    assert ModelCard.objects.get().kind == "draft"
