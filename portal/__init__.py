"""The ground floor: settings, ledger, notices, admin site and processes. Imports no other app of the portal."""
