"""What the signers of the demonstration write when they sign, and what the validators report. Words only."""

from __future__ import annotations

from approvals.stages import Stage

OF: dict[tuple[int, Stage, str], str] = {
    (1, Stage.SCOPING, "rosa"): "Purpose, users and limits are clear. The officer decides below the threshold.",
    (1, Stage.SCOPING, "henrik"): "This is what the credit desk asked for. High tier is right.",
    (1, Stage.DATA_REVIEW, "priya"): "Lineage and licence are in order. The age of the data is stated openly.",
    (1, Stage.DEVELOPMENT, "tomasz"): "Record and artifact belong together; I could follow each step of it.",
    (1, Stage.VALIDATION, "elif"): "Performance and calibration were measured by the portal and meet the policy.",
    (2, Stage.SCOPING, "rosa"): "Read again with the new limits: one feature less, the same purpose.",
    (2, Stage.SCOPING, "henrik"): "The purpose is unchanged. I accept what it costs to leave out age.",
    (2, Stage.DATA_REVIEW, "priya"): "Same rows, same split; the weights are documented in the training table.",
    (2, Stage.DEVELOPMENT, "tomasz"): "The new record is complete, and reweighing is described with its four weights.",
    (
        2,
        Stage.VALIDATION,
        "elif",
    ): "Thresholds are met on the same held-out rows; see the report on how sure we can be.",
    (2, Stage.FAIRNESS_REVIEW, "samira"): "The plan was carried out and the re-test passed by the same thresholds.",
    (
        2,
        Stage.FAIRNESS_REVIEW,
        "grace",
    ): "Both group comparisons pass. The small intersections must be watched monthly.",
    (1, Stage.REGULATORY_REVIEW, "grace"): "Documentation and draft card cover what Annex IV lists; I read the draft.",
    (1, Stage.DEPLOYMENT_APPROVAL, "leilani"): "Target and rollback are agreed; digests are compared at each start.",
    (1, Stage.DEPLOYMENT_APPROVAL, "yuki"): "The artifact holds data and trusted types only; nothing in it can run.",
    (1, Stage.DEPLOYMENT_APPROVAL, "henrik"): "The credit desk is staffed for the case that the score is switched off.",
    (1, Stage.DEPLOYMENT_APPROVAL, "samira"): "The residual risk is acceptable with fairness measured on every batch.",
}
"""By take (a second time after the second artifact), stage and who signs."""

LETTER: dict[tuple[Stage, str], str] = {
    (Stage.SCOPING, "henrik"): "Nobody is worse off by the wrong letter. Low tier is right.",
    (Stage.DATA_REVIEW, "priya"): "The same public data; the amount is left out because the label is made of it.",
    (Stage.DEVELOPMENT, "tomasz"): "Record and artifact belong together.",
}
WARNING: dict[tuple[Stage, str], str] = {
    (Stage.SCOPING, "rosa"): "The purpose is clear. I doubt that two facts are enough; validation will tell.",
    (Stage.SCOPING, "henrik"): "We need a warning before the end of the quarter.",
    (Stage.DATA_REVIEW, "priya"): "Lineage is in order. The artifact holds its training rows, which is stated.",
    (Stage.DEVELOPMENT, "tomasz"): "The record is complete. The claims were measured on training rows, as it says.",
}
PROFILE: dict[tuple[Stage, str], str] = {
    (Stage.SCOPING, "rosa"): "Users and purpose are described. Others have to judge whether we want this.",
    (Stage.SCOPING, "henrik"): "Digital sales asks for it; I rely on the reviews that follow.",
}

FINDING_DESCRIPTION = (
    "The check of group fairness failed by age group with the thresholds of the policy: applicants of 25 or under are "
    "approved less often than older ones, also among those who repaid. Age is a feature of the model."
)
REQUEST_FOR_CHANGES = (
    "Age is a feature, and young applicants who repay are refused more often than older ones. Please carry out the "
    "mitigation plan and test again on the same held-out rows with the same thresholds."
)
PROOF_OF_MITIGATION = (
    "The second artifact has no age feature and was trained on reweighed rows. The check of group fairness, run again "
    "on the same held-out rows with the same thresholds, passed."
)
DEVELOPER_ON_WARNING = (
    "The claims were measured on training rows, which a nearest-neighbour model remembers. I shall look for more facts "
    "about running loans and come back with another version."
)

FIRST_VALIDATION_REPORT = """# Independent validation: Consumer credit scoring, first artifact

**Independence.** The validator took no part in development and had the artifact, the training record, both tables and
the code. Numbers are in the portal's checks, which were run on the frozen scores; this report does not repeat them.

**Conceptual soundness.** A logistic regression on five facts is adequate for 500 training rows, and its reasons can be
told to an applicant. One of the five is age: whether the score may judge by it is for the fairness review.

**Data.** Applications of the 1970s with oversampled bad loans and disputed codes of sex and foreign worker. Enough for
a demonstration, not for decisions about people.

**Recommendation.** Performance and calibration allow the fairness review to begin. No recommendation on approval before
its result.
"""

WARNING_VALIDATION_REPORT = """# Independent validation: Credit Limit Early Warning

**Independence.** The validator took no part in development. Numbers are in the portal's checks, which were run on the
frozen scores of rows that the model has not seen; this report does not repeat them.

**Conceptual soundness.** Five nearest neighbours on two numbers keep the training rows and find them again. What was
claimed was measured on those very rows, so it says how well the model remembers, not how well it warns.

**Recommendation.** Do not approve. A warning needs facts about how the running loan develops, and claims measured on
held-out rows.
"""

WHY_AN_EXCEPTION = (
    "The probabilities do not fit the outcomes, and nobody reads them as such: only the order of customers decides "
    "whom to call. The next version is calibrated."
)
MEANWHILE = "Scores are shown as ranks, never as probabilities; the call list is read by two people each morning."
SAMIRA_ON_EXCEPTION = "Ranks alone do not need calibrated probabilities. Sixty days, and not a day more."
