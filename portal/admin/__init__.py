"""The admin site and its base classes; pages of the ground floor are registered here."""

from portal.admin.scoped import ScopedAdmin, say
from portal.admin.site import PortalAdminSite

__all__ = ["PortalAdminSite", "ScopedAdmin", "say"]
