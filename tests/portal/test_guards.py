"""What the database itself refuses, through the ORM and in SQL, and how a lost guard shows."""

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import F
from django.utils import timezone

from portal import guards
from portal.models import Checkpoint, LedgerEntry, LedgerHead
from tests.portal.ledgers import drop_guards, record, run_sql

pytestmark = pytest.mark.both_engines
ON_SQLITE = connection.vendor == "sqlite"
COLUMNS = "seq, payload, leaf, event, scope, actor_id, actor_name, at, object_type, object_id"
OVER_ENTRY_0 = f"INSERT INTO portal_ledgerentry ({COLUMNS}) SELECT {COLUMNS} FROM portal_ledgerentry WHERE seq = 0"


FOR_SQLITE = [
    "REPLACE INTO portal_ledgerentry SELECT * FROM portal_ledgerentry WHERE seq = 0",
    OVER_ENTRY_0.replace("INSERT", "INSERT OR REPLACE", 1),
    OVER_ENTRY_0.replace("INSERT", "INSERT OR IGNORE", 1),
    "UPDATE OR REPLACE portal_ledgerentry SET seq = 0 WHERE seq = 1",
    "REPLACE INTO portal_ledgerhead SELECT * FROM portal_ledgerhead",
]
FOR_POSTGRESQL = ["TRUNCATE portal_ledgerentry", "TRUNCATE portal_ledgerhead, portal_checkpoint"]


@pytest.fixture
def evidence(db, own_var):
    """Two entries and a checkpoint."""
    entries = [record(number) for number in range(2)]
    checkpoint = Checkpoint.objects.create(size=2, root=b"r" * 32, note="note", created_at=timezone.now())
    return {"entry": entries[0], "checkpoint": checkpoint}


@pytest.mark.parametrize(
    "act",
    [
        lambda: LedgerEntry.objects.update(payload="{}"),
        lambda: LedgerEntry.objects.filter(seq=1).update(seq=7),
        lambda: LedgerEntry.objects.bulk_update([LedgerEntry(seq=0, payload="x")], ["payload"]),
        lambda: LedgerEntry.objects.get(seq=0).save(),
        lambda: LedgerEntry.objects.all().delete(),
        lambda: LedgerEntry.objects.get(seq=1).delete(),
        lambda: LedgerEntry.objects.filter(seq=1)._raw_delete("default"),
        lambda: Checkpoint.objects.update(note="other"),
        lambda: Checkpoint.objects.all().delete(),
        lambda: LedgerHead.objects.all().delete(),
        lambda: LedgerHead.objects.update(size=F("size") - 1),
        lambda: LedgerHead.objects.update(size=0),
        lambda: LedgerHead.objects.update(root=b"x" * 32),
    ],
)
def test_g27_no_way_through_the_orm_changes_or_deletes_evidence(evidence, act):
    with pytest.raises(IntegrityError, match=r"never (changed|deleted)|grows by one"), transaction.atomic():
        act()
    assert LedgerEntry.objects.count() == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE portal_ledgerentry SET payload = '{}'",
        "UPDATE portal_ledgerentry SET actor_name = actor_name",
        "DELETE FROM portal_ledgerentry WHERE seq = 1",
        "DELETE FROM portal_ledgerentry",
        f"{OVER_ENTRY_0} ON CONFLICT (seq) DO UPDATE SET payload = 'x'",
        "UPDATE portal_checkpoint SET note = 'x'",
        "DELETE FROM portal_checkpoint",
        "DELETE FROM portal_ledgerhead",
        "UPDATE portal_ledgerhead SET size = 0",
        *(FOR_SQLITE if ON_SQLITE else FOR_POSTGRESQL),
    ],
)
def test_g27_no_statement_changes_deletes_or_replaces_evidence(evidence, statement):
    with pytest.raises(IntegrityError, match=r"never (changed|deleted|replaced)|grows by one"), transaction.atomic():
        run_sql(statement)
    assert LedgerEntry.objects.get(seq=0).payload == evidence["entry"].payload
    assert LedgerEntry.objects.count() == 2


if ON_SQLITE:

    def test_replacing_is_refused_even_when_sqlite_does_not_ask_delete_triggers(committed_database, own_var):
        record()
        run_sql("PRAGMA recursive_triggers = OFF")
        with pytest.raises(IntegrityError, match="never replaced"):
            run_sql("REPLACE INTO portal_ledgerentry SELECT * FROM portal_ledgerentry")


if not ON_SQLITE:

    def test_guards_hold_for_a_session_that_poses_as_a_replica(evidence):
        run_sql("SET LOCAL session_replication_role = replica")
        with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic():
            run_sql("DELETE FROM portal_ledgerentry")


@pytest.mark.django_db
def test_every_declared_guard_is_in_place():
    assert guards.problems() == []
    assert len(guards.declared("portal")) >= 10


@pytest.mark.django_db
def test_each_guard_is_missed_when_it_alone_is_dropped_and_comes_back():
    ours = [guard for guard in guards.declared() if connection.vendor in guard.engines]
    for guard in ours:
        for statement in guard.drop_statements(connection.vendor):
            run_sql(statement)
        assert [guard.name in text for text in guards.problems()] == [True]
        assert guards.install() == [guard.name]
    assert guards.problems() == []
    assert guards.install() == []


@pytest.mark.django_db
def test_a_guard_that_was_made_harmless_is_missed():
    name, table = "guard_portal_ledgerentry_no_delete", "portal_ledgerentry"
    if connection.vendor == "sqlite":
        run_sql(f'DROP TRIGGER "{name}"')
        run_sql(f'CREATE TRIGGER "{name}" BEFORE DELETE ON "{table}" BEGIN SELECT 1; END')
    else:
        run_sql(f'CREATE OR REPLACE FUNCTION "{name}"() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN OLD; END$$')
    assert [name in text for text in guards.problems()] == [True]


if not ON_SQLITE:

    @pytest.mark.django_db
    @pytest.mark.parametrize("how", ["DISABLE TRIGGER", "ENABLE TRIGGER", "ENABLE REPLICA TRIGGER"])
    def test_a_guard_that_is_switched_off_is_missed(how):
        name = "guard_portal_ledgerentry_no_update"
        run_sql(f'ALTER TABLE portal_ledgerentry {how} "{name}"')
        assert [name in text for text in guards.problems()] == [True]


if ON_SQLITE:

    def test_a_rebuilt_table_loses_its_guards_and_the_next_migrate_puts_them_back(committed_database):
        with connection.schema_editor() as editor:
            editor._remake_table(LedgerEntry)  # type: ignore[attr-defined]
        assert any("portal_ledgerentry" in text for text in guards.problems())
        call_command("migrate", verbosity=0)
        assert guards.problems() == []


def test_g28_check_fails_when_a_guard_is_gone_and_migrate_says_what_it_put_back(committed_database, capsys):
    call_command("check", databases=["default"], tags=["database"])
    drop_guards()
    with pytest.raises(CommandError, match=r"portal\.E010"):
        call_command("check", databases=["default"], tags=["database"])
    call_command("migrate", verbosity=1, skip_checks=False)
    assert "Guard put in place: guard_portal_ledgerentry_no_update" in capsys.readouterr().out
    call_command("check", databases=["default"], tags=["database"])


def test_g28_our_migrations_go_back_and_forth_and_leave_every_guard(committed_database):
    ours = sorted(name for app, name in MigrationRecorder(connection).applied_migrations() if app == "portal")
    for name in [*reversed(ours), "zero"]:
        call_command("migrate", "portal", name, verbosity=0)
        assert guards.problems() == []
    call_command("migrate", verbosity=0)
    assert guards.problems() == []
    assert LedgerHead.objects.get().size == 0


@pytest.fixture
def staged(db, monkeypatch):
    """A group whose name is a stage: draft to review, and back or on to done."""
    monkeypatch.setattr(guards, "_guards", {})
    pairs = [("draft", "review"), ("review", "draft"), ("review", "done")]
    guards.stage_guard(Group, "name", pairs, initial=["draft", "it's new"])
    guards.install()
    return Group.objects.create(name="draft")


def move(group, name):
    with transaction.atomic():
        Group.objects.filter(pk=group.pk).update(name=name)


def test_legal_moves_and_standing_still_are_let_through(staged):
    for name in ("draft", "review", "draft", "review", "done", "done"):
        move(staged, name)
    assert Group.objects.get().name == "done"


@pytest.mark.parametrize(("path", "wrong"), [([], "done"), ([], "else"), (["review", "done"], "review"), ([], "")])
def test_g4_any_other_move_is_refused(staged, path, wrong):
    for name in path:
        move(staged, name)
    with pytest.raises(IntegrityError, match="This move of the name of a group does not exist"):
        move(staged, wrong)


def test_a_row_starts_where_it_may(staged):
    Group.objects.create(name="it's new")
    with pytest.raises(IntegrityError, match="does not start at this name"), transaction.atomic():
        Group.objects.create(name="done")


def test_a_stage_without_moves_is_a_mistake():
    with pytest.raises(guards.GuardError, match="no legal move"):
        guards.stage_guard(Group, "name", [])


@pytest.mark.parametrize("field", ["permissions", "user"])
def test_a_field_without_a_column_cannot_be_guarded(field):
    with pytest.raises(guards.GuardError, match="no column"):
        guards.grows_by_one(Group, field)


def test_two_guards_of_one_name_are_a_mistake(monkeypatch):
    monkeypatch.setattr(guards, "_guards", {})
    guards.add(guards.Guard(Group, guards.Act.UPDATE, "x", "One."))
    guards.add(guards.Guard(Group, guards.Act.UPDATE, "x", "One."))
    with pytest.raises(guards.GuardError, match="Two different guards"):
        guards.add(guards.Guard(Group, guards.Act.UPDATE, "x", "Two."))


if ON_SQLITE:

    @pytest.mark.django_db
    def test_replacing_by_another_unique_column_is_refused_too(monkeypatch):
        monkeypatch.setattr(guards, "_guards", {})
        guards.append_only(User)
        guards.install()
        User.objects.create(username="ann")
        with pytest.raises(IntegrityError, match="never replaced"), transaction.atomic():
            User.objects.create(username="ann")
