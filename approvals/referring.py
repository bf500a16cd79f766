"""Which named folders and connections a person may refer to for a model, and where a stored reference leads.

The names are the administrator's, in the settings. Whoever may not use a name is told the same as if it did not exist.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.checks import CheckMessage, Error

from approvals.measures.reading import TableError
from approvals.measures.references import (
    FileReference,
    Reference,
    Referenced,
    is_reference,
    read_reference,
    why_not_a_relation,
)
from approvals.models import RegisteredModel
from portal.errors import BadInput, NotPermitted
from portal.table_places import TablePlace, why_not_a_folder
from portal.texts import require_storable

FOLDER, CONNECTION = "folder", "connection"


def places_for(actor: User, model: RegisteredModel) -> dict[str, list[str]]:
    """Names of the folders and connections that the person may refer to for the model."""
    return {
        what: sorted(name for name, place in _named(what).items() if _may_use(actor, model, what, place))
        for what in (FOLDER, CONNECTION)
    }


def require_place(actor: User, model: RegisteredModel, what: str, name: str) -> TablePlace:
    """The place of that name. Raises NotPermitted if there is none that this person may use for this model."""
    place = _named(what).get(name)
    if place is None or not _may_use(actor, model, what, place):
        raise NotPermitted(f"There is no {what} “{name[:60]}” that you may refer to for this model.")
    return place


def require_relation(actor: User, model: RegisteredModel, connection: str, relation: str) -> TablePlace:
    """The connection of a relation that is named. Raises NotPermitted as `require_place`, or BadInput (relation)."""
    place = require_place(actor, model, CONNECTION, connection)
    require_storable(relation, field="relation")
    if problem := why_not_a_relation(relation):
        raise BadInput(f"“{relation[:100]}” {problem}.", field="relation")
    return place


def require_may_refer(actor: User, model: RegisteredModel, reference: Reference) -> Referenced:
    """Where a reference leads. Raises NotPermitted as `require_place`."""
    what, name = place_of(reference)
    return _referenced(reference, require_place(actor, model, what, name), since="")


def table_in(stored: Path, *, name: str, model: RegisteredModel, attached: datetime) -> Referenced | None:
    """Where a stored table refers to; None if it holds its rows itself.

    Raises TableError for a place that is not there any more, or not for this model any more.
    """
    if not is_reference(stored):
        return None
    reference = read_reference(stored, name)
    what, place_name = place_of(reference)
    place = _named(what).get(place_name)
    if place is None or not _is_for(model, place) or _unusable(what, place):
        raise TableError(
            f"{name} refers to a table of the {what} “{place_name}”, which this portal does not reach for this model "
            "now; tell an administrator."
        )
    return _referenced(reference, place, since=f" since it was attached on {attached:%d %b %Y}")


def place_of(reference: Reference) -> tuple[str, str]:
    """What kind of place a reference names, and its name."""
    if isinstance(reference, FileReference):
        return FOLDER, reference.folder
    return CONNECTION, reference.connection


def _referenced(reference: Reference, place: TablePlace, *, since: str) -> Referenced:
    is_files = isinstance(reference, FileReference)
    target = str(Path(place.target).resolve()) if is_files else place.target
    return Referenced(reference, target, since=since, system_tables=place.system_tables)


def _named(what: str) -> dict[str, TablePlace]:
    found: dict[str, TablePlace] = settings.TABLE_FOLDERS if what == FOLDER else settings.TABLE_CONNECTIONS
    return found


def _may_use(actor: User, model: RegisteredModel, what: str, place: TablePlace) -> bool:
    if not _is_for(model, place) or _unusable(what, place):
        return False
    # Asked of the database, and of a superuser too: being an administrator opens no table.
    return not place.groups or User.objects.filter(pk=actor.pk, is_active=True, groups__name__in=place.groups).exists()


def _is_for(model: RegisteredModel, place: TablePlace) -> bool:
    return not place.models or model.name in place.models


def _unusable(what: str, place: TablePlace) -> str:
    return why_not_a_folder(place, away_from=(Path(settings.VAR),)) if what == FOLDER else ""


def check_folders(**_: object) -> list[CheckMessage]:
    """Say at start-up which named folders are never used, and why."""
    return [
        Error(f"The folder “{name}” of PORTAL_TABLE_FOLDERS is not used: {problem}.", id="approvals.E020")
        for name, place in _named(FOLDER).items()
        if (problem := _unusable(FOLDER, place))
    ]
