"""Which files of tests take longest, by measurement: where processes share the tests, these begin first.

A file that is not named here begins after them; name it when it takes more than about eight seconds.
"""

LONGEST = (
    "tests/browser/",
    "tests/portal/demo/test_seed.py",
    "tests/monitoring/test_monitoring.py",
    "tests/modelcards/test_validators.py",
    "tests/approvals/test_concurrency.py",
    "tests/modelcards/test_issuing.py",
    "tests/portal/demo/test_year.py",
    "tests/modelcards/test_attacks.py",
    "tests/monitoring/test_alarm_levels.py",
    "tests/modelcards/test_seals.py",
    "tests/modelcards/test_audit_pack.py",
    "tests/modelcards/test_odd_cards.py",
    "tests/test_setup.py",
    "tests/portal/test_processes.py",
    "tests/test_database_killed.py",
    "tests/modelcards/test_inspection.py",
    "tests/approvals/checks/test_hostile_tables.py",
    "tests/modelcards/test_timestamps.py",
    "tests/modelcards/test_countersignatures.py",
    "tests/modelcards/test_renewals.py",
    "tests/modelcards/test_pdf.py",
    "tests/modelcards/test_tampering.py",
    "tests/modelcards/test_downloads.py",
    "tests/monitoring/",
    "tests/test_access_matrix.py",
    "tests/modelcards/",
    "tests/approvals/measures/test_measure_bounds.py",
    "tests/approvals/measures/test_measure_fairness_of_any_table.py",
    "tests/approvals/test_random_walks.py",
    "tests/approvals/measures/test_measure_multiclass.py",
    "tests/approvals/measures/test_commands_on_edges.py",
    "tests/approvals/test_charts.py",
    "tests/approvals/test_referring.py",
)


def rank(nodeid: str) -> int:
    """The place of a test's file among the longest, behind them all for any other."""
    return next((place for place, start in enumerate(LONGEST) if nodeid.startswith(start)), len(LONGEST))
