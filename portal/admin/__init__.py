"""The admin site and its base classes; pages of the ground floor are registered here."""

from portal import panels
from portal.admin.scoped import ScopedAdmin, row_number, say
from portal.admin_site import PortalAdminSite

__all__ = ["PortalAdminSite", "ScopedAdmin", "row_number", "say"]

from portal.admin import people, records, tokens  # noqa: F401  (they register with the site)

panels.WORK.append(records.notifications_entry)
