"""A complete card of a credit model, as a bank would have it; `card()` gives a fresh one with changes."""

import dataclasses
import hashlib
import json

from modelcards import card as c
from tests.modelcards.ledgers import ledger_of, payload_of
from tests.modelcards.measurements import checks, number

STAGES = {
    "scoping": "Scoping",
    "data_review": "Data review",
    "development": "Development",
    "validation": "Validation",
    "fairness_review": "Fairness review",
    "regulatory_review": "Regulatory review",
    "deployment_approval": "Deployment approval",
}
PEOPLE = {
    "business_analyst": (11, "Ana Ferreira"),
    "data_steward": (12, "Daniel Okafor"),
    "lead_data_scientist": (13, "Yuki Tanaka-Weiß"),
    "model_validator": (14, "Łucja Wójcik"),
    "risk_officer": (15, "Ραφαήλ Παππάς"),
    "compliance_officer": (16, "Siobhán O’Neill"),
    "it_operations": (17, "Mehmet Yılmaz"),
    "security_officer": (18, "Grace Lindqvist"),
    "business_owner": (19, "Charlotte Dubois"),
}
SIGNERS = {
    "scoping": ["business_analyst", "business_owner"],
    "data_review": ["data_steward"],
    "development": ["lead_data_scientist"],
    "validation": ["model_validator"],
    "fairness_review": ["risk_officer", "compliance_officer"],
    "regulatory_review": ["compliance_officer"],
    "deployment_approval": ["it_operations", "security_officer", "business_owner"],
}
COMMENTS = {
    "business_analyst": "Purpose and boundaries are those the lending committee agreed on 12 March.",
    "data_steward": "Lineage is complete for all four sources. Consent basis confirmed with the data office.",
    "lead_data_scientist": "Reproduced from the locked environment; the artifact digest matches.",
    "model_validator": "Recomputed on the held-out quarter. The challenger is 0.006 behind in AUC. See two findings.",
    "risk_officer": "The gap for applicants under 25 is accepted on the condition named, with a re-test in June.",
    "compliance_officer": "Adverse-action reasons reviewed on 40 letters; documentation is complete.",
    "it_operations": "Rollback rehearsed on staging in 6 minutes.",
    "security_officer": "Scanned as bytes; no unsafe opcode. Access is by service account only.",
    "business_owner": "I accept the residual risk for the consumer loans book.",
}
POLICY_TEXT = "name: high-risk\ntitle: High-risk models\ntier: high\ngates:\n" + "".join(
    f"  {stage}:\n" + "".join(f"    - signoffs: {{role: {role}}}\n" for role in roles)
    for stage, roles in SIGNERS.items()
)
MEANING = "I have read what is listed on this page and approve it as {role}."
CONDITIONAL = (
    "I have read what is listed on this page and approve it as {role}, on the conditions that I name; "
    "if one is overdue the approval is suspended."
)


TIER = c.TierAssessed(
    tier="Low",
    formula="2026-11",
    title="Materiality by exposure and purpose",
    digest="5" * 64,
    assessed_by="Yuki Tanaka-Weiß",
    assessed_at="2026-02-20T10:41:00+00:00",
    answers=(c.Fact("How many people's cases does it decide in a year?", "More than 100,000"),),
    overridden=c.TierOverridden(
        "High", "Credit is asked about first.", "Ana Ferreira", "2026-02-21T08:00:00+00:00", "Ραφαήλ Παππάς",
        "2026-02-22T08:00:00+00:00",
    ),
)  # fmt: skip


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


ARTIFACT = sha("artifact")
POLICY_DIGEST = sha(POLICY_TEXT)


def title_of(role):
    return {"it_operations": "IT operations"}.get(role, role.replace("_", " ").capitalize())


def sign_offs():
    """Eleven current sign-offs and one that an exchanged data set voided."""
    rows = []
    places = [(stage, role) for stage, roles in SIGNERS.items() for role in roles]
    for serial, (stage, role) in enumerate(places, start=31):
        signer, name = PEOPLE[role]
        if role == "compliance_officer" and stage == "fairness_review":
            signer, name = 20, "Tomás Herrera"
        conditional = role == "risk_officer"
        rows.append(
            c.SignOff(
                id=serial,
                stage=stage,
                stage_title=STAGES[stage],
                role=role,
                role_title=title_of(role),
                signer=signer,
                printed_name=name,
                decision="approve_with_conditions" if conditional else "approve",
                decision_title="Approve with conditions" if conditional else "Approve",
                meaning=(CONDITIONAL if conditional else MEANING).format(role=title_of(role).lower()),
                comment=COMMENTS[role],
                signed_at=f"2026-03-{serial - 17:02d}T09:{serial}:07.120000+00:00",
                authentication="password",
                dossier=sha(f"dossier {stage}"),
                current=True,
                ledger_seq=100 + serial * 3,
                on_behalf_of="Mark Sutherland, 20 to 31 March" if role == "it_operations" else "",
            )
        )
    voided = dataclasses.replace(
        rows[2],
        id=29,
        signer=21,
        printed_name="Beatriz Nogueira",
        dossier=sha("an earlier dossier"),
        current=False,
        voided_because="The evaluation table was replaced on 14 Mar 2026 for its 212 duplicate rows.",
        comment="Looks fine to me.",
        signed_at="2026-03-12T16:02:44+00:00",
        ledger_seq=150,
    )
    return (voided, *rows)


def texts():
    who = {"author": "Ana Ferreira", "at": "2026-02-20T11:00:00+00:00"}
    return {
        "intended_use": (
            c.Passage(
                "What is the model used for?",
                "Ranking applications for **unsecured consumer loans** between €1 000 and €25 000 by the probability "
                "of default within twelve months.\n\n- Score below 0.18: approved automatically\n- 0.18 to 0.35: "
                "decided by an underwriter who sees score and reasons\n- above 0.35: declined, with reasons",
                **who,
            ),
            c.Passage("Who uses it?", "Underwriters of the retail bank and the online application service.", **who),
        ),
        "out_of_scope": (
            c.Passage("What must it not be used for?", "Business loans, mortgages, pricing, or collections.", **who),
        ),
        "assumptions": (
            c.Passage("What has to stay true?", "Bureau data arrive within 24 hours; incomes are verified.", **who),
        ),
        "limitations": (
            c.Passage("Where is it known to be weak?", "Applicants with under six months of history (4 %).", **who),
        ),
        "questionnaires": (
            c.Questionnaire(
                "Regulatory review",
                (
                    c.Passage("Which rules apply?", "EU AI Act Annex III 5(b); consumer credit directive.", **who),
                    c.Passage(
                        "How can a person contest a decision?", "By letter or app; a person decides anew.", **who
                    ),
                ),
            ),
        ),
    }


def data():
    facts = (
        c.Fact("Period", "January 2021 to September 2025"),
        c.Fact("Lawful basis", "Contract, Art. 6(1)(b) GDPR"),
        c.Fact("Sensitive attributes", "sex, age: kept for this review only, not used as features"),
        c.Fact("Licence", "internal"),
    )
    train = c.Dataset(
        "loans_2021_2025.parquet", "training", sha("train"), 412_880, facts, "Rejected cases are excluded."
    )
    bureau = c.Dataset(
        "bureau_snapshot", "source", sha("bureau"), None, (c.Fact("Supplier", "Credit bureau, daily feed"),)
    )
    held_out = (c.Fact("Period", "October to December 2025"), c.Fact("Default rate", "15.8 %"))
    test = c.Dataset("evaluation_q4_2025.parquet", "held-out evaluation", sha("test"), 18_442, held_out)
    return {"lineage": (train, bureau), "evaluation": (test,)}


def evidence():
    rows = [
        ("Model artifact", "consumer-pd-2.1.0.safetensors", ARTIFACT, 18_734_112),
        ("Evaluation table with frozen scores", "evaluation_q4_2025.parquet", sha("test"), 4_120_332),
        ("Training record", "training.json", sha("training"), 18_221),
        ("Data lineage", "lineage.yaml", sha("lineage"), 6_120),
        ("Risk register", "risks.yaml", sha("risks"), 9_551),
        ("Independent validation report", "validation-report.pdf", sha("report"), 1_410_020),
        ("Rollback plan", "rollback.md", sha("rollback"), 3_002),
    ]
    return tuple(c.EvidenceItem(k, n, d, s, "Yuki Tanaka-Weiß", "2026-03-14T08:00:00+00:00") for k, n, d, s in rows)


def risks():
    impact = number("impact_ratio", 0.74, 0.70, 0.78, n=1609, method="Katz log", slice=(("age", "18 to 24"),))
    return {
        "claims": (
            c.Claim(
                "ROC AUC", 0.82, number("roc_auc", 0.812731, 0.8021, 0.8234), -0.007269, "Within the tolerance of 0.01."
            ),
            c.Claim("Brier score", 0.091, number("brier", 0.0982), 0.0072, "Worse than claimed; see finding 2."),
        ),
        "risks": (
            c.Risk(
                "Young applicants are declined more often",
                "Short histories are scored as risk.",
                "likely",
                "serious",
                "Ραφαήλ Παππάς",
                "Manual review between 0.35 and 0.40 for applicants under 25.",
                "moderate",
                "treated",
            ),
            c.Risk(
                "Bureau outage",
                "Scores use stale data.",
                "rare",
                "serious",
                "Mehmet Yılmaz",
                "Fall back to manual.",
                "low",
            ),
        ),
        "mitigations": (
            c.Mitigation(
                "impact_ratio, age 18 to 24",
                impact,
                number("impact_ratio", 0.79, 0.75, 0.83, n=1609, method="Katz log", slice=(("age", "18 to 24"),)),
                "Reweighted training rows and a review band; re-test in June.",
                "Ραφαήλ Παππάς",
                "2026-06-30",
                "Improved; 0.80 lies inside the interval.",
            ),
        ),
        "findings": (
            c.Finding(
                "Brier score is worse than claimed",
                "Medium",
                "Accepted until a date",
                "Automated check",
                "Yuki Tanaka-Weiß",
                "2026-05-31",
                "Recalibration is planned with the next bureau file.",
                "Łucja Wójcik",
                "2026-06-30",
            ),
            c.Finding(
                "212 duplicate rows",
                "High",
                "Closed",
                "Automated check",
                "Daniel Okafor",
                "2026-03-14",
                "Table replaced.",
            ),
        ),
        "conditions": (
            c.Condition(
                "Re-test the impact ratio for applicants under 25 on the second quarter's decisions.",
                "Ραφαήλ Παππάς",
                "2026-07-15",
                "Open",
                "Ραφαήλ Παππάς, risk officer",
            ),
        ),
        "waivers": (
            c.Waiver(
                "Emergency override: challenger comparison",
                "The challenger's scores could not be recomputed before the incumbent's licence ended on 31 March.",
                ("Charlotte Dubois, business owner", "Ραφαήλ Παππάς, risk officer"),
                "2026-03-23T15:10:00+00:00",
                "2026-04-30",
                is_override=True,
            ),
        ),
    }


def monitoring():
    return c.MonitoringPlan(
        (
            c.MonitorPlan(
                "Score drift", "PSI of the score", "warning 0.10, breach 0.25", "every day", "High", "suspends"
            ),
            c.MonitorPlan("Performance", "ROC AUC", "breach below 0.76", "every 30 days", "High", "opens a finding"),
            c.MonitorPlan(
                "Fairness by age", "Impact ratio", "breach below 0.78", "every 30 days", "Critical", "suspends"
            ),
        ),
        "Labels arrive after twelve months; until then early arrears at 90 days are used as a proxy.",
    )


def timeline():
    rows = [
        ("2026-02-20T10:41:00+00:00", "Yuki Tanaka-Weiß", "Version 2.1.0 registered", 88),
        ("2026-03-12T16:02:44+00:00", "Beatriz Nogueira", "Signed data review as data steward", 150),
        ("2026-03-14T08:00:00+00:00", "Yuki Tanaka-Weiß", "Evaluation table replaced; one sign-off became void", 171),
        ("2026-03-24T09:41:07+00:00", "Charlotte Dubois", "Signed deployment approval as business owner", 223),
        ("2026-03-24T10:00:00+00:00", "Yuki Tanaka-Weiß", "Moved to monitoring", 230),
    ]
    return tuple(c.TimelineEvent(*row) for row in rows)


def gates():
    return tuple(
        c.Gate(
            stage,
            label,
            open=True,
            dossier=sha(f"dossier {stage}"),
            requirements=(
                c.Requirement("Evidence", "All documents are attached and current.", met=True),
                *(c.Requirement(f"Sign-off as {title_of(r).lower()}", "Signed.", met=True) for r in SIGNERS[stage]),
            ),
        )
        for stage, label in STAGES.items()
    )


def policy():
    required = tuple(
        c.RequiredSignOff(stage, role, title_of(role)) for stage, roles in SIGNERS.items() for role in roles
    )
    return c.PolicyFacts(
        name="high-risk",
        number=4,
        title="High-risk models",
        tier="high",
        digest=POLICY_DIGEST,
        author="Ingrid Sørensen",
        published_by="Helen Adeyemi",
        published_at="2026-01-19T10:00:00+00:00",
        text=POLICY_TEXT,
        basis=("SR 26-2, model risk management", "EU AI Act, Annex III 5(b)", "29 CFR 1607.4(D), four-fifths rule"),
        required_sign_offs=required,
    )


def card(**changes):
    """An issued card; `ledger` is made to fit the sign-offs unless one is given."""
    signed = changes.pop("sign_offs", None) or sign_offs()
    payloads = [payload_of(one, artifact=ARTIFACT, policy_digest=POLICY_DIGEST) for one in signed]
    parts = {
        "number": "MC-2026-0007",
        "status": "issued",
        "made_at": "2026-03-24T10:05:00+00:00",
        "issuer": c.Issuer("Nordhaven Bank", "Model Approval Portal", "https://models.nordhaven.example"),
        "model": c.ModelFacts(
            id=3,
            name="Consumer credit default",
            purpose="Estimates the probability that an applicant for a consumer loan defaults within twelve months.",
            owner="Charlotte Dubois",
            business_unit="Retail lending",
            risk_tier="High",
            risk_tier_reason="Decides about access to credit of natural persons; exposure €1.9 bn.",
            risk_tier_assessment=TIER,
        ),
        "version": c.VersionFacts(
            id=12,
            number="2.1.0",
            summary="Adds open-banking income features and a review band for applicants under 25.",
            stage="Monitoring",
            submitted_by="Yuki Tanaka-Weiß",
            developer="Jonas Bergmann",
            code_revision="9f3c2e7a41d05b6688c1f0e2ab6d7719c0b4f3aa",
            created_at="2026-02-20T10:41:00+00:00",
            approved_at="2026-03-24T10:00:00+00:00",
            approval_expires_at="2027-03-24T10:00:00+00:00",
            incumbent="Replaces version 2.0.3",
        ),
        "artifact": c.Artifact("consumer-pd-2.1.0.safetensors", ARTIFACT, 18_734_112, "application/octet-stream"),
        "summary": c.Summary(
            "Approved with conditions",
            "caution",
            "All seven gates were open when this card was issued; one condition is to be met by 15 July 2026 and one "
            "emergency override ends on 30 April 2026.",
            (
                c.Highlight("ROC AUC", "0.813", "at least 0.78", "good"),
                c.Highlight("Calibration error", "0.010", "at most 0.03", "good"),
                c.Highlight("Lowest impact ratio", "0.79", "at least 0.80", "caution"),
                c.Highlight("Open findings", "1", "accepted until 30 June", "caution"),
            ),
        ),
        "policy": policy(),
        "training": c.Training(
            (
                c.Fact("Algorithm", "Gradient-boosted trees, 640 trees, depth 4, monotone in arrears"),
                c.Fact("Features", "43, listed in the training record"),
                c.Fact("Environment", "python 3.11.9, lightgbm 4.6.0, lock file 7b1e9c"),
                c.Fact("Energy", "1.8 kWh"),
            ),
            "Trained with five-fold cross-validation by application month. *No* sensitive attribute is a feature.",
            sha("training"),
        ),
        "evidence": evidence(),
        "checks": checks(),
        "gates": gates(),
        "sign_offs": signed,
        "monitoring": monitoring(),
        "timeline": timeline(),
        "ledger": ledger_of(payloads),
        "seal": c.SealFacts("CN=Nordhaven Bank model card seal", "CN=Nordhaven Bank model card root", sha("root")),
        **texts(),
        **data(),
        **risks(),
    }
    return c.Card(**{**parts, **changes})


def smallest_card():
    """A draft with nothing but what every card has."""
    whole = card()
    return c.Card.from_json(
        json.loads(
            json.dumps(
                {
                    **{name: dataclasses.asdict(getattr(whole, name)) for name in ("issuer", "model", "version")},
                    "number": "",
                    "status": "draft",
                    "made_at": whole.made_at,
                    "artifact": None,
                    "summary": {"verdict": "Draft", "tone": "neutral", "sentence": "Nothing is approved yet."},
                    "policy": {**dataclasses.asdict(whole.policy), "text": "", "required_sign_offs": []},
                }
            )
        )
    )
