"""What the demo's people write about the models of other kinds: answers, risks, plans and comments. Words only.

No number stands here that a check measures.
"""

from __future__ import annotations

from typing import Any

from approvals.stages import Stage
from portal.management.demo.texts import ModelText

_NOT_REAL = "This is a demonstration on public data, and nobody plans or pays by it."

DEMAND = ModelText(
    name="Care programme demand",
    purpose="Estimates how far the disease of a programme's members goes in a year, to plan hours of nurses by region.",
    business_unit="Health Services",
    number="1.0.0",
    summary="Ridge regression on eight clinical measurements of the first visit; age and sex are no features.",
    answers={
        "intended_use": {
            "decision": (
                "Estimates of all members of a region are added up, and the sum sets how many hours of nurses are "
                f"planned there for the next year. No single estimate is shown to anybody. {_NOT_REAL}"
            ),
            "users": "Two planners of the care programme, once a year, who see sums by region and no person.",
            "affected_people": (
                "Members of a diabetes care programme. The worst is a region with too few hours, where appointments "
                "come later; planners see waiting times each month and move hours between regions."
            ),
            "out_of_scope": (
                "Not for treatment, not for choosing whom to invite, not for premiums or benefits, not for judging "
                "clinics, and not for regions of fewer than a hundred members."
            ),
            "assumptions": (
                "Measurements are taken as in the data, and members are like its patients. Errors of single members "
                "cancel out in a sum, which holds only if the mean error is small in each region."
            ),
            "limitations": (
                "The measure of progression has no documented unit, and nothing is known about how the patients were "
                "chosen. The model explains about half of the differences between people, so it says little about one."
            ),
        },
        "classification": {
            "exposure": "Low: the plan of some forty nurses once a year, corrected every month by waiting times.",
            "effect_on_people": (
                "Everybody in the programme keeps the same appointments; only the place of hours moves."
            ),
            "legal_category": (
                "Planning of capacity from sums; it neither decides on access to a service nor on a treatment, so no "
                "point of Annex III applies. It is no medical device, because it informs nobody's care."
            ),
            "human_oversight": "Planners compare the plan with last year's hours and may drop it in any month.",
            "eu_role": (
                "Both, as it is built for its own use; it is not high-risk, so Article 18 does not ask for its "
                "documentation."
            ),
            "market_date": (
                "It is put into service for the programme's own use on the day on which its approval begins to hold."
            ),
        },
        "data_governance": {
            "representativeness": (
                "Unknown: the source does not say where its patients come from. A real programme would measure again "
                "on its own members before any plan is made from this."
            ),
            "labels": "A quantitative measure of disease progression one year after the first visit, unit not stated.",
            "sensitive_attributes": (
                "All of it is about health. Age and sex are in the table for measuring only; the codes of sex are not "
                "documented by the source and are printed as they are."
            ),
            "retention": (
                "The public file is kept with its digest as long as the approval, and ten years after its end."
            ),
        },
        "model_card": {
            "licence": (
                "The data ship with scikit-learn under BSD-3-Clause and come from Efron, Hastie, Johnstone and "
                "Tibshirani, Least Angle Regression, 2004. Health Services answers questions about the model."
            ),
            "interactions": "A yearly export of the programme's register goes in, a sheet of sums by region comes out.",
            "factors": (
                "Age and sex, and both together, are measured. Where and by whom measurements were taken, other "
                "diseases and medication can change the result too and are not in the data."
            ),
            "measures": (
                "R² says how much of the differences is explained, the mean error whether sums are too high or low, "
                "and the mean absolute error by group whether one group's hours would be planned less well."
            ),
            "decision_threshold": "There is none: estimates are added up and nothing is decided about a member.",
            "variation": (
                "Intervals are from the held-out half. Training has no chance in it; the seed draws the split."
            ),
            "evaluation_data": "The other half of the only table at hand, with the same shares of age group and sex.",
            "preprocessing": "Features are standardised by the training rows inside the artifact, for all rows alike.",
            "misuse": (
                "Reading one member's estimate as a prognosis would harm that person; the sheet therefore holds no "
                "person, and regions of fewer than a hundred members are left out."
            ),
            "recommendations": (
                "Look at sums only, and at the mean error by group each year. Train on own members as soon as a year "
                "of outcomes is there; the data of the paper then go."
            ),
            "planned_changes": "Training on own members within two years, as a new version with all gates.",
        },
    },
)
READER = ModelText(
    name="Deposit slip digit reader",
    purpose="Reads handwritten digits of paper deposit slips, so that clerks type less.",
    business_unit="Payment Operations",
    number="1.0.0",
    summary="Multinomial logistic regression on sixteen sums of pixels; the plainest model that is good enough.",
    answers={
        "intended_use": {
            "decision": (
                "Each digit of an account number on a paper slip gets the class of the highest score. A slip whose "
                f"check digit does not fit, or with a score below 0.9, goes to a clerk who types it. {_NOT_REAL}"
            ),
            "users": "Clerks of the scanning desk, who see the picture beside what was read and correct it.",
            "affected_people": (
                "People who still pay by paper slip. The worst is a payment that is a day late because the check digit "
                "did not fit; a wrong account is caught by that digit in nine of ten cases and by the name."
            ),
            "out_of_scope": "Not for amounts, not for signatures, not for letters, and not for forms of other banks.",
            "assumptions": (
                "Slips are scanned with the same resolution and contrast as the data, one digit in each box."
            ),
            "limitations": (
                "Thirteen people of one university wrote the data. Digits that touch their box, other ways of writing "
                "1 and 7, and shaky hands are hardly among them."
            ),
        },
        "classification": {
            "exposure": "Low: some hundred slips a day, each of them checked by a digit and by the name of the payee.",
            "effect_on_people": "Whether a clerk types or confirms a number changes nothing about who may pay.",
            "legal_category": (
                "Reading of characters on forms; it evaluates no person, so no point of Annex III applies."
            ),
            "human_oversight": "Clerks see each reading, and the desk's supervisor can switch to typing at any time.",
            "eu_role": "Both, as it is built by the bank for its own use; it is not high-risk.",
            "market_date": (
                "It is put into service for the bank's own use on the day on which its approval begins to hold."
            ),
        },
        "data_governance": {
            "representativeness": "Only in part: few writers, one decade, one country; no slip of this bank is in it.",
            "labels": "The digit that the writer was asked to write.",
            "sensitive_attributes": (
                "None is recorded. Handwriting can tell something of age and health, unmeasured here."
            ),
            "retention": (
                "The public file is kept with its digest as long as the approval, and ten years after its end."
            ),
        },
        "model_card": {
            "licence": (
                "The pictures are CC BY 4.0 (Alpaydin and Kaynak, 1998). Payment Operations answers questions "
                "about the "
                "model; the method stands in every textbook."
            ),
            "interactions": "The scanner's server sends boxes of 8 by 8 grey values and takes a digit with ten scores.",
            "factors": (
                "How much ink there is and to which side a digit leans are measured. Pen, paper, scanner and who "
                "writes can change the result as well; none of these is recorded."
            ),
            "measures": (
                "Balanced accuracy and the mean F1 score, because each digit counts alike; the area under the curve, "
                "because unsure slips are found by their score; accuracy of slices, because bad light hits some."
            ),
            "decision_threshold": "0.9 sends about as many slips to clerks as they can type in a day.",
            "variation": (
                "Intervals are from the held-out half; training has no chance in it, the seed draws the split."
            ),
            "evaluation_data": "The other half of the pictures, with the same share of each digit.",
            "preprocessing": (
                "Each two by two pixels are added up, then standardised inside the artifact; for all alike."
            ),
            "misuse": "Judging people by their handwriting. The service keeps no picture and knows no name.",
            "recommendations": (
                "Collect slips that clerks corrected and measure on them each quarter. A model with more pixels would "
                "be better; this one is small enough to explain."
            ),
            "planned_changes": (
                "A version trained on own slips once ten thousand are corrected; no change without gates."
            ),
        },
    },
)

RISKS: dict[str, dict[str, Any]] = {
    DEMAND.name: {
        "risks": [
            {
                "title": "A group's hours are planned too low",
                "description": "If the mean error differs between groups, regions with many of one get too few hours.",
                "likelihood": "medium",
                "impact": "medium",
                "owner": "Risk officer",
                "mitigation": "Errors by age group and sex have a limit, and waiting times are watched each month.",
                "residual": "low",
                "status": "mitigated",
            },
            {
                "title": "Somebody reads an estimate as a prognosis",
                "description": "The model says little about one person.",
                "likelihood": "low",
                "impact": "high",
                "owner": "Business owner",
                "mitigation": "Only sums leave the service, and none of fewer than a hundred members.",
                "residual": "low",
                "status": "mitigated",
            },
        ]
    },
    READER.name: {
        "risks": [
            {
                "title": "A payment goes to a wrong account",
                "description": "Two misread digits can cancel out in the check digit.",
                "likelihood": "low",
                "impact": "medium",
                "owner": "Business owner",
                "mitigation": "Check digit, comparison with the payee's name, and a clerk for unsure slips.",
                "residual": "low",
                "status": "mitigated",
            },
            {
                "title": "Faint or leaning writing is read worse",
                "description": "Clerks would have to type the slips of some people more often.",
                "likelihood": "medium",
                "impact": "low",
                "owner": "Model validator",
                "mitigation": "Accuracy of slices by ink and leaning has a limit and is measured each quarter.",
                "residual": "low",
                "status": "open",
            },
        ]
    },
}
MONITORING = (
    "**What.** Each quarter's cases are compared with the approved evaluation table: missing values, and the "
    "population "
    "stability index of each feature.\n\n**Who.** IT operations delivers the batch, the lead data scientist reads "
    "it.\n\n"
    "**What follows.** A breach opens a finding for the owner. In this demonstration no batch is delivered."
)
ROLLBACK = (
    "**Trigger.** A breach of a monitor, or the word of the business owner.\n\n1. The service is switched off; "
    "work goes "
    "on by hand as before.\n2. IT operations puts the last approved artifact back and compares its SHA-256."
)

COMMENTS: dict[tuple[str, Stage], str] = {
    (DEMAND.name, Stage.SCOPING): "Sums only, and we can drop the plan in any month. Low tier is right.",
    (DEMAND.name, Stage.DATA_REVIEW): "Lineage is in order; what the source does not say is said openly.",
    (DEMAND.name, Stage.DEVELOPMENT): "Record, artifact and tables belong together; I trained it again from the seed.",
    (
        DEMAND.name,
        Stage.VALIDATION,
    ): "Limits are met on held-out rows. Half explained is enough for sums, not for people.",
    (DEMAND.name, Stage.FAIRNESS_REVIEW): "Errors by sex and age group differ less than the policy allows.",
    (DEMAND.name, Stage.REGULATORY_REVIEW): "No point of Annex III applies as long as no single estimate leaves.",
    (DEMAND.name, Stage.DEPLOYMENT_APPROVAL): "A yearly batch on our own server; going back is one switch.",
    (READER.name, Stage.SCOPING): "Clerks stay in the loop, so a misread digit costs seconds. Low tier is right.",
    (READER.name, Stage.DATA_REVIEW): "Licence and lineage are in order. Few writers; the submitter says so.",
    (READER.name, Stage.DEVELOPMENT): "Sixteen features and a seed: I could follow each step of the record.",
    (READER.name, Stage.VALIDATION): "Each digit was looked at on its own; the worst of them are known and stated.",
    (READER.name, Stage.FAIRNESS_REVIEW): "No people are in the table. Faint and leaning digits are read well enough.",
    (READER.name, Stage.REGULATORY_REVIEW): "Reading of forms; nobody is evaluated. The documentation is complete.",
    (READER.name, Stage.DEPLOYMENT_APPROVAL): "Runs beside the scanner; without it clerks type as before.",
}
