"""Where the card prints what each source asks for: the map behind docs/card-contents.md. A test holds both together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MITCHELL = "Model Cards for Model Reporting (Mitchell et al. 2019)"
SR = "SR 26-2, model risk management"
ANNEX = "Regulation (EU) 2024/1689, Annex IV and the articles that it serves"
LAW = "NYC Local Law 144, 6 RCNY 5-300 to 5-304"


@dataclass(frozen=True)
class Entry:
    """One thing that a source asks for: the anchor of the card's section, the words there, and where it comes from."""

    source: str
    point: str
    anchor: str
    words: str
    origin: str


def _of(source: str, *rows: tuple[str, str, str, str]) -> tuple[Entry, ...]:
    return tuple(Entry(source, *row) for row in rows)


ENTRIES: tuple[Entry, ...] = (
    *_of(
        MITCHELL,
        ("Model details: person or organisation", "model", "Developed by", "registration of model and version"),
        ("Model details: date, version", "model", "Version", "registration, approval"),
        ("Model details: type", "model", "Type", "training_record; declaration of the evaluation table"),
        (
            "Model details: algorithm, parameters, fairness constraints",
            "training",
            "Training record",
            "evidence training_record",
        ),
        (
            "Model details: paper, citation, licence, contact",
            "model",
            "Licence, contact, references",
            "answer model_card.licence",
        ),
        ("Intended use: primary uses and users", "use", "Intended use", "answers intended_use"),
        ("Intended use: out-of-scope uses", "use", "Out-of-scope use", "answer intended_use.out_of_scope"),
        ("Factors: relevant factors", "factors", "Relevant factors", "answers model_card.factors, fairness.groups"),
        ("Factors: evaluation factors", "factors", "Evaluation factors", "runs of the checks by group and by slice"),
        ("Metrics: measures", "metrics", "Measures, and why these", "answer model_card.measures; checks of the policy"),
        (
            "Metrics: decision thresholds",
            "metrics",
            "Decision threshold",
            "answer model_card.decision_threshold; training_record",
        ),
        (
            "Metrics: variation approaches",
            "metrics",
            "Variation",
            "answer model_card.variation; methods of the intervals",
        ),
        (
            "Evaluation data: datasets",
            "evaluation",
            "Data sets",
            "evidence evaluation_table with its declaration and digest",
        ),
        ("Evaluation data: motivation", "evaluation", "Why these data", "answer model_card.evaluation_data"),
        ("Evaluation data: preprocessing", "evaluation", "Preprocessing", "answer model_card.preprocessing"),
        ("Training data", "training", "Lineage", "evidence data_lineage, training_table; answers data_governance"),
        ("Quantitative analyses: unitary results", "groups", "Unitary results", "run of group_fairness, one attribute"),
        (
            "Quantitative analyses: intersectional results",
            "groups",
            "Intersectional results",
            "run of group_fairness, several attributes",
        ),
        (
            "Ethical considerations: sensitive data, human life",
            "ethics",
            "Sensitive data and effect on people",
            "answers data_governance, classification",
        ),
        (
            "Ethical considerations: risks and harms, use cases",
            "ethics",
            "Harms and misuse",
            "answers fairness, model_card.misuse",
        ),
        (
            "Ethical considerations: mitigations",
            "ethics",
            "Mitigations",
            "mitigation plans, with the measure before and after",
        ),
        ("Caveats and recommendations", "caveats", "Recommendations", "answer model_card.recommendations"),
    ),
    *_of(
        SR,
        ("Inventory: number", "model", "Inventory number", "registration"),
        ("Inventory: owner, developer, purpose, users", "model", "Owner", "registration; answers intended_use"),
        (
            "Materiality: exposure and purpose, tier with reason",
            "model",
            "Risk tier",
            "tier assessment; answer classification.exposure",
        ),
        (
            "Tier: who set it, when, by which formula and answers",
            "model",
            "How the risk tier was set",
            "tier assessment and override",
        ),
        ("Approved uses and limits of use", "use", "Out-of-scope use", "answers intended_use"),
        ("Development evidence: data, method, testing", "training", "Training record", "evidence"),
        ("Assumptions and limitations", "caveats", "Assumptions", "answers intended_use.assumptions, .limitations"),
        ("Outcomes analysis", "checks", "Results of the checks", "runs on held-out rows, beside the claims"),
        (
            "Effective challenge by people who neither developed nor own the model",
            "approvals",
            "Sign-offs",
            "sign-offs; validation_report by its digest in section 16",
        ),
        ("Findings with severity, owner and due date", "caveats", "Findings", "findings"),
        (
            "Exceptions with limits and an end",
            "caveats",
            "Exceptions from the policy",
            "waivers and emergency overrides",
        ),
        ("Conditions of the approval", "caveats", "Conditions of the approval", "sign-offs with conditions"),
        (
            "Ongoing monitoring and triggers of a new review",
            "monitoring",
            "Monitoring after approval",
            "monitors of the policy; evidence monitoring_plan",
        ),
        ("Next review", "monitoring", "Next review", "end of the approval; monitors of the policy; conditions"),
        ("Retirement", "monitoring", "Retirement", "answers to the decommission checklist"),
        (
            "Change log",
            "changes",
            "Change against the previously approved version",
            "issued card of the version before",
        ),
        ("Record of what was done, by whom, when", "records", "Timeline", "ledger"),
    ),
    *_of(
        ANNEX,
        (
            "1: general description, versions, interactions",
            "model",
            "Interactions and environment",
            "answer model_card.interactions",
        ),
        (
            "1: hardware, software and forms in which it runs",
            "model",
            "Deployment target",
            "evidence deployment_target",
        ),
        (
            "2(a) to (c): methods, design choices, architecture",
            "training",
            "Training record",
            "evidence training_record",
        ),
        (
            "2(d): data, provenance, labelling, cleaning",
            "training",
            "Lineage",
            "evidence data_lineage; answers data_governance",
        ),
        ("2(e): human oversight", "rules", "Human oversight", "answer classification.human_oversight"),
        ("2(f): pre-determined changes", "changes", "Planned changes", "answer model_card.planned_changes"),
        (
            "2(g): validation and testing, metrics, dated and signed reports",
            "metrics",
            "Thresholds, fixed before the run",
            "published policy, with who and when; runs; sign-offs",
        ),
        (
            "2(h): cybersecurity",
            "checks",
            "Results of the checks",
            "run of artifact_scan; sign-off of the security officer",
        ),
        (
            "3: monitoring, functioning, control; accuracy for groups; unintended outcomes",
            "groups",
            "Results by group",
            "runs; answers fairness",
        ),
        ("4: appropriateness of the metrics", "metrics", "Measures, and why these", "answer model_card.measures"),
        ("5: risk management system", "ethics", "Risk register", "evidence risk_register"),
        ("6: changes through the lifecycle", "records", "Timeline", "ledger"),
        (
            "7: standards or other solutions",
            "rules",
            "Rules and standards",
            "answers regulation, classification.legal_category; the basis of the policy stands in section 14",
        ),
        (
            "8: EU declaration of conformity",
            "rules",
            "EU declaration of conformity",
            "answers declaration_of_conformity, where the policy asks them",
        ),
        (
            "Articles 3, 16 and 26: provider or deployer",
            "rules",
            "Provider or deployer under the EU AI Act",
            "answers classification.eu_role, classification.market_date",
        ),
        (
            "Article 18: the day on which retention of the documentation ends",
            "rules",
            "Retention of the documentation",
            "answer classification.market_date, and ten years; approval",
        ),
        (
            "9: post-market monitoring",
            "monitoring",
            "Monitoring after approval",
            "monitors of the policy; evidence monitoring_plan",
        ),
    ),
    *_of(
        LAW,
        (
            "5-301(b): selection rates and impact ratios by sex, by race/ethnicity, and by their intersection",
            "law",
            "Local Law 144 tables",
            "run of local_law_144",
        ),
        (
            "5-301(c): scoring rates against the median",
            "law",
            "Local Law 144 tables",
            "run of local_law_144, basis scoring",
        ),
        (
            "5-301(d): people of unknown category; categories under 2 %",
            "law",
            "Local Law 144 tables",
            "note below each table",
        ),
        (
            "5-301(a), 5-302: auditor, independence, date, source of the data",
            "law",
            "Audit and publication",
            "answers bias_audit",
        ),
        ("5-303, 5-304: publication, distribution date, notice", "law", "Audit and publication", "answers publication"),
        (
            "An audit counts for one year; publication until six months after the last use",
            "law",
            "one year after",
            "the law",
        ),
        (
            "The day on which retention ends, six months after the last use",
            "rules",
            "Retention of the documentation",
            "move to retired, where the policy asks for local_law_144",
        ),
    ),
)


def as_markdown(contents: Iterable[tuple[str, str]]) -> str:
    """The map as the tables of docs/card-contents.md; `contents` are the sections of the card, anchor and title."""
    titles = {anchor: f"{place}. {title}" for place, (anchor, title) in enumerate(contents, 1)}
    lines: list[str] = []
    for source in dict.fromkeys(entry.source for entry in ENTRIES):
        lines += [f"## {source}", "", "| Asked for | Section of the card | Under | Comes from |", "|---|---|---|---|"]
        lines += [
            f"| {one.point} | {titles[one.anchor]} | {one.words} | {one.origin} |"
            for one in ENTRIES
            if one.source == source
        ]
        lines.append("")
    return "\n".join(lines)
