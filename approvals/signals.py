"""Signals sent inside the transaction of a move, so that what other apps do about it stands or falls with the move."""

from django.dispatch import Signal

version_moved = Signal()
"""Arguments: version (ModelVersion, locked), source and target (stage values), actor (User or None), now (datetime)."""

policy_examined = Signal()
"""Sent with the `document` when a policy is drafted or published; a receiver raises BadInput for what it cannot do."""
