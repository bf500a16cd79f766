"""The documents that the demo's submitters attach to a version: lineage, risks and plans, ready as files.

Facts about tables are taken from the trained model; the rest is written here, about the public data set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from portal.management.demo.applications import TABLE, applications, sha256
from portal.management.demo.training import TrainedModel

_SENSITIVE = {
    "age": "Age in years.",
    "age_group": "25_or_under or over_25, derived from age.",
    "sex": "As documented for attribute 9; its coding is disputed (Grömping 2019).",
    "foreign_worker": "Attribute 20; its coding is disputed (Grömping 2019).",
}


_SOURCE = "Statlog (German Credit Data)"
_CODE = "portal/management/demo, the files that the training record names, in its order"


def lineage(model: TrainedModel) -> dict[str, Any]:
    """Where the data of a model comes from, what was done to it, on what basis, and what in it is sensitive."""
    record = model.training_record
    return {
        "sources": [
            {
                "name": _SOURCE,
                "origin": "UCI Machine Learning Repository, doi:10.24432/C5NC77",
                "owner": "Hans Hofmann, Universität Hamburg, 1994",
                "licence": "Creative Commons Attribution 4.0 International",
                "rows": len(applications()),
                "period": "About 1973 to 1975",
                "file": TABLE.name,
                "sha256": sha256(TABLE.read_bytes()),
                "personal_data": {"category": "none"},
            }
        ],
        "tables": [
            _table(record, "training", "training"),
            {"name": "model", "role": "artifact", "sha256": record["artifact_sha256"]},
            _table(record, "held_out", "evaluation"),
        ],
        "transformations": _steps(model),
        "lawful_basis": (
            "Public data without names under CC BY 4.0; no personal data of the bank is processed. For real "
            "applications the basis would be steps at the applicant's request prior to a contract, Article 6(1)(b) of "
            "Regulation (EU) 2016/679, and for measuring fairness the legitimate interest in not discriminating, "
            "Article 6(1)(f)."
        ),
        "sensitive_attributes": [
            {"name": name, "is_feature": name in model.features, "description": description}
            for name, description in _SENSITIVE.items()
        ],
        "known_problems": [
            "Loans that were not repaid are oversampled, 300 of 1,000, so probabilities do not hold for a portfolio.",
            "Refused applications are missing, so the labels are those of people whom the bank chose to trust.",
            "Codes of attributes 1, 9 and 20 are among those that Grömping (2019) found documented wrongly; kept here.",
        ],
        "steward": "Data steward of Retail Lending",
    }


def _table(record: Mapping[str, Any], name: str, role: str) -> dict[str, Any]:
    return {
        "name": name.replace("_", "-"),
        "role": role,
        "rows": record[f"{name}_rows"],
        "sha256": record[f"{name}_table_sha256"],
    }


def _steps(model: TrainedModel) -> list[dict[str, Any]]:
    record = model.training_record
    taken_over = [
        "Attributes 1, 2, 4, 5, 9, 13, 20 and the class were taken over; the other thirteen attributes were left out.",
        "The class became y_true: 1 for good (class 1), 0 for bad (class 2).",
        "sex was derived from attribute 9: A92 female, all other codes male. age_group was derived from age.",
        f"The rows were split in halves with seed {record['seed']}, stratified by outcome, age group and sex.",
        f"Label of this model: {record['target']}",
    ]
    if "mitigation" in record:
        method = record["mitigation"]["method"]
        taken_over.append(f"{method}; weights are the column sample_weight of the training table.")
    learned = f"Features of this model: {', '.join(model.features)}. Other columns are for checks only."
    scored = "The other half of the same split, taken over alike, with the model's score and decision."
    return [
        _step("split", [_SOURCE], "training", taken_over, record),
        _step("train", ["training"], "model", [learned], record),
        _step("score", [_SOURCE, "model"], "held-out", [scored], record),
    ]


def _step(name: str, used: list[str], made: str, said: list[str], record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "description": said,
        "used": used,
        "generated": [made],
        "code": _CODE,
        "code_sha256": record["code_revision"],
    }


RISK_REGISTER: dict[str, Any] = {
    "risks": [
        {
            "title": "Young applicants are approved less often than they repay",
            "description": "Applicants of 25 or under repaid less often in the data; a model that learns this refuses "
            "young people who would have repaid.",
            "likelihood": "high",
            "impact": "high",
            "owner": "Risk officer",
            "mitigation": "Pre-registered thresholds by age group; if they fail, age leaves the features and training "
            "rows are reweighed; selection rates are watched each month.",
            "residual": "medium",
            "status": "open",
        },
        {
            "title": "Small intersections hide a disparity",
            "description": "Young women and young men are about 50 and 40 of the held-out rows, so a large disparity "
            "may be chance and a small one may not be seen.",
            "likelihood": "medium",
            "impact": "high",
            "owner": "Model validator",
            "mitigation": "Intersections are shown with n and intervals, small cells are marked, and they are measured "
            "again with each batch.",
            "residual": "medium",
            "status": "open",
        },
        {
            "title": "Scores are no probabilities for a real portfolio",
            "description": "Bad loans are oversampled, so the score understates repayment.",
            "likelihood": "high",
            "impact": "medium",
            "owner": "Lead data scientist",
            "mitigation": "The score is used for ranking and with its own threshold only; recalibration on own "
            "applications before any use in pricing or provisioning, which is out of scope.",
            "residual": "low",
            "status": "mitigated",
        },
        {
            "title": "Applications change and the model does not",
            "description": "Larger amounts, longer durations or other applicants than those of the data make the score "
            "wrong without anybody noticing.",
            "likelihood": "medium",
            "impact": "high",
            "owner": "IT operations",
            "mitigation": "Population stability of each feature and of the score is measured on each batch; a breach "
            "opens a finding, and the approval is suspended where the policy says so.",
            "residual": "low",
            "status": "mitigated",
        },
        {
            "title": "Officers follow the score without looking",
            "description": "A recommendation on the screen is easily taken for a decision.",
            "likelihood": "medium",
            "impact": "medium",
            "owner": "Business owner",
            "mitigation": "Training before access, reasons beside the score, a random twentieth of approvals decided "
            "without it, and the share of deviations reported each quarter.",
            "residual": "medium",
            "status": "open",
        },
        {
            "title": "The artifact is exchanged or runs foreign code",
            "description": "A model file that is a program could do anything on the scoring servers.",
            "likelihood": "low",
            "impact": "high",
            "owner": "Security officer",
            "mitigation": "skops format with declared types and no pickle, security scan before approval, SHA-256 "
            "compared with the approved digest at each start.",
            "residual": "low",
            "status": "mitigated",
        },
    ]
}

MONITORING_PLAN = """# Monitoring plan: Consumer credit scoring

**What.** Each month's applications, with score and recommendation, are compared with the approved evaluation table.

| What is watched | Measure | Look into it | Breach |
|---|---|---|---|
| Each feature and age | Population stability index | 0.10 | 0.25 |
| Score | Population stability index | 0.10 | 0.25 |
| Data quality | Missing cells, values that are not allowed, repeated application numbers | any | any |
| Fairness by age group and by sex | Lowest by highest share of approvals | below 0.85 | below 0.80 |
| Performance, once outcomes are known | ROC AUC | below 0.73 | below 0.70 |

**When.** On the third working day of the month. A month without data is a breach.

**Who.** IT operations delivers the batch, the lead data scientist reads the results, the risk officer decides.

**What follows.** A breach opens a finding for the owner with a due date of ten working days. A breach of drift or
fairness suspends the approval where the policy says so; applications then go to officers as before the model.

**Outcomes** are known late: a loan counts as repaid or not after its term, and as not repaid earlier after three missed
instalments. Until then performance is not computable, which is neither a pass nor a breach of performance.

**Revalidation** after twelve months, after two breaches of the same measure, or after any change of the artifact.

In this demonstration the months are simulated by bootstrap from the public data set.
"""

ROLLBACK_PLAN = """# Rollback plan: Consumer credit scoring

**Trigger.** Suspension of the approval, an error in production that concerns more than one application, or the order of
the risk officer or of the head of the credit desk.

1. The head of the credit desk sets the switch `score.recommendation` to off. No deployment is needed; it takes effect
   with the next application.
2. Applications go to credit officers without score, as before the model. Staffing for three days is agreed.
3. IT operations sets the scoring service back to the artifact of the last approved version, or leaves it off if there
   is none, and compares the SHA-256 of the loaded file with the approval.
4. The business owner lists applications recommended since the trigger; officers look at each one again.
5. The risk officer records cause and decision in the portal. The score comes back only with a reinstated approval.

**Tested** before deployment with the previous artifact in the staging environment, and once a year.
"""

DEPLOYMENT_TARGET = """# Deployment target: Consumer credit scoring

- **Service:** `credit-scoring`, two instances behind the internal gateway, reached only by the loan application system.
- **Input:** the features of the training record in their order, one application per call. Values that the training
  record does not know are refused and the application goes to an officer.
- **Output:** score, recommendation, version number and digest of the artifact, written to the decision log.
- **Start:** the service compares the SHA-256 of the file with the approved digest and loads the skops archive with
  skops' own list of trusted types and no other.
- **Rights:** own system user, read-only file system, no way out to the internet, 512 MB of memory.
- **Versions:** Python, scikit-learn, NumPy and skops exactly as in the training record.
- **Environments:** staging, then production, with the same file. Nothing is trained there.

In this demonstration nothing is deployed; the document shows what IT operations would sign for.
"""

VALIDATION_REPORT = """# Independent validation: Consumer credit scoring

**Independence.** The validator took no part in development and had the artifact, the training record, both tables and
the code. Numbers are in the portal's checks, which were run on the frozen scores; this report does not repeat them.

**Conceptual soundness.** A logistic regression on few facts is adequate for 500 training rows, and its reasons can be
told to an applicant. The threshold follows from stated costs. Accuracy is no yardstick here: approving everybody would
reach the share of repaid loans. Balanced accuracy, ROC AUC, Brier score and calibration are.

**Reproduction.** Training again with seed, code revision and library versions of the record gave an artifact with the
same SHA-256.

**Data.** Applications of the 1970s with oversampled bad loans and disputed codes of sex and foreign worker. Enough for
a demonstration, not for decisions about people.

**Challenger.** The first and the second artifact are compared on the same held-out applications, row by row.

**Sensitivity.** The verdict on fairness depends on the split: with 95 held-out applicants of 25 or under, chance moves
the ratio of selection rates by several hundredths. Leaving out age and reweighing raised the ratio on each of 200 other
splits, but on about a third of them not far enough to pass.

**Recommendation.** Approve for the purpose stated, on condition that fairness by age group and by the intersection of
sex and age group is measured on each monthly batch.
"""


def as_json(document: dict[str, Any]) -> bytes:
    """A document as the file that is attached."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
