"""For a number that cannot be computed: what would make it computable, from the reason that the measure gives."""

from __future__ import annotations

import re

CURES: tuple[tuple[str, str], ...] = (
    (r"Declare the model's features without it", "a declaration of features or keys that leaves such columns out"),
    (r"no \w+ table has it", "a policy that asks for a measure which such a table has"),
    (r"the slice has", "more rows of that slice"),
    (r"needs at least \d+ rows", "more rows"),
    (r"missing in rows that have the other", "a prediction and a score in the same rows"),
    (r"has no column", "that column in the table"),
    (r"cannot be compared", "a column that both tables hold alike"),
    (r"labels are numbers", "a policy that asks something else of numbers"),
    (r"does not say what the decision|no class whose cost", "a cost of each decision about each class in the policy"),
    (r"difference has no interval", "predictions or scores that differ from those of the model in use"),
    (r"quartiles that differ", "a column of numbers that vary"),
    (r"reference group .* not among", "a reference group that has rows"),
    (r"mean absolute error .* 0\.", "predictions that err somewhere"),
    (r"no training table is attached", "a training table attached"),
    (r"is attached\.", "that piece of evidence attached"),
    (r"no key column|no key and no feature", "declared key columns, which both tables have"),
    (r"no score column is named for", "a declared score column for each of these classes"),
    (r"no score\b|no score column|gives none of two classes", "a declared score column, of an artifact that gives one"),
    (r"the policy (names|defines|declares)", "a policy that says so"),
    (r"no slice has", "more rows, or a policy with smaller slices"),
    (r"fewer than two windows", "rows of more than one moment"),
    (r"groups? needed|second group|second category|only \d+ of \d+ groups", "more rows of at least two known groups"),
    (r"one class|fewer than two rows are positive|not two labels", "rows of both labels"),
    (r"outside 0 to 1|do not sum to 1", "scores that are probabilities"),
    (r"label of [\d,]+ of [\d,]+ rows is 0", "labels other than 0, or a policy that asks for another error"),
    (
        r"(favourable rate|rate|ratio)\b.* is 0",
        "at least one favourable decision in the group that others are set against",
    ),
    (r"nobody is favoured", "at least one favourable decision in each group"),
    (r"predicted positive|is predicted to be of", "at least one such prediction"),
    (r"actually positive|actually negative|labelled with|has the label of", "at least one row of that label"),
    (r"only one row", "more than one row"),
    (r"same|one value only|no variance|do not vary", "values that are not all alike"),
    (
        r"beyond the range|further apart|more than a number",
        "numbers that 64 bits can hold, for example in another unit",
    ),
    (r"no row|no current rows|has no values|no scored rows|no known category", "rows that have all of what is needed"),
    (r"artifact gives no", "an artifact that gives it"),
    (r"must hold numbers", "columns of numbers"),
    (r"could be set against the label", "columns beside the label that vary, and labels of the declared kind"),
)
OTHERWISE = "inputs of which this reason does not hold"


def cure_of(reason: str) -> str:
    """What is needed, to be read after “with”."""
    return next((cure for pattern, cure in CURES if re.search(pattern, reason)), OTHERWISE)
