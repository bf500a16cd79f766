"""Signals sent inside the transaction of a move, so that what other apps do about it stands or falls with the move."""

from django.dispatch import Signal

version_moved = Signal()
"""Arguments: version (ModelVersion, locked), source and target (stage values), actor (User or None), now (datetime)."""

policy_examined = Signal()
"""Sent with the `document` when a policy is drafted or published; a receiver raises BadInput for what it cannot do."""

revalidation_opened = Signal()
"""Arguments: version (locked), revalidation (Revalidation), now: whoever has evidence for the new pass adds it."""

record_wanted = Signal()
"""Arguments: version (locked), now: the record of monitoring is made as it stands."""

renewal_examined = Signal()
"""Arguments: version (locked), policy that it would be pinned to, now.

A receiver gives a sentence for what the signers of the pass could not have seen, or for what the policy cannot take
over yet: what stands in the way, and who clears it; nothing where nothing does. Pages ask, too, without a lock.
"""

policy_tried = Signal()
"""Arguments: version, policy that nobody pinned yet, now. A receiver says in sentences what a renewal under it does."""

renewal_decided = Signal()
"""Arguments: version (locked), revalidation, actor (User), now: an approval was renewed, also one that is suspended."""

approval_renewed = Signal()
"""Arguments: version (locked), actor (User), now: an approval in monitoring was renewed to a new date."""
