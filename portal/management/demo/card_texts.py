"""What the demo's submitters answer for the model card: licence, factors, measures, misuse and so on. Words only."""

from __future__ import annotations

from collections.abc import Mapping

CREDIT_SCORE: Mapping[str, str] = {
    "licence": (
        "The model belongs to the bank and is not given away; the credit desk answers questions about it. The data are "
        "Statlog German Credit under CC BY 4.0. Reweighing is described by Kamiran and Calders, Data preprocessing "
        "techniques for classification without discrimination, 2012. Nothing is bought from a vendor."
    ),
    "interactions": (
        "The loan application system sends one complete application at a time and stores the answer; the decision log "
        "takes a copy. The service runs on Python with scikit-learn on two small servers without an accelerator. "
        "Without it, applications go to officers as before."
    ),
    "factors": (
        "Age, sex, origin, income, region and the way of applying can change the result, and so can the state of the "
        "economy. Age group and sex, and both together, are measured. Origin has too few rows in one group. Income, "
        "region and way of applying are not in the data, and the data come from one bank and one decade."
    ),
    "measures": (
        "ROC AUC and balanced accuracy, because both errors cost and accuracy rewards approving everybody; Brier score "
        "and calibration, because the threshold is one of probability. For groups the share approved, and the share "
        "approved among those who repaid, because being refused wrongly is the harm. Limits were set by the policy."
    ),
    "decision_threshold": (
        "2/3 follows from the costs: a loan that is not repaid is taken to cost twice what a wrong refusal loses. The "
        "credit desk fixed the ratio before training. With the ratio of the data's own documentation, five, the "
        "threshold would be 5/6, and far fewer applications would be recommended."
    ),
    "variation": (
        "Intervals on this card come from the held-out rows alone. The same models were also made on 200 other splits: "
        "the direction of the mitigation was the same on each, the verdict was not. The seed draws the split and "
        "nothing else; training itself has no chance in it."
    ),
    "evaluation_data": (
        "Half of the only public table that fits the story, stratified by outcome, age group and sex, so that the "
        "smallest group keeps enough rows. It is as old and as biased as the rows trained on, so it says how well the "
        "model learned them and little about applicants of today."
    ),
    "preprocessing": (
        "Numbers are standardised by the training rows and categories become one column each, inside the artifact, so "
        "that training, evaluation and use do the same. Rows of the training half carry a weight. No value was filled "
        "in and no row was left out."
    ),
    "misuse": (
        "Refusing by the score alone, setting prices by it, or screening people before they apply: each would take a "
        "loan or money from people whom the model knows too little about. Officers decide every refusal, prices have "
        "another system, and the service answers complete applications only."
    ),
    "recommendations": (
        "Read the score as a rank among applications like those of the data. Before any real use it has to be trained "
        "and calibrated on own applications, with outcomes of refused ones where they can be had, and with more facts. "
        "Next time the intersections would be sampled so that each has a hundred rows."
    ),
    "planned_changes": (
        "None is decided in advance: each new artifact, feature, threshold or kind of loan is a new version with all "
        "gates. Calibration on own applications is expected within the first year and will be one."
    ),
}
CAMPAIGN: Mapping[str, str] = {
    "licence": (
        "The model belongs to the bank; marketing answers questions. The data are Statlog German Credit, CC BY 4.0."
    ),
    "interactions": "The mailing system sends the list of a quarter and takes back which letter each customer gets.",
    "factors": "Age and sex can change who gets which letter and are measured; the season of the mailing is not.",
    "measures": "ROC AUC, because only the order of customers matters, and the share of each group that gets a letter.",
    "decision_threshold": "0.4 gives about as many letters of each kind as are printed for a quarter.",
    "variation": "Intervals come from the held-out rows; other splits were not tried, because little depends on it.",
    "evaluation_data": "The other half of the public table, stratified by outcome, age group and sex.",
    "preprocessing": "Numbers are standardised and categories become one column each, inside the artifact.",
    "misuse": "Using it to decide on credit or prices. The list holds no scores, only which letter a customer gets.",
    "recommendations": "Ask customers which letter they found useful, and train on their answers instead.",
    "planned_changes": "None is decided in advance; a new artifact, threshold or letter is a new version.",
}
