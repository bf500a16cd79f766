"""What the portal measured of the credit model: checks with numbers, groups and charts."""

from hashlib import sha256

from approvals.charts import render_chart
from modelcards import card as c


def number(name, value, low=None, high=None, *, n=18442, **more):
    level, method = (0.95, more.pop("method", "Wilson")) if low is not None else (None, "")
    return c.Number(name=name, value=value, n=n, low=low, high=high, level=level, method=method, **more)


def threshold(name, value):
    return c.Threshold(
        name=name,
        value=value,
        fixed_by="Ingrid Sørensen",
        fixed_at="2026-01-19T10:00:00+00:00",
        source="high-risk no. 4",
    )


def run(number_of_run, minutes):
    return (
        c.Fact("Run", str(number_of_run)),
        c.Fact("Started", f"2026-03-15T07:{minutes:02d}:00+00:00"),
        c.Fact("Engine", "duckdb 1.5.5, numpy 2.3.1"),
        c.Fact("Seed", "20260315"),
        c.Fact("Inputs", sha256(f"inputs {number_of_run}".encode()).hexdigest()),
    )


def _chart(title, description, specification, columns, rows):
    svg = render_chart(specification, title=title, description=description)
    return c.Chart(title, description, svg, c.Table(title, columns, rows))


def calibration_chart():
    bins = [(0.02, 0.018), (0.06, 0.061), (0.11, 0.104), (0.17, 0.181), (0.26, 0.249), (0.38, 0.402), (0.55, 0.57)]
    values = [{"mean score": x, "observed rate": y} for x, y in bins]
    axes = {
        "x": {"field": "mean score", "type": "quantitative", "title": "Mean score of the bin"},
        "y": {"field": "observed rate", "type": "quantitative", "title": "Observed default rate"},
    }
    diagonal = {
        "data": {"values": [{"a": 0}, {"a": 0.6}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": "#8a96a3"},
    }
    diagonal["encoding"] = {"x": {"field": "a", "type": "quantitative"}, "y": {"field": "a", "type": "quantitative"}}
    points = {"data": {"values": values}, "mark": {"type": "line", "point": True}, "encoding": axes}
    specification = {"width": 320, "height": 200, "layer": [diagonal, points]}
    return _chart(
        "Reliability of the score",
        "Observed default rate against mean score in seven bins; all bins lie within 0.022 of the diagonal.",
        specification,
        ("Mean score", "Observed rate"),
        tuple(bins),
    )


def groups_chart():
    values = [("18 to 24", 0.79), ("25 to 34", 0.88), ("35 to 49", 0.96), ("50 to 64", 1.0), ("65 and over", 0.93)]
    encoding = {
        "y": {"field": "age", "type": "nominal", "sort": None, "title": None},
        "x": {"field": "ratio", "type": "quantitative", "title": "Impact ratio", "scale": {"domain": [0, 1.1]}},
    }
    bars = {"data": {"values": [{"age": a, "ratio": r} for a, r in values]}, "mark": {"type": "bar", "height": 14}}
    limit = {"data": {"values": [{"limit": 0.8}]}, "mark": {"type": "rule", "strokeDash": [4, 3], "strokeWidth": 1.5}}
    limit["encoding"] = {"x": {"field": "limit", "type": "quantitative"}}
    return _chart(
        "Impact ratio by age",
        "Selection rate of each age group divided by that of the highest; one group lies below 0.80.",
        {"width": 320, "height": 140, "layer": [{**bars, "encoding": encoding}, limit]},
        ("Age", "Impact ratio"),
        tuple(values),
    )


def group_table(title, factors, rows):
    columns = ("Favourable rate", "Impact ratio", "True positive rate", "False positive rate")
    body = []
    for group, n, rate, ratio, tpr, fpr in rows:
        small = n < 100
        values = (
            number("favourable_rate", rate, round(rate - 0.02, 4), round(rate + 0.02, 4), n=n),
            number("impact_ratio", ratio, round(ratio - 0.04, 4), round(ratio + 0.04, 4), n=n, method="Katz log"),
            number("tpr", tpr, round(tpr - 0.05, 4), round(tpr + 0.05, 4), n=n),
            number("fpr", fpr, round(fpr - 0.02, 4), round(fpr + 0.02, 4), n=n),
        )
        if small:
            reason = f"Only {n} rows; the policy asks for at least 100."
            values = (*values[:2], c.Number("tpr", None, n, reason=reason), values[3])
        flag = "below 0.80" if ratio < 0.8 and not small else ""
        body.append(c.GroupRow(group, n, values, small=small, flag=flag))
    return c.GroupTable(
        title,
        factors,
        columns,
        tuple(body),
        reference="the group with the highest favourable rate among those with at least 100 rows",
        note="95 % intervals: Wilson for rates, Katz for ratios. Groups under 100 rows are shown and not judged.",
    )


def fairness_tables():
    sex = [("female", 8911, 0.681, 0.974, 0.742, 0.201), ("male", 9402, 0.699, 1.0, 0.751, 0.188)]
    sex.append(("unknown", 129, 0.66, 0.944, 0.71, 0.21))
    age = [
        ("18 to 24", 1609, 0.571, 0.79, 0.781, 0.262),
        ("25 to 34", 4870, 0.636, 0.88, 0.76, 0.221),
        ("35 to 49", 6213, 0.694, 0.96, 0.744, 0.186),
        ("50 to 64", 4377, 0.723, 1.0, 0.731, 0.169),
        ("65 and over", 1373, 0.672, 0.93, 0.74, 0.193),
    ]
    both = [
        (f"{s} | {a}", n, rate, ratio, tpr, fpr)
        for s, shift in (("female", -0.012), ("male", 0.008))
        for a, n, rate, ratio, tpr, fpr in (
            ("18 to 24", 802, 0.561 + shift, 0.783 + shift, 0.78, 0.27),
            ("25 to 34", 2401, 0.636 + shift, 0.88 + shift, 0.76, 0.221),
            ("35 to 49", 3090, 0.694 + shift, 0.96 + shift, 0.744, 0.186),
            ("50 to 64", 2190, 0.715 + shift, 0.992 + shift, 0.731, 0.169),
            ("65 and over", 684, 0.672 + shift, 0.93 + shift, 0.74, 0.193),
        )
    ]
    both.append(("unknown | 65 and over", 41, 0.61, 0.84, 0.7, 0.2))
    rounded = [(g, n, *(round(x, 4) for x in rest)) for g, n, *rest in both]
    return (
        group_table("By sex", ("sex",), sex),
        group_table("By age", ("age",), age),
        group_table("By sex and age", ("sex", "age"), rounded),
    )


def checks():
    performance = c.CheckResult(
        key="performance",
        title="Performance on held-out data",
        version="1",
        stage="Validation",
        verdict="passed",
        sentences=("ROC AUC 0.8127 is at least 0.78.", "The Kolmogorov-Smirnov distance 0.4713 is at least 0.40."),
        thresholds=(threshold("ROC AUC, at least", "0.78"), threshold("KS, at least", "0.40")),
        numbers=(
            number("roc_auc", 0.812731, 0.8021, 0.8234, method="DeLong", verdict="passed"),
            number("ks", 0.4713, 0.4531, 0.4889, method="bootstrap, 2000 draws", verdict="passed"),
            number("average_precision", 0.5521, 0.5312, 0.5731, method="bootstrap, 2000 draws"),
            number("accuracy", 0.8434, 0.8381, 0.8486),
            number("brier", 0.0982),
            number("recall", 0.7463, 0.7301, 0.7618, n=2911),
            c.Number("log_loss", None, 18442, reason="Three scores lie outside 0 to 1."),
        ),
        looked_at=("Evaluation table of 18 442 rows, fourth quarter of 2025", "Scores as frozen by the submitter"),
        not_looked_at=("Rejected applicants: their outcome is not known",),
        run=run(41, 10),
    )
    calibration = c.CheckResult(
        key="calibration",
        title="Calibration",
        version="1",
        stage="Validation",
        verdict="passed",
        sentences=("The expected calibration error 0.0104 is at most 0.03.",),
        thresholds=(threshold("Expected calibration error, at most", "0.03"),),
        numbers=(number("ece", 0.0104), number("calibration_in_the_large", -0.0021, -0.0068, 0.0026, method="Wald")),
        charts=(calibration_chart(),),
        looked_at=("Evaluation table of 18 442 rows",),
        run=run(42, 12),
    )
    fairness = c.CheckResult(
        key="group_fairness",
        title="Group and intersectional fairness",
        version="2",
        stage="Fairness review",
        verdict="warning",
        sentences=("The impact ratio of age 18 to 24 is 0.79, below 0.80; a mitigation plan exists.",),
        thresholds=(
            threshold("Impact ratio, at least", "0.80"),
            threshold("Equalised odds difference, at most", "0.10"),
        ),
        numbers=(
            number("impact_ratio", 0.79, 0.75, 0.83, n=1609, slice=(("age", "18 to 24"),), verdict="warning"),
            number("equalized_odds_difference_worst_case", 0.093, 0.071, 0.116, method="bootstrap, 2000 draws"),
        ),
        groups=fairness_tables(),
        charts=(groups_chart(),),
        looked_at=("sex, age and both together",),
        not_looked_at=("Ethnicity: not recorded and not inferred",),
        run=run(43, 15),
    )
    return (performance, calibration, fairness, *other_checks())


def other_checks():
    quality = c.CheckResult(
        key="data_quality",
        title="Data quality",
        version="1",
        stage="Data review",
        verdict="passed",
        sentences=("No duplicate rows, and no column with more than 2 % missing values.",),
        thresholds=(threshold("Missing share per column, at most", "0.02"), threshold("Duplicate rows, at most", "0")),
        numbers=(number("missing_share", 0.0031), number("duplicate_rows", 0)),
        tables=(
            c.Table(
                "Columns with missing values",
                ("Column", "Kind", "Missing", "Share"),
                (("employment_years", "number", 57, 0.00309), ("residence_type", "text", 12, 0.00065)),
            ),
        ),
        run=run(39, 2),
    )
    scan = c.CheckResult(
        key="artifact_scan",
        title="Artifact scanned as bytes",
        version="1",
        stage="Deployment approval",
        verdict="passed",
        sentences=("The file is safetensors with a consistent header; nothing in it can run.",),
        run=run(44, 20),
    )
    challenger = c.CheckResult(
        key="challenger",
        title="Challenger comparison",
        version="1",
        stage="Validation",
        verdict="not_computable",
        sentences=("The challenger's scores cover only 9 214 of 18 442 rows, so the two cannot be compared.",),
        thresholds=(threshold("ROC AUC gain, at least", "0.00"),),
        numbers=(c.Number("roc_auc_difference", None, 9214, reason="The challenger scored half of the rows only."),),
        run=run(45, 22),
    )
    return (quality, scan, challenger)
