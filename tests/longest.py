"""Which files of tests take longest, by measurement: where processes share the tests, these begin first.

A file that is not named here begins after them; name it when it takes more than about eight seconds.
"""

TOGETHER = (
    ("tests/browser/",),  # all look at the one served portal
    # One issued card each process would make anew.
    (
        "tests/modelcards/test_audit_pack.py",
        "tests/modelcards/test_seals.py",
        "tests/modelcards/test_odd_cards.py",
        "tests/modelcards/test_downloads.py",
        "tests/modelcards/test_changes.py",
        "tests/modelcards/test_countersign_command.py",
        "tests/modelcards/test_issuing.py",
    ),
    # One printed and sealed card.
    (
        "tests/modelcards/test_embedded.py",
        "tests/modelcards/test_auditor_script.py",
        "tests/modelcards/test_timestamps.py",
        "tests/modelcards/test_tampering.py",
        "tests/modelcards/test_pdf.py",
        "tests/modelcards/test_verification.py",
        "tests/modelcards/test_verify_command.py",
        "tests/modelcards/test_signing.py",
        "tests/modelcards/test_hardware.py",
        "tests/modelcards/test_inspection.py",
        "tests/modelcards/test_countersignatures.py",
        "tests/modelcards/test_renewals.py",
        "tests/modelcards/test_ocsp.py",
    ),
    # The validators of other people, whose import takes two seconds.
    (
        "tests/modelcards/test_formats_of_real_cards.py",
        "tests/modelcards/test_cyclonedx.py",
        "tests/modelcards/test_card_schema.py",
    ),
)
"""Files that share what takes long to make: one process has them all."""

LONGEST = (
    "tests/browser/",
    "tests/portal/demo/test_seed.py",
    *TOGETHER[1],
    *TOGETHER[2],
    "tests/monitoring/test_monitoring.py",
    "tests/modelcards/test_validators.py",
    "tests/approvals/test_concurrency.py",
    "tests/test_setup.py",
    "tests/portal/demo/test_year.py",
    "tests/modelcards/test_attacks.py",
    "tests/monitoring/test_alarm_levels.py",
    "tests/portal/test_processes.py",
    "tests/test_database_killed.py",
    "tests/approvals/checks/test_hostile_tables.py",
    "tests/monitoring/",
    "tests/test_access_matrix.py",
    "tests/modelcards/",
    "tests/approvals/measures/test_measure_bounds.py",
    "tests/approvals/measures/test_measure_fairness_of_any_table.py",
    "tests/approvals/test_random_walks.py",
    "tests/approvals/checks/test_skops_estimators.py",
    "tests/approvals/measures/test_measure_multiclass.py",
    "tests/approvals/measures/test_commands_on_edges.py",
    "tests/approvals/test_charts.py",
    "tests/approvals/test_referring.py",
    "tests/approvals/test_newer_policy_in_pass.py",
)


def together(nodeid: str) -> str | None:
    """What names the files that a test's file stays with in one process; None for a file that stays alone."""
    return next((files[0] for files in TOGETHER if nodeid.startswith(files)), None)


def rank(nodeid: str) -> int:
    """The place of a test's file among the longest, behind them all for any other."""
    return next((place for place, start in enumerate(LONGEST) if nodeid.startswith(start)), len(LONGEST))
