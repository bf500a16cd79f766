"""Pages of this app in the admin. Importing it registers them; Django does so once at start-up."""

from approvals.admin import delegations, front_page, policies, records, registered_models, versions, waivers
from portal import panels

panels.WORK.insert(0, front_page.awaiting_entry)
panels.SCOPES.append(front_page.ledger_scopes)
panels.FRONT_PAGE.extend((front_page.awaiting_panel, front_page.attention_panel, front_page.pipeline_panel))

__all__ = ["delegations", "front_page", "policies", "records", "registered_models", "versions", "waivers"]
