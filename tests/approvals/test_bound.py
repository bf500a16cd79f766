"""What the database itself refuses to do to the rows that decisions rest on: through the ORM, and by other programs."""

import sqlite3

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from approvals import checking
from approvals.models import (
    Answer,
    CheckRun,
    Comment,
    DossierSnapshot,
    Evidence,
    Finding,
    ModelVersion,
    Policy,
    SignOff,
    StoredFile,
)
from portal.errors import Refused
from portal.models import LedgerEntry
from tests.cast import make_cast
from tests.furnished import furnished
from tests.portal.ledgers import drop_guards

pytestmark = pytest.mark.both_engines
REFUSED = r"never (changes|changed|deleted|replaced)|does not (exist|start)"


ACTS = {
    "evidence changed": lambda: Evidence.objects.update(name="other"),
    "evidence deleted": lambda: Evidence.objects.all().delete(),
    "file changed": lambda: StoredFile.objects.update(sha256="0" * 64),
    "answer changed": lambda: Answer.objects.update(text="other"),
    "answer deleted": lambda: Answer.objects.all().delete(),
    "run passed by hand": lambda: CheckRun.objects.update(verdict="passed"),
    "run rewritten": lambda: CheckRun.objects.update(reading={"accuracy": 1}),
    "run deleted": lambda: CheckRun.objects.all().delete(),
    "finding made small": lambda: Finding.objects.update(severity=1),
    "finding opened again": lambda: Finding.objects.update(status="open"),
    "finding deleted": lambda: Finding.objects.all().delete(),
    "comment changed": lambda: Comment.objects.update(text="other"),
    "comment deleted": lambda: Comment.objects.all().delete(),
    "sign-off changed": lambda: SignOff.objects.update(decision="reject"),
    "snapshot changed": lambda: DossierSnapshot.objects.update(text="{}"),
    "policy rewritten": lambda: Policy.objects.update(text="name: x"),
    "policy made a draft": lambda: Policy.objects.update(status="draft"),
    "policy deleted": lambda: Policy.objects.all()._raw_delete("default"),
    "submitter changed": lambda: ModelVersion.objects.update(submitted_by=F("developer")),
    "number changed": lambda: ModelVersion.objects.update(number="9"),
    "stage jumped": lambda: ModelVersion.objects.filter().update(stage="monitoring"),
    "version deleted": lambda: ModelVersion.objects.all()._raw_delete("default"),
}


@pytest.mark.parametrize("act", ACTS)
def test_g4_no_way_through_the_orm(cast, act):
    furnished(cast)
    with pytest.raises(IntegrityError, match=REFUSED), transaction.atomic():
        ACTS[act]()


def test_an_altered_policy_decides_nothing_even_without_its_guard(cast):
    cast.publish()
    version = cast.version()
    drop_guards()
    Policy.objects.update(text=Policy.objects.get().text + "\n")
    with pytest.raises(Refused, match="is not the one that was published"):
        cast.advance(version)
    assert ModelVersion.objects.get().stage == "scoping"


if connection.vendor == "sqlite":

    def columns(table):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT name FROM pragma_table_info('{table}')")
            return [name for (name,) in cursor.fetchall()]

    @pytest.mark.parametrize(
        ("table", "key", "other"),
        [
            ("portal_ledgerentry", "seq", "777777"),
            ("approvals_dossiersnapshot", "digest", "'zz'"),
            ("approvals_signoff", "idempotency_key", "'zz'"),
            ("approvals_policy", "name", "'zz'"),
        ],
    )
    def test_another_program_replaces_no_row_by_its_hidden_number(committed_database, table, key, other):
        furnished(make_cast())
        names = columns(table)
        shown = ", ".join(other if name == key else f'"{name}"' for name in names if name != "id")
        kept = ", ".join(f'"{name}"' for name in names if name != "id")
        statement = f"INSERT OR REPLACE INTO {table} (rowid, {kept}) SELECT rowid, {shown} FROM {table}"
        path = connection.settings_dict["NAME"]
        connection.close()
        program = sqlite3.connect(path)
        with pytest.raises(sqlite3.IntegrityError, match=r"never replaced|does not start"):
            program.execute(statement)
        program.close()
        assert LedgerEntry.objects.filter(seq=0).exists()

    def test_another_program_overwrites_no_row_by_renumbering_its_neighbour(committed_database):
        cast = make_cast()
        furnished(cast)
        checking.request_check(version_id=ModelVersion.objects.get().pk, check_key="performance", actor=cast.submitter)
        done, queued = CheckRun.objects.order_by("pk").values_list("pk", flat=True)
        path = connection.settings_dict["NAME"]
        connection.close()
        program = sqlite3.connect(path)
        for column in ("id", "rowid"):
            with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
                program.execute(f"UPDATE OR REPLACE approvals_checkrun SET {column} = {done} WHERE id = {queued}")
        program.close()
        assert CheckRun.objects.get(pk=done).verdict == "failed"
