"""Django's migrate, which may also run on a database whose guards are missing: it is what puts them back."""

from typing import Any

from django.core.management.commands import migrate


class Command(migrate.Command):
    """Checks everything but the database's own state before it migrates."""

    def get_check_kwargs(self, options: dict[str, Any]) -> Any:
        kwargs: Any = super().get_check_kwargs(options)
        kwargs.pop("databases", None)
        return kwargs
