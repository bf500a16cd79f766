"""Which files of tests take longest, by measurement: where processes share the tests, these begin first.

A file that is not named here begins after them; name it when it takes more than about ten seconds.
"""

LONGEST = (
    "tests/browser/",
    "tests/portal/demo/test_seed.py",
    "tests/modelcards/test_validators.py",
    "tests/modelcards/test_attacks.py",
    "tests/modelcards/test_issuing.py",
    "tests/modelcards/test_seals.py",
    "tests/modelcards/test_audit_pack.py",
    "tests/modelcards/test_odd_cards.py",
    "tests/modelcards/test_downloads.py",
    "tests/modelcards/test_inspection.py",
    "tests/modelcards/test_verify_command.py",
    "tests/test_setup.py",
    "tests/test_database_killed.py",
    "tests/approvals/test_concurrency.py",
)


def rank(nodeid: str) -> int:
    """The place of a test's file among the longest, behind them all for any other."""
    return next((place for place, start in enumerate(LONGEST) if nodeid.startswith(start)), len(LONGEST))
