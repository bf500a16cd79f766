"""skops artifacts whose numbers would lead compiled code of scikit-learn beyond the end of rows or answers."""

import numpy as np
import pytest
import scipy.sparse
import skops.io
from sklearn import cluster, ensemble, neighbors, pipeline, preprocessing, svm, tree

from approvals.checks.artifact_scan import ArtifactScan
from approvals.checks.base import CheckInputError
from approvals.checks.reproducibility import Reproducibility
from tests.approvals.checks.test_artifact_scan import rewritten

ROWS = 48
FEATURES = np.random.default_rng(5).random((ROWS, 4)).round(3)
LABEL = (FEATURES[:, 0] > 0.5).astype(int)
SEVERAL = np.digitize(FEATURES[:, 0], [0.3, 0.6])
NAMES = ["a", "b", "c", "d"]
DECISIONS = {"label": "y", "prediction": "p", "features": NAMES}


@pytest.fixture
def attached(piece):
    """An artifact with a table of what it answered."""

    def attach(model, answers):
        cells = np.column_stack([answers, answers, FEATURES])
        lines = [",".join(["y", "p", *NAMES]), *(",".join(repr(float(cell)) for cell in row) for row in cells)]
        kind = {} if hasattr(model, "classes_") else {"kind": "regression"}
        table = piece("evaluation_table", "\n".join(lines) + "\n", details=DECISIONS | kind, artifact_sha256="")
        return piece("artifact", skops.io.dumps(model), artifact_sha256=""), table

    return attach


HONEST = {
    "votes": (neighbors.KNeighborsClassifier(algorithm="brute", metric="manhattan"), FEATURES, SEVERAL),
    "votes within a radius": (
        neighbors.RadiusNeighborsClassifier(2.0, algorithm="brute", metric="manhattan"),
        FEATURES,
        SEVERAL,
    ),
    "weighed neighbours": (neighbors.KNeighborsRegressor(algorithm="brute", weights="distance"), FEATURES, LABEL),
    "neighbours within a radius": (
        neighbors.RadiusNeighborsRegressor(2.0, algorithm="brute"),
        FEATURES,
        FEATURES[:, 0],
    ),
    "machine": (svm.SVC(), FEATURES, SEVERAL),
    "machine of sparse rows": (svm.SVC(), scipy.sparse.csr_array(FEATURES), SEVERAL),
    "machine of numbers": (svm.NuSVR(), FEATURES, FEATURES[:, 0]),
    "machine of numbers of sparse rows": (svm.SVR(), scipy.sparse.csr_array(FEATURES), FEATURES[:, 0]),
    "one tree": (tree.DecisionTreeClassifier(random_state=3), FEATURES, LABEL),
}


@pytest.mark.parametrize("name", HONEST)
def test_what_holds_together_is_run(measured, judged, attached, name):
    model, rows, answers = HONEST[name]
    model.fit(rows, answers)
    pieces = attached(model, model.predict(FEATURES))
    assert judged(ArtifactScan, measured(ArtifactScan, pieces[0])).verdict == "passed"
    found = measured(Reproducibility, *pieces).measures
    assert all(measure.value < 1e-9 for measure in found if "another decision" in measure.name or "gap" in measure.name)


def votes_beyond(kind):
    model = kind(algorithm="brute", metric="manhattan").fit(FEATURES, LABEL)
    model._y = model._y + 10**9
    return model


def neighbours_of_one_column():
    model = neighbors.KNeighborsClassifier(algorithm="brute", weights="distance").fit(FEATURES, LABEL)
    model._fit_X = model._fit_X[:, :1].copy()
    return model


def lengths_of_other_rows():
    model = neighbors.KNeighborsClassifier(algorithm="brute", weights="distance").fit(FEATURES, LABEL)
    model.effective_metric_params_ = {"Y_norm_squared": np.ones(1)}
    return model


def tree_for_wider_rows():
    model = tree.DecisionTreeClassifier().fit(np.column_stack([0 * FEATURES, FEATURES]), LABEL)
    model.n_features_in_ = 4
    return model


def trees_in_processes():
    """Rows are given to processes of their own, where nothing is looked at."""
    model = ensemble.BaggingClassifier(tree.DecisionTreeClassifier(), n_estimators=4).fit(FEATURES, LABEL)
    model.n_jobs = 2
    model.estimators_ = [tree_for_wider_rows()] * 4
    return model


def tree_that_looks_itself():
    """What looks at its rows is put aside: multiplying by true or false gives them back."""
    model = tree_for_wider_rows()
    model._validate_X_predict = np.multiply
    return pipeline.Pipeline([("n", preprocessing.FunctionTransformer(np.float32)), ("t", model)])


def machine_without(name, **settings):
    def made():
        rows = scipy.sparse.csr_array(FEATURES) if settings.get("sparse") else FEATURES
        model = svm.SVC().fit(rows, SEVERAL)
        value = getattr(model, name)
        if scipy.sparse.issparse(value):
            value = scipy.sparse.csr_matrix(value[:, :1].toarray())
        setattr(model, name, value[..., :1].copy() if not scipy.sparse.issparse(value) else value)
        return model

    return made


def machine_of_negative_vectors():
    model = svm.SVC().fit(FEATURES, SEVERAL)
    model._n_support = model._n_support + np.array([10**6, -(10**6), 0], dtype=np.int32)
    return model


def clusters_of_one_column():
    model = cluster.KMeans(2, n_init=1, random_state=3).fit(FEATURES)
    model.cluster_centers_ = model.cluster_centers_[:, :1].copy()
    return model


LEADING_OUT = {
    "votes": lambda: votes_beyond(neighbors.KNeighborsClassifier),
    "votes within a radius": lambda: votes_beyond(neighbors.RadiusNeighborsClassifier),
    "neighbours of one column": neighbours_of_one_column,
    "lengths of other rows": lengths_of_other_rows,
    "a tree for wider rows": tree_for_wider_rows,
    "trees in processes": trees_in_processes,
    "a machine without coefficients": machine_without("_dual_coef_"),
    "a sparse machine without coefficients": machine_without("_dual_coef_", sparse=True),
    "a machine without intercepts": machine_without("_intercept_"),
    "a machine of negative vectors": machine_of_negative_vectors,
    "clusters of one column": clusters_of_one_column,
}


@pytest.mark.parametrize("name", LEADING_OUT)
def test_what_leads_beyond_rows_or_answers_is_not_run(measured, attached, name):
    with pytest.raises(CheckInputError, match="features, categories, rows or answers that do not exist"):
        measured(Reproducibility, *attached(LEADING_OUT[name](), LABEL))


def test_a_tree_that_looks_at_its_rows_itself_is_not_run(measured, attached):
    with pytest.raises(CheckInputError, match="do not exist"):
        measured(Reproducibility, *attached(tree_that_looks_itself(), LABEL))


def test_a_compiled_tree_that_stands_alone_is_refused(measured, judged, attached):
    inner = tree.DecisionTreeClassifier().fit(np.column_stack([0 * FEATURES, FEATURES]), LABEL)
    alone = pipeline.Pipeline([("n", preprocessing.FunctionTransformer(np.float32)), ("t", inner.tree_)])
    for kept in ([], [inner]):  # also where it is the tree of another estimator before
        alone.memory = kept
        judgement = judged(ArtifactScan, measured(ArtifactScan, attached(alone, LABEL)[0]))
        assert judgement.verdict == "failed"
        assert "belongs to no estimator" in " ".join(judgement.sentences)


def test_an_identity_that_is_none_is_told(measured, judged, attached):
    model = tree.DecisionTreeClassifier().fit(FEATURES, LABEL)

    def refer(schema, _):
        aside = {"__class__": "str", "__module__": "builtins", "__loader__": "CachedNode", "__id__": [1]}
        schema["content"]["content"]["aside"] = aside

    artifact, _ = attached(model, LABEL)
    artifact.path.write_bytes(rewritten(artifact.path.read_bytes(), refer))
    judgement = judged(ArtifactScan, measured(ArtifactScan, artifact))
    assert judgement.verdict == "failed"
    assert "cannot be read" in " ".join(judgement.sentences)


@pytest.mark.parametrize(("columns", "verdict"), [(2, "passed"), (1, "failed")])
def test_places_on_a_globe_have_two_numbers(measured, judged, attached, columns, verdict):
    model = neighbors.KNeighborsClassifier(algorithm="ball_tree", metric="haversine").fit(FEATURES[:, :2], LABEL)
    plain = neighbors.KNeighborsClassifier(algorithm="ball_tree").fit(FEATURES[:, :1], LABEL)
    content = skops.io.dumps(model)
    if columns == 1:
        content = rewritten(skops.io.dumps(plain), as_haversine)
    artifact, _ = attached(model, LABEL)
    artifact.path.write_bytes(content)
    assert judged(ArtifactScan, measured(ArtifactScan, artifact)).verdict == verdict


def as_haversine(schema, _):
    waiting = [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if item.get("__class__") == "EuclideanDistance64":
                item["__class__"] = "HaversineDistance64"
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
