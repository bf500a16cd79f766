"""Database triggers that refuse what no use case may do: changing, deleting or replacing rows that are evidence.

They hold for the ORM, raw SQL and other programs alike, on SQLite and PostgreSQL. Installing is idempotent and follows
every migration, because SQLite drops a table's triggers whenever it rebuilds the table.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.db import connections, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

POSTGRESQL, SQLITE = "postgresql", "sqlite"
# pg_trigger.tgtype: before = 2, and for each row = 1.
TGTYPE = {"INSERT": 7, "DELETE": 11, "UPDATE": 19, "TRUNCATE": 34}
INTEGRITY_VIOLATION = "23000"
LONGEST_NAME = 63  # PostgreSQL cuts longer ones


class Act(StrEnum):
    """What a trigger can stand in the way of."""

    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    TRUNCATE = "TRUNCATE"


class GuardError(Exception):
    """A guard is declared wrongly."""


@dataclass(frozen=True)
class Guard:
    """One trigger: refuse `act` on the table where `condition` (SQL over OLD and NEW, both engines) holds."""

    model: type[models.Model]
    act: Act
    slug: str
    sentence: str
    condition: str = ""
    engines: tuple[str, ...] = (SQLITE, POSTGRESQL)

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def name(self) -> str:
        name = f"guard_{self.table}_{self.slug}"
        if len(name) <= LONGEST_NAME:
            return name
        return f"{name[:50]}_{hashlib.sha256(name.encode()).hexdigest()[:12]}"

    @property
    def body(self) -> str:
        """The text that the engine keeps and that is compared when asserting the guard."""
        sentence = self.sentence.replace("'", "''")
        refuse = f"RAISE EXCEPTION USING ERRCODE = '{INTEGRITY_VIOLATION}', MESSAGE = '{sentence}';"
        if self.act is Act.TRUNCATE:
            return f"BEGIN {refuse} END"
        checked = f"IF {self.condition} THEN {refuse} END IF;" if self.condition else refuse
        return f"BEGIN {checked} RETURN {'OLD' if self.act is Act.DELETE else 'NEW'}; END"

    def sqlite_text(self) -> str:
        sentence = self.sentence.replace("'", "''")
        when = f" WHEN {self.condition}" if self.condition else ""
        return (
            f'CREATE TRIGGER "{self.name}" BEFORE {self.act} ON "{self.table}" FOR EACH ROW{when} '
            f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
        )

    def create_statements(self, vendor: str) -> list[str]:
        if vendor == SQLITE:
            return [self.sqlite_text()]
        when = f'BEFORE {self.act} ON "{self.table}"'
        each = "STATEMENT" if self.act is Act.TRUNCATE else "ROW"
        return [
            f'CREATE OR REPLACE FUNCTION "{self.name}"() RETURNS trigger LANGUAGE plpgsql AS $guard${self.body}$guard$',
            f'CREATE TRIGGER "{self.name}" {when} FOR EACH {each} EXECUTE FUNCTION "{self.name}"()',
            f'ALTER TABLE "{self.table}" ENABLE ALWAYS TRIGGER "{self.name}"',
        ]

    def drop_statements(self, vendor: str) -> list[str]:
        on = f' ON "{self.table}"' if vendor == POSTGRESQL else ""
        return [f'DROP TRIGGER IF EXISTS "{self.name}"{on}']


_guards: dict[str, Guard] = {}


def add(guard: Guard) -> None:
    """Make a guard part of the promise; the same name with another meaning is an error."""
    if _guards.setdefault(guard.name, guard) != guard:
        message = f"Two different guards are called {guard.name}."
        raise GuardError(message)


def declared(app_label: str | None = None) -> list[Guard]:
    """Every guard, or those on the tables of one app."""
    return [guard for guard in _guards.values() if app_label in {None, guard.model._meta.app_label}]


def append_only(model: type[models.Model]) -> None:
    """Rows of this table are added and never changed, deleted or replaced."""
    what = model._meta.verbose_name
    add(Guard(model, Act.UPDATE, "no_update", f"A {what} is never changed: this table only grows."))
    _never_lost(model)


def undeletable(model: type[models.Model]) -> None:
    """Rows of this table may change, but are never deleted, and never replaced by writing over them."""
    # SQLite's UPDATE OR REPLACE deletes the row in its way without asking a DELETE trigger.
    in_the_way = " OR ".join(
        (
            "NEW.rowid <> OLD.rowid",
            *(f"({_taken(model, columns, but_not_itself=True)})" for columns in _unique_columns(model)),
        )
    )
    replaced = f"A {model._meta.verbose_name} is never replaced: there is one with this key."
    add(Guard(model, Act.UPDATE, "no_overwriting", replaced, in_the_way, engines=(SQLITE,)))
    _never_lost(model)


def kept(model: type[models.Model], fields: Iterable[str], *, slug: str, sentence: str, when: str = "") -> None:
    """These fields of a row never change; `when` (SQL over OLD) says from which state on, always if empty."""
    columns = [_column(model, field) for field in fields]
    changed = " OR ".join(f"{_text('NEW', column)} <> {_text('OLD', column)}" for column in columns)
    add(Guard(model, Act.UPDATE, slug, sentence, f"({when}) AND ({changed})" if when else changed))


def _text(row: str, column: str) -> str:
    return f"COALESCE(CAST({row}.\"{column}\" AS TEXT), '')"


def _never_lost(model: type[models.Model]) -> None:
    what = model._meta.verbose_name
    add(Guard(model, Act.DELETE, "no_delete", f"A {what} is never deleted: this table only grows."))
    add(Guard(model, Act.TRUNCATE, "no_truncate", f"A {what} is never deleted.", engines=(POSTGRESQL,)))
    # SQLite's INSERT OR REPLACE deletes the row in its way without asking a DELETE trigger.
    held_rowid = f'EXISTS (SELECT 1 FROM "{model._meta.db_table}" AS held WHERE held.rowid = NEW.rowid)'  # noqa: S608
    taken = " OR ".join((held_rowid, *(_taken(model, columns) for columns in _unique_columns(model))))
    replaced = f"A {what} is never replaced: there is one with this key."
    add(Guard(model, Act.INSERT, "no_replace", replaced, taken, engines=(SQLITE,)))


def grows_by_one(model: type[models.Model], field: str) -> None:
    """Every change of a row adds exactly one to this whole number."""
    column, what = _column(model, field), model._meta.verbose_name
    wrong = f'NEW."{column}" <> OLD."{column}" + 1'
    add(Guard(model, Act.UPDATE, f"{column}_grows", f"The {field} of a {what} grows by one at a time.", wrong))


def stage_guard(
    model: type[models.Model], field: str, legal_pairs: Iterable[tuple[str, str]], *, initial: Sequence[str] = ()
) -> None:
    """Refuse any change of `field` but the legal (old, new) pairs, and any start but the `initial` values, if given."""
    column, what = _column(model, field), model._meta.verbose_name
    legal = ", ".join(_quoted(f"{old} > {new}") for old, new in sorted(set(legal_pairs)))
    if not legal:
        message = f"{model.__name__}.{field} has no legal move, so it could never move."
        raise GuardError(message)
    old, new = (f"COALESCE({row}.\"{column}\", '')" for row in ("OLD", "NEW"))
    moves = f"{old} <> {new} AND ({old} || ' > ' || {new}) NOT IN ({legal})"
    add(Guard(model, Act.UPDATE, f"{column}_moves", f"This move of the {field} of a {what} does not exist.", moves))
    if initial:
        start = f"{new} NOT IN ({', '.join(_quoted(value) for value in initial)})"
        add(Guard(model, Act.INSERT, f"{column}_start", f"A new {what} does not start at this {field}.", start))


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _column(model: type[models.Model], field: str) -> str:
    found = model._meta.get_field(field)
    if not isinstance(found, models.Field) or found.many_to_many or found.column is None:
        raise GuardError(f"{model.__name__}.{field} has no column that could be guarded.")
    return str(found.column)


def _unique_columns(model: type[models.Model]) -> list[tuple[str, ...]]:
    meta = model._meta
    groups: list[tuple[str, ...]] = [(field.name,) for field in meta.local_concrete_fields if field.unique]
    groups += [tuple(together) for together in meta.unique_together]
    groups += [
        tuple(constraint.fields)
        for constraint in meta.constraints
        if isinstance(constraint, models.UniqueConstraint) and constraint.fields and constraint.condition is None
    ]
    return [tuple(_column(model, name) for name in group) for group in groups]


def _taken(model: type[models.Model], columns: tuple[str, ...], *, but_not_itself: bool = False) -> str:
    same = " AND ".join(f'held."{column}" = NEW."{column}"' for column in columns)
    same += " AND held.rowid <> OLD.rowid" if but_not_itself else ""
    return f'EXISTS (SELECT 1 FROM "{model._meta.db_table}" AS held WHERE {same})'  # noqa: S608  (names of ours)


def install(*, using: str = "default", app_label: str | None = None) -> list[str]:
    """Put every declared guard in place whose table exists; gives the names of those that were missing or different."""
    connection = connections[using]
    wanted = _wanted(connection, app_label)
    present = _present(connection, wanted)
    repaired = [guard for guard in wanted if guard.name not in present]
    if not repaired:
        return []
    with transaction.atomic(using=using), connection.cursor() as cursor:
        for guard in repaired:
            for statement in (*guard.drop_statements(connection.vendor), *guard.create_statements(connection.vendor)):
                cursor.execute(statement)
    return [guard.name for guard in repaired]


def problems(*, using: str = "default") -> list[str]:
    """One sentence for each guard that is missing, switched off or not what it should be."""
    connection = connections[using]
    wanted = _wanted(connection, None)
    present = _present(connection, wanted)
    return [
        f"The guard {guard.name} on the table {guard.table} is missing or altered: run migrate to put it back, "
        "then verify, and find out who removed it."
        for guard in wanted
        if guard.name not in present
    ]


def _wanted(connection: BaseDatabaseWrapper, app_label: str | None) -> list[Guard]:
    tables = set(connection.introspection.table_names())
    return [
        guard
        for guard in declared(app_label)
        if connection.vendor in guard.engines
        and guard.table in tables
        and router.allow_migrate_model(connection.alias, guard.model)
    ]


def _present(connection: BaseDatabaseWrapper, guards: Sequence[Guard]) -> set[str]:
    """Names of the guards that are in the database to the letter and switched on."""
    if not guards:
        return set()
    with connection.cursor() as cursor:
        if connection.vendor == SQLITE:
            cursor.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
            kept = {name: (table, text) for name, table, text in cursor.fetchall()}
            return {guard.name for guard in guards if kept.get(guard.name) == (guard.table, guard.sqlite_text())}
        cursor.execute(
            "SELECT t.tgname, c.relname, p.prosrc, t.tgtype FROM pg_trigger t"
            " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE t.tgenabled = 'A' AND t.tgqual IS NULL AND t.tgattr = ''::int2vector"
            " AND pg_table_is_visible(c.oid)"
        )
        found = {name: (table, text, kind) for name, table, text, kind in cursor.fetchall()}
    return {guard.name for guard in guards if found.get(guard.name) == (guard.table, guard.body, TGTYPE[guard.act])}
