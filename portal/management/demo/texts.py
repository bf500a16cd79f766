"""What the demo's people write about their models: purposes, summaries and answers. Words only.

Every text is about the public data set and says so. No number stands here that a check measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portal.management.demo import card_texts

Answers = Mapping[str, Mapping[str, str]]
"""Section of the questionnaire, question, answer."""


@dataclass(frozen=True)
class ModelText:
    """What the business and the submitter say about one model."""

    name: str
    purpose: str
    business_unit: str
    number: str
    summary: str
    answers: Answers


_DEMONSTRATION = (
    "This is a demonstration on the public data set Statlog German Credit: real applications of the 1970s, no "
    "customers of today, and no bank decides by it."
)
_DATA_GOVERNANCE = {
    "representativeness": (
        "No. The data set holds 1,000 applications of one German bank of about 1973 to 1975, of which 300 were not "
        "repaid: far more than such a bank had, because bad loans were sampled on purpose. Scores are therefore too "
        "low as probabilities for a real portfolio and would have to be recalibrated on its own applications."
    ),
    "labels": (
        "The label says whether a loan that was granted was repaid. Applications that were refused are not in the "
        "data, so nothing can be said about them, and whatever was unfair in granting then is still in the labels."
    ),
    "sensitive_attributes": (
        "The table holds age, sex and foreign worker. Sex is derived from an attribute that mixes sex and marital "
        "status; Grömping (2019) shows that its published coding is wrong, so groups by sex are the groups that the "
        "data set documents, and not reliably women and men. Only 37 of 1,000 applicants are recorded as no foreign "
        "workers, which is too few to compare and probably coded the wrong way round."
    ),
    "retention": (
        "The public file is kept with its digest for as long as an approval that rests on it, and ten years after its "
        "end. Evaluation and training tables are stored once under their SHA-256 and are never changed."
    ),
}

CREDIT_SCORE = ModelText(
    name="Consumer credit scoring",
    purpose="Recommends whether an application for a consumer loan is approved or goes to a credit officer.",
    business_unit="Retail Lending",
    number="1.0.0",
    summary="First scorecard for consumer loans: a logistic regression on five facts of the application, with one "
    "threshold for all applicants, derived from the costs of both errors.",
    answers={
        "intended_use": {
            "decision": (
                "For each complete application for an instalment loan the score estimates the chance that it is "
                "repaid. At 2/3 or above, the application is recommended for approval; below, a credit officer "
                f"decides. The score alone never refuses anybody. {_DEMONSTRATION}"
            ),
            "users": (
                "Credit officers in branches and in the central credit desk, who see score, recommendation and the "
                "facts that moved the score most. They are trained before they get access, and may deviate with a "
                "written reason."
            ),
            "affected_people": (
                "Private individuals who apply for an instalment loan, some of them young, without credit history or "
                "in a hurry. A wrong refusal costs them a loan that they could have repaid; a wrong approval leaves "
                "them with a debt that they cannot carry."
            ),
            "out_of_scope": (
                "Not for business loans, mortgages, overdrafts or credit limits; not for prices or interest rates; not "
                "for customers already in arrears; not for people under 18; not for screening before an application; "
                "not for marketing. Not for any country or decade but that of the data, and so not for real decisions."
            ),
            "assumptions": (
                "Facts are given truthfully and are known at the time of application. The past relation of duration, "
                "amount, account and purpose to repayment still holds. A loan that is not repaid costs the bank twice "
                "what it loses by refusing one that would have been repaid; the data set's own documentation assumes "
                "five times, with which far fewer applicants would be approved."
            ),
            "limitations": (
                "Five facts are few: income, existing debts and credit history are not used. Half of the data, 500 "
                "applications, was held out, of which 95 are of people of 25 or under; intervals of group measures are "
                "wide, and another split of the same data can give another verdict. Amounts are in Deutsche Mark of "
                "the 1970s."
            ),
        },
        "classification": {
            "exposure": (
                "High: in the story of this demonstration about 10,000 applications a year and a loan book that the "
                "score touches in its entirety. A systematic error would be repeated in each application."
            ),
            "effect_on_people": (
                "Access to credit depends on it. An approval is recommended automatically, a refusal is always decided "
                "by a person who sees the reasons and can overrule them."
            ),
            "legal_category": (
                "Evaluation of the creditworthiness of natural persons: high-risk under point 5(b) of Annex III of "
                "Regulation (EU) 2024/1689. Under SR 26-2 both exposure and purpose make it highly material."
            ),
            "human_oversight": (
                "Credit officers decide all applications below the threshold and a random twentieth of those above it. "
                "The head of the credit desk can switch the score off; applications then go to officers as before."
            ),
            "eu_role": (
                "Both: the bank built the system and puts it into service under its own name, so it is the "
                "provider; its credit desk uses it, so it is the deployer as well."
            ),
            "market_date": (
                "It is put into service for the bank's own use on the day on which its approval begins to hold."
            ),
        },
        "data_governance": _DATA_GOVERNANCE,
        "fairness": {
            "groups": (
                "Age in two groups, 25 or under and over 25, the split for which this data set is best known; sex as "
                "documented; and both together. Foreign worker is shown in the table but its smaller group has fewer "
                "than 30 held-out rows, so it decides nothing."
            ),
            "harms": (
                "Being refused a loan that one would have repaid. We therefore look at the share approved in each "
                "group, and at the share approved among those who repaid: the latter is the harm itself, the former "
                "also sees unfairness in the labels."
            ),
            "known_disparities": (
                "In the training rows applicants of 25 or under repaid less often than older ones. Age is a feature of "
                "this artifact, so we expect that the young are approved less often, also among those who repay. "
                "Whether that is too much is for the check with the thresholds fixed beforehand to say."
            ),
            "proxies": (
                "Duration, purpose and the state of the current account differ somewhat between age groups, so that "
                "leaving out age alone would not remove its influence. Postcode, name and employer are not in the data."
            ),
        },
        "regulation": {
            "rules": (
                "Regulation (EU) 2024/1689 on artificial intelligence, Regulation (EU) 2016/679 on data protection "
                "with its Article 22 on automated decisions, Directive (EU) 2023/2225 on consumer credit, and SR 26-2 "
                "as the bank's own standard for model risk. The compliance department keeps texts and dates in force."
            ),
            "explanation": (
                "The model is linear, so the reasons of a score are exact: each fact's contribution against the "
                "average application. The officer's letter names the two facts that lowered the score most, in words "
                "that the applicant can check and correct."
            ),
            "complaints": (
                "Applicants may ask for a second look by a person who did not decide first, within 30 days and without "
                "cost. Complaints that concern the score are counted and reported with the monthly monitoring."
            ),
            "record_keeping": (
                "Every recommendation is stored with score, version, digest of the artifact and the facts used, for "
                "ten years. Approvals, checks and sign-offs stay in this portal's ledger."
            ),
        },
        "model_card": card_texts.CREDIT_SCORE,
    },
)

MITIGATED_SUMMARY = (
    "Second artifact after the failed fairness check: age is no longer a feature, and training rows are reweighed so "
    "that age group and outcome are independent (Kamiran and Calders 2012). Split, held-out rows, settings and "
    "threshold are unchanged."
)
MITIGATION_PLAN = (
    "1. Remove age from the features: the scorecard has to judge the application and not the year of birth.\n"
    "2. Reweigh the training rows by age group and outcome (Kamiran and Calders 2012), because duration, purpose and "
    "account still carry age.\n"
    "3. Keep one threshold for everybody; a threshold per age group would treat the same application differently.\n"
    "4. Test again on the same held-out rows with the same thresholds; compare performance with the first artifact.\n"
    "5. Watch the selection rates of both age groups each month after deployment."
)
ANSWERS_AFTER_MITIGATION: Answers = {
    "intended_use": {
        "limitations": (
            "Four facts are few: income, existing debts and credit history are not used. Half of the data, 500 "
            "applications, was held out, of which 95 are of people of 25 or under; intervals of group measures are "
            "wide, so a pass is no proof that there is no disparity, and on other splits of the same data about a "
            "third of these models fail. Amounts are in Deutsche Mark of the 1970s."
        ),
    },
    "fairness": {
        "known_disparities": (
            "The first artifact failed by age group. In this one age is no feature and the training rows are "
            "reweighed, so that it cannot learn that the young repay less often. What is left comes through duration, "
            "purpose and account. The intersections of sex and age group are small and must be watched later."
        ),
        "proxies": (
            "Duration, purpose and the state of the current account still carry some age. Reweighing takes their link "
            "with the age group's repayment out of the training rows; it does not make the features independent of age."
        ),
    },
}

EARLY_WARNING = ModelText(
    name="Credit Limit Early Warning",
    purpose="Warns of customers who are likely not to repay, so that their credit limit is frozen in time.",
    business_unit="Credit Risk Control",
    number="0.9.0",
    summary="Five nearest neighbours on duration and amount, tuned in a week before the quarter closed.",
    answers={
        "intended_use": {
            "decision": (
                "Customers with a score of 1/2 or more get a warning in the system and no further credit until an "
                f"officer has looked at the file. {_DEMONSTRATION}"
            ),
            "users": "Officers in credit risk control, who see warnings each morning and clear or confirm them.",
            "affected_people": "Customers with a running loan, whose credit limit is frozen while a warning is open.",
            "out_of_scope": (
                "Not for new applications, not for terminating loans, and not for reports to credit agencies."
            ),
            "assumptions": (
                "Loans of similar duration and amount end alike, whoever took them and for whatever purpose."
            ),
            "limitations": (
                "Two facts only. The claimed numbers were measured on the rows that the model was trained on, which a "
                "nearest-neighbour model remembers; they say little about customers it has not seen. The artifact "
                "contains its training rows."
            ),
        },
        "classification": {
            "exposure": "Moderate: warnings touch running loans only and are cleared by hand within two working days.",
            "effect_on_people": (
                "A wrong warning freezes a limit for up to two days; a missed one costs the bank money."
            ),
            "legal_category": (
                "Monitoring of running loans; no decision on access to credit is made by the score alone."
            ),
            "human_oversight": "Every warning is read by an officer, who clears or confirms it with a reason.",
            "eu_role": (
                "Both, as it is built by the bank for its own use; outside the high-risk systems that puts no "
                "further duty on it."
            ),
            "market_date": "No day is set, because nothing is put into service before it is approved.",
        },
        "data_governance": _DATA_GOVERNANCE,
    },
)
CAMPAIGN = ModelText(
    name="Campaign Letter Larger Loan",
    purpose="Chooses which of two letters a customer gets: the one about larger loans or the standard one.",
    business_unit="Marketing",
    number="1.2.0",
    summary="Logistic regression on duration and purpose of the last loan; predicts who asks for more than 2,000 DM.",
    answers={
        "intended_use": {
            "decision": (
                "Customers with a score of 0.4 or more get the letter about larger loans, the others the standard "
                f"letter. Everybody gets a letter and may apply for any amount. {_DEMONSTRATION}"
            ),
            "users": (
                "Two campaign managers in marketing, who start a mailing each quarter and see counts, not persons."
            ),
            "affected_people": (
                "Customers who agreed to receive advertising. The worst that a wrong score does is a dull letter."
            ),
            "out_of_scope": "Not for deciding who gets a letter, not for credit decisions, not for prices.",
            "assumptions": (
                "Customers who chose long loans for large purchases will again be interested in larger amounts."
            ),
            "limitations": (
                "Interest is inferred from what was asked for in the past, not from answers to letters. The amount "
                "itself is left out of the table because the label is made from it."
            ),
        },
        "classification": {
            "exposure": "Low: two letters of the same cost, once a quarter, to customers who agreed to advertising.",
            "effect_on_people": (
                "None on access to credit: the offer in both letters is the same loan at the same price."
            ),
            "legal_category": "Advertising to existing customers with their consent; not high-risk under Annex III.",
            "human_oversight": "A campaign manager approves each mailing after looking at the counts of both letters.",
            "eu_role": (
                "Both, as it is built by the bank for its own use; it is not high-risk, so Article 18 does not ask "
                "for its documentation."
            ),
            "market_date": (
                "It is put into service for the bank's own use on the day on which its approval begins to hold."
            ),
        },
        "data_governance": _DATA_GOVERNANCE,
        "model_card": card_texts.CAMPAIGN,
    },
)
APPLICANT_PROFILE = ModelText(
    name="Pre-screening by Applicant Profile",
    purpose="Sends visitors of the website to the short online application or to a branch.",
    business_unit="Digital Sales",
    number="0.1.0",
    summary="Logistic regression on age, sex and foreign worker, the three facts known before an application starts.",
    answers={
        "intended_use": {
            "decision": (
                "Visitors with a score of 2/3 or more are invited to the short online application, the others are "
                f"asked to visit a branch. {_DEMONSTRATION}"
            ),
            "users": "The website, without anybody looking on; digital sales sees weekly counts.",
            "affected_people": (
                "Everybody who asks for a loan on the website, before a single fact about the loan is known."
            ),
            "out_of_scope": "Not for the credit decision itself, which the credit score recommends afterwards.",
            "assumptions": "People who were likely to repay in the data are the ones who will finish an application.",
            "limitations": (
                "The model knows nothing but who somebody is. It has never seen a visitor who did not apply."
            ),
        },
        "classification": {
            "exposure": "High: each visitor of the website is sorted, before any contact with a person.",
            "effect_on_people": "Who is sent to a branch has a longer way to the same loan, and may give up.",
            "legal_category": (
                "Unclear to us whether sorting before an application is part of evaluating creditworthiness."
            ),
            "human_oversight": "None before the visitor is sorted; weekly counts afterwards.",
            "eu_role": "Provider and deployer: the bank builds it and uses it on its own website.",
            "market_date": "No day is set, because nothing is put into service before it is approved.",
        },
        "data_governance": _DATA_GOVERNANCE,
    },
)
REASON_TO_REJECT = (
    "The model decides by age, sex and origin and by nothing else. That is direct discrimination in access to a "
    "financial service, which no mitigation and no threshold can repair, because nothing would be left of the model. "
    "Sorting visitors needs no model: offer everybody the short application."
)
