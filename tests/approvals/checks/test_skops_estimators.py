"""scikit-learn's own estimators as skops artifacts: scanned, run and compared; and files that only look like them."""

import hashlib
import io
import json
import zipfile

import numpy as np
import pytest
import scipy.stats
import skops.io
from sklearn import (
    calibration,
    compose,
    discriminant_analysis,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    linear_model,
    model_selection,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    semi_supervised,
    svm,
    tree,
)
from sklearn.gaussian_process import kernels

from approvals.checks.artifact_scan import ArtifactScan
from approvals.checks.base import CheckInputError, Input
from approvals.checks.perturbation import Perturbation
from approvals.checks.reproducibility import Reproducibility
from approvals.sandbox import JobDescription, run_measurement
from tests.approvals.checks.test_artifact_scan import npy, rewritten

ROWS = 48
DRAWN = np.random.default_rng(5)
FEATURES = np.column_stack([DRAWN.random((ROWS, 3)).round(3), DRAWN.integers(0, 4, ROWS)])
LABEL = (FEATURES[:, 0] + 0.3 * DRAWN.random(ROWS) > 0.6).astype(int)
AMOUNT = (3 * FEATURES[:, 0] + FEATURES[:, 1] + 0.1 + DRAWN.random(ROWS)).round(3)
NAMES = ["a", "b", "c", "d"]
CLASSES = {"label": "y", "prediction": "p", "score": "s", "features": NAMES}
DECISIONS = {"label": "y", "prediction": "p", "features": NAMES}
NUMBERS = {"label": "y", "prediction": "p", "features": NAMES, "kind": "regression"}
OTHER = "rows with another decision than submitted"
SCORE_GAP = "largest difference between the submitted and the reproduced score"
NUMBER_GAP = "largest difference between the submitted and the reproduced number"


def columns():
    return compose.make_column_transformer(
        (preprocessing.StandardScaler(), [0, 1]),
        (preprocessing.SplineTransformer(n_knots=3), [2]),
        (preprocessing.OneHotEncoder(handle_unknown="ignore"), [3]),
        remainder="passthrough",
    )


LOGISTIC = linear_model.LogisticRegression()
CLASSIFIERS = {
    "HistGradientBoosting": ensemble.HistGradientBoostingClassifier(max_iter=3, categorical_features=[3]),
    "HistGradientBoosting of numbers": ensemble.HistGradientBoostingClassifier(max_iter=2, early_stopping=True),
    "MLP": neural_network.MLPClassifier((4,), max_iter=400, tol=1e-2),
    "MLP by descent": neural_network.MLPClassifier((3,), solver="sgd", max_iter=900, tol=1e-1),
    "GradientBoosting": ensemble.GradientBoostingClassifier(n_estimators=3),
    "GradientBoosting from zero": ensemble.GradientBoostingClassifier(n_estimators=2, init="zero"),
    "RandomForest": ensemble.RandomForestClassifier(n_estimators=3),
    "ExtraTrees": ensemble.ExtraTreesClassifier(n_estimators=3),
    "AdaBoost": ensemble.AdaBoostClassifier(n_estimators=3),
    "Bagging": ensemble.BaggingClassifier(n_estimators=3, max_features=2),
    "DecisionTree": tree.DecisionTreeClassifier(max_depth=3),
    "SVC": svm.SVC(),
    "LinearSVC": svm.LinearSVC(),
    "KNN": neighbors.KNeighborsClassifier(),
    "KNN by balls": neighbors.KNeighborsClassifier(algorithm="ball_tree", metric="minkowski", p=3, leaf_size=5),
    "KNN by brute force": neighbors.KNeighborsClassifier(algorithm="brute", metric="cosine"),
    "RadiusNeighbors": neighbors.RadiusNeighborsClassifier(radius=5.0, metric="manhattan"),
    "NearestCentroid": neighbors.NearestCentroid(),
    "GaussianProcess": gaussian_process.GaussianProcessClassifier(1.0 * kernels.Matern(), optimizer=None),
    "GaussianNB": naive_bayes.GaussianNB(),
    "LDA": discriminant_analysis.LinearDiscriminantAnalysis(),
    "QDA": discriminant_analysis.QuadraticDiscriminantAnalysis(),
    "Ridge": linear_model.RidgeClassifier(),
    "SGD": linear_model.SGDClassifier(loss="log_loss"),
    "LogisticRegressionCV": linear_model.LogisticRegressionCV(
        cv=model_selection.KFold(2), use_legacy_attributes=False, l1_ratios=(0,), scoring="neg_log_loss"
    ),
    "OneVsRest": multiclass.OneVsRestClassifier(LOGISTIC),
    "Calibrated": calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=2),
    "Calibrated by steps": calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2, method="isotonic"),
    "Calibrated by temperature": calibration.CalibratedClassifierCV(LOGISTIC, cv=2, method="temperature"),
    "Stacking": ensemble.StackingClassifier([("l", LOGISTIC), ("k", neighbors.KNeighborsClassifier())], cv=2),
    "Voting": ensemble.VotingClassifier([("l", LOGISTIC), ("n", naive_bayes.GaussianNB())], voting="soft"),
    "Search": model_selection.GridSearchCV(LOGISTIC, {"C": [0.1, 1]}, cv=2, scoring="roc_auc"),
    "Threshold": model_selection.TunedThresholdClassifierCV(LOGISTIC, cv=2),
    "LabelSpreading": semi_supervised.LabelSpreading(),
    "Columns": pipeline.make_pipeline(columns(), LOGISTIC),
    "Selection": pipeline.make_pipeline(
        impute.SimpleImputer(),
        feature_selection.SelectKBest(k=2),
        preprocessing.QuantileTransformer(n_quantiles=10),
        LOGISTIC,
    ),
}
REGRESSORS = {
    "HistGradientBoosting": ensemble.HistGradientBoostingRegressor(max_iter=3, loss="poisson"),
    "MLP": neural_network.MLPRegressor(hidden_layer_sizes=(4,), max_iter=500, tol=1e-1),
    "GradientBoosting": ensemble.GradientBoostingRegressor(n_estimators=3, loss="huber"),
    "RandomForest": ensemble.RandomForestRegressor(n_estimators=3),
    "ExtraTrees": ensemble.ExtraTreesRegressor(n_estimators=3),
    "KNN": neighbors.KNeighborsRegressor(weights="distance"),
    "SVR": svm.SVR(),
    "Tweedie": linear_model.TweedieRegressor(power=1.5),
    "GaussianProcess": gaussian_process.GaussianProcessRegressor(kernels.RBF() + kernels.DotProduct(), optimizer=None),
    "Stacking": ensemble.StackingRegressor([("l", linear_model.LinearRegression()), ("s", svm.SVR())], cv=2),
    "Transformed": compose.TransformedTargetRegressor(
        linear_model.Ridge(), transformer=preprocessing.PowerTransformer()
    ),
    "Columns": pipeline.make_pipeline(columns(), linear_model.ElasticNetCV(cv=2)),
}


def seeded(model):
    names = [name for name in model.get_params() if name.endswith("random_state")]
    return model.set_params(**dict.fromkeys(names, 3))


@pytest.fixture
def attached(piece):
    """An artifact with a table of what it answered before it was saved."""

    def attach(content, declared, *answers):
        head = ["y", "p", "s"][: 1 + len(answers)] + NAMES
        cells = np.column_stack([*(np.asarray(one, dtype=object) for one in (answers[0], *answers)), FEATURES])
        lines = [",".join(head), *(",".join(repr(float(cell)) for cell in row) for row in cells.tolist())]
        evaluation = piece("evaluation_table", "\n".join(lines) + "\n", details=declared, artifact_sha256="")
        return piece("artifact", content, artifact_sha256=""), evaluation

    return attach


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_is_scanned_and_its_answers_are_reproduced(measured, judged, attached, name):
    model = seeded(CLASSIFIERS[name]).fit(FEATURES, LABEL)
    answers = [model.predict(FEATURES)]
    if hasattr(model, "predict_proba"):
        answers.append(model.predict_proba(FEATURES)[:, 1])
    artifact, evaluation = attached(skops.io.dumps(model), (DECISIONS, CLASSES)[len(answers) - 1], *answers)
    assert judged(ArtifactScan, measured(ArtifactScan, artifact)).verdict == "passed"
    found = {measure.name: measure.value for measure in measured(Reproducibility, artifact, evaluation).measures}
    assert found[OTHER] == 0
    assert len(answers) == 1 or found[SCORE_GAP] < 1e-12


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_is_scanned_and_its_answers_are_reproduced(measured, judged, attached, name):
    model = seeded(REGRESSORS[name]).fit(FEATURES, AMOUNT)
    artifact, evaluation = attached(skops.io.dumps(model), NUMBERS, model.predict(FEATURES))
    assert judged(ArtifactScan, measured(ArtifactScan, artifact)).verdict == "passed"
    found = {measure.name: measure.value for measure in measured(Reproducibility, artifact, evaluation).measures}
    assert found[NUMBER_GAP] < 1e-9


def test_several_kinds_at_once_run_in_the_limited_process(attached):
    kinds = ("HistGradientBoosting", "MLP", "KNN", "SVC", "RandomForest")
    model = seeded(ensemble.StackingClassifier([(name, CLASSIFIERS[name]) for name in kinds], cv=2))
    model.fit(FEATURES, LABEL)
    answers = model.predict(FEATURES), model.predict_proba(FEATURES)[:, 1]
    pieces = {one.kind: one for one in attached(skops.io.dumps(model), CLASSES, *answers)}
    pieces = {
        kind: Input(kind, one.path, one.name, hashlib.sha256(one.path.read_bytes()).hexdigest(), "", one.details)
        for kind, one in pieces.items()
    }
    reading = run_measurement(check_key="reproducibility", job=JobDescription(inputs=pieces))
    found = {measure.name: measure.value for measure in reading.measures}
    assert found[OTHER] == 0
    assert found[SCORE_GAP] < 1e-12


def test_the_answers_of_boosting_to_changed_rows_are_measured(measured, attached):
    model = seeded(CLASSIFIERS["HistGradientBoosting"]).fit(FEATURES, LABEL)
    pieces = attached(skops.io.dumps(model), DECISIONS, model.predict(FEATURES))
    assert all(measure.value is not None for measure in measured(Perturbation, *pieces).measures[:1])


def every(schema, kind):
    """All objects of a class in a schema."""
    found, waiting = [], [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            found += [item] if item.get("__class__") == kind else []
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return found


def changed_array(name, change):
    """Changes the arrays that have a field of that name."""

    def alter(_, members):
        for member, content in members.items():
            if member.endswith(".npy") and name in (np.load(io.BytesIO(content)).dtype.names or ()):
                array = np.load(io.BytesIO(content)).copy()
                change(array)
                members[member] = npy(array)

    return alter


def in_state(kind, place, change):
    """Changes the array at a place of the state of the first object of a class."""

    def alter(schema, members):
        file = every(schema, kind)[0]["content"]["content"][place]["file"]
        members[file] = npy(change(np.load(io.BytesIO(members[file]))))

    return alter


def loader_of(kind, loader):
    return lambda schema, _: every(schema, kind)[0].update(__loader__=loader)


def first_set(field, value):
    return changed_array(field, lambda nodes: nodes[field].__setitem__(0, value))


def swapped_inside(schema, _):
    """An object of the same identity as the state of a tree, loaded before it, holds another tree."""
    state = every(schema, "Tree")[0]["content"]
    other = json.loads(json.dumps(every(schema, "Tree")[1]["content"])) | {"__id__": state["__id__"]}
    attributes = schema["content"]["content"]
    schema["content"]["content"] = {"aside": other, **attributes}
    schema["content"]["key_types"]["content"].append(schema["content"]["key_types"]["content"][0])


def other_call(schema, _):
    """Prepared with a name that is known, but not the one that is."""
    for call in every(schema, "partial"):
        call["content"]["func"].update(__class__="mean", __module__="numpy", __id__=1)


BOOSTING, FOREST, NEIGHBOURS, CUBES, SPLINES = "HistGradientBoosting", "RandomForest", "KNN", "KNN by balls", "Columns"
HOSTILE = {
    "a branch back": (BOOSTING, first_set("left", 0), "do not exist"),
    "a branch beyond": (BOOSTING, first_set("right", 4_000_000), "do not exist"),
    "no such feature": (BOOSTING, first_set("feature_idx", -7), "do not exist"),
    "no such set of categories": (
        BOOSTING,
        changed_array("bitset_idx", lambda nodes: nodes["bitset_idx"].fill(900)),
        "do not exist",
    ),
    "a boosted tree by the loader of losses": (BOOSTING, loader_of("TreePredictor", "LossNode"), "does not belong"),
    "more nodes than there are": (
        FOREST,
        lambda s, _: every(s, "Tree")[0]["content"]["content"]["node_count"].update(content="5000", __id__=1),
        "do not exist",
    ),
    "a tree by the loader of objects": (FOREST, loader_of("Tree", "ObjectNode"), "does not belong"),
    "a tree by the loader of losses": (FOREST, loader_of("Tree", "LossNode"), "does not belong"),
    "an estimator by the loader of losses": (FOREST, loader_of("RandomForestClassifier", "LossNode"), "not belong"),
    "a call prepared": (BOOSTING, other_call, "unknown"),
    "another tree of one identity": (FOREST, swapped_inside, "cannot be read"),
    "neighbours that are no rows": (NEIGHBOURS, in_state("KDTree", 1, lambda order: order + 1), "do not exist"),
    "a neighbour twice": (NEIGHBOURS, in_state("KDTree", 1, lambda order: order * 0), "do not exist"),
    "a node of more rows": (CUBES, first_set("idx_end", 10**9), "do not exist"),
    "a node that overlaps": (
        CUBES,
        changed_array("idx_start", lambda nodes: nodes["idx_start"].__setitem__(2, 0)),
        "do not exist",
    ),
    "nodes without an end": (CUBES, changed_array("is_leaf", lambda n: n["is_leaf"].fill(0)), "do not exist"),
    "weights of a distance": (
        NEIGHBOURS,
        in_state("EuclideanDistance64", 1, lambda weights: np.zeros(9)),
        "distance of the skops file leads to",
    ),
    "knots out of order": (SPLINES, lambda s, m: in_spline(s, m, "_t", lambda t: t[::-1].copy()), "spline"),
    "coefficients that are missing": (SPLINES, lambda s, m: in_spline(s, m, "_c", lambda c: c[:2]), "spline"),
    "a degree without end": (
        SPLINES,
        lambda s, _: every(s, "BSpline")[0]["content"]["content"]["k"].update(content="400", __id__=1),
        "spline",
    ),
}


def in_spline(schema, members, name, change):
    file = every(schema, "BSpline")[0]["content"]["content"][name]["file"]
    members[file] = npy(change(np.load(io.BytesIO(members[file]))))


@pytest.fixture(scope="module")
def saved():
    made = {name: seeded(CLASSIFIERS[name]).fit(FEATURES, LABEL) for name in (FOREST, NEIGHBOURS, CUBES, SPLINES)}
    return {name: skops.io.dumps(model) for name, model in (made | {BOOSTING: by_categories()}).items()}


@pytest.mark.parametrize("trick", HOSTILE)
def test_numbers_that_lead_elsewhere_are_refused_and_never_run(measured, judged, attached, saved, trick):
    name, change, why = HOSTILE[trick]
    assert judged(ArtifactScan, measured(ArtifactScan, attached(saved[name], DECISIONS, LABEL)[0])).verdict == "passed"
    pieces = attached(rewritten(saved[name], change), DECISIONS, LABEL)
    judgement = judged(ArtifactScan, measured(ArtifactScan, pieces[0]))
    assert judgement.verdict == "failed"
    assert why in " ".join(judgement.sentences)
    with pytest.raises(CheckInputError, match="not run, because of what the artifact scan finds"):
        measured(Reproducibility, *pieces)


@pytest.mark.parametrize(
    "change",
    [lambda m: m.indices.__setitem__(0, 900), lambda m: m.indptr.__setitem__(1, 900), lambda m: m.indptr.fill(0)],
)
def test_a_sparse_matrix_that_leads_elsewhere_is_refused(measured, judged, attached, change):
    model = svm.SVC().fit(scipy.sparse.csr_array(FEATURES), LABEL)
    artifact, _ = attached(skops.io.dumps(model), DECISIONS, LABEL)
    assert judged(ArtifactScan, measured(ArtifactScan, artifact)).verdict == "passed"
    change(model.support_vectors_)
    artifact, _ = attached(skops.io.dumps(model), DECISIONS, LABEL)
    assert "sparse matrix" in " ".join(judged(ArtifactScan, measured(ArtifactScan, artifact)).sentences)


WIDE = np.column_stack([0 * FEATURES, FEATURES])


def more_answers_than_places():
    """Three trees a stage where there is one place for their answers: two would be added beyond its end."""
    several = seeded(ensemble.GradientBoostingClassifier(n_estimators=2, init="zero"))
    several.fit(FEATURES, np.digitize(FEATURES[:, 0], [0.3, 0.6]))
    one = seeded(ensemble.GradientBoostingClassifier(n_estimators=2, init="zero")).fit(FEATURES, LABEL)
    one.estimators_ = several.estimators_
    return one


def rows_too_short():
    model = ensemble.HistGradientBoostingClassifier(max_iter=2).fit(WIDE, LABEL)
    model.n_features_in_ = model._n_features = 4
    return model


def a_later_tree_for_wider_rows():
    wide, narrow = (ensemble.GradientBoostingClassifier(n_estimators=2).fit(given, LABEL) for given in (WIDE, FEATURES))
    narrow.estimators_[1] = wide.estimators_[1]
    return narrow


def by_categories():
    """A model that splits by categories; they need some rows each."""
    several = np.tile(FEATURES, (4, 1))
    return seeded(CLASSIFIERS[BOOSTING]).fit(several, several[:, 3] % 2)


def unknown_categories():
    """A split by categories in a model that knows no category of any feature."""
    model = by_categories()
    model._bin_mapper.is_categorical_ = np.zeros(4, dtype=np.uint8)
    return model


@pytest.mark.parametrize(
    "made", [more_answers_than_places, rows_too_short, a_later_tree_for_wider_rows, unknown_categories]
)
def test_trees_that_ask_for_more_than_there_is_are_not_run(measured, attached, made):
    with pytest.raises(CheckInputError, match="features, categories, rows or answers that do not exist"):
        measured(Reproducibility, *attached(skops.io.dumps(made()), DECISIONS, LABEL))


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (
            model_selection.RandomizedSearchCV(LOGISTIC, {"C": scipy.stats.uniform(0.1, 1)}, n_iter=2, cv=2),
            "scipy.stats._distn_infrastructure",
        ),
        (preprocessing.FunctionTransformer(np.load), "numpy.load"),
        (preprocessing.FunctionTransformer(np.lib.format.open_memmap), "open_memmap"),
        (preprocessing.FunctionTransformer(exec), "builtins.exec"),
        (preprocessing.FunctionTransformer(getattr), "builtins.getattr"),
        (neighbors.KNeighborsClassifier(metric="mahalanobis", metric_params={"VI": np.eye(4)}), "MahalanobisDistance"),
        (neighbors.KNeighborsClassifier(metric=zipfile.is_zipfile), "zipfile"),
    ],
)
def test_names_that_do_more_than_hold_numbers_stay_refused(measured, judged, attached, model, name):
    if hasattr(model, "predict") and model.get_params().get("metric") is not zipfile.is_zipfile:
        model = model.set_params(**({"algorithm": "ball_tree"} if "metric" in model.get_params() else {}))
        model.fit(FEATURES, LABEL)
    artifact, _ = attached(skops.io.dumps(model), DECISIONS, LABEL)
    judgement = judged(ArtifactScan, measured(ArtifactScan, artifact))
    assert judgement.verdict == "failed"
    assert name in " ".join(judgement.sentences)
