"""Trees that were changed to point outside of themselves are refused; those that scikit-learn makes are not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import skops.io
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.neighbors import BallTree, KNeighborsClassifier
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from jubako.errors import ModelNotTrusted
from jubako_sklearn_runner.native_arrays import check_native_arrays
from jubako_sklearn_runner.skops_serializer import SkopsSerializer


def with_nodes(model, change, **other):
    """The decision tree with its nodes, or other parts of its state, changed as in a made-up archive."""
    state = model.tree_.__getstate__()
    nodes = state["nodes"].copy()
    change(nodes)
    model.tree_.__setstate__({**state, "nodes": nodes, **other})
    return model


def put(field, index, value):
    def change(nodes):
        nodes[field][index] = value

    return change


def put_row(index, value):
    def change(rows):
        rows[index] = value

    return change


def keep(nodes):
    """Change nothing."""


@pytest.fixture
def tree(iris):
    return DecisionTreeClassifier(random_state=0).fit(*iris)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (put("left_child", 0, 10**9), "a child is outside of the tree"),
        (put("right_child", 0, 10**9), "a child is outside of the tree"),
        (put("right_child", 0, -7), "a child is outside of the tree"),
        (put("left_child", 0, 0), "its nodes are no tree"),
        (put("left_child", 2, 1), "its nodes are no tree"),
        (put("right_child", 2, 3), "its nodes are no tree"),
        (put("feature", 0, 4), "a feature that there is not"),
        (put("feature", 0, -2), "a feature that there is not"),
    ],
)
def test_a_decision_tree_that_points_elsewhere_is_refused(tree, change, problem):
    with pytest.raises(ModelNotTrusted, match=problem):
        check_native_arrays(with_nodes(tree, change))


def test_a_tree_that_hides_its_depth_is_refused(tree):
    # decision_path writes as many numbers as the tree is deep into memory for max_depth of them.
    with pytest.raises(ModelNotTrusted, match="deeper than it says"):
        check_native_arrays(with_nodes(tree, keep, max_depth=1))


def test_a_tree_of_other_features_than_its_model_is_refused(tree):
    tree.n_features_in_ = 2
    with pytest.raises(ModelNotTrusted, match="its tree is of other features"):
        check_native_arrays(tree)


@pytest.mark.parametrize("make", [RandomForestClassifier, GradientBoostingClassifier])
def test_an_ensemble_of_other_features_than_its_trees_is_refused(make, iris):
    model = make(n_estimators=3).fit(*iris)
    check_native_arrays(model)
    model.n_features_in_ = 2
    with pytest.raises(ModelNotTrusted, match="its trees are of other features"):
        check_native_arrays(model)


@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_isolation_forests_of_all_and_of_some_features_pass(fraction, iris):
    check_native_arrays(IsolationForest(n_estimators=3, max_features=fraction, random_state=0).fit(iris[0]))


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("left", 10**6, "a child is outside of the tree"),
        ("right", 0, "its nodes are no tree"),
        ("feature_idx", 4, "a feature that there is not"),
        ("is_categorical", 1, "categories that there are not"),
    ],
)
def test_a_histogram_tree_that_points_elsewhere_is_refused(field, value, problem, iris):
    model = HistGradientBoostingClassifier(max_iter=1).fit(*iris)
    check_native_arrays(model)
    model._predictors[0][0].nodes[field][0] = value
    with pytest.raises(ModelNotTrusted, match=problem):
        check_native_arrays(model)


def test_a_histogram_tree_with_categories_passes(iris):
    rows, classes = iris
    categories = np.c_[rows[:, 0].round(), rows[:, 1:]]
    check_native_arrays(HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]).fit(categories, classes))


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
@pytest.mark.parametrize(
    ("position", "change", "problem"),
    [
        (1, put_row(0, 10**9), "a row that there is not"),
        (2, put("idx_end", 0, 10**9), "rows that there are not"),
        (2, put("is_leaf", -1, 0), "a child is outside of the tree"),
    ],
)
def test_a_neighbour_tree_that_points_elsewhere_is_refused(algorithm, position, change, problem, iris):
    model = KNeighborsClassifier(algorithm=algorithm).fit(*iris)
    check_native_arrays(model)
    state = [np.copy(part) if isinstance(part, np.ndarray) else part for part in model._tree.__getstate__()]
    change(state[position])
    model._tree.__setstate__(tuple(state))
    with pytest.raises(ModelNotTrusted, match=problem):
        check_native_arrays(model)


@pytest.mark.parametrize(
    ("metric", "arguments"),
    [
        ("seuclidean", {"V": np.ones(2)}),
        ("mahalanobis", {"VI": np.eye(2)}),
        ("minkowski", {"p": 3, "w": np.ones(2)}),
        ("haversine", {}),
    ],
)
def test_a_distance_of_other_features_than_its_tree_is_refused(metric, arguments):
    pairs = np.random.default_rng(0).random((20, 2))
    model = KNeighborsClassifier().fit(pairs, np.arange(20) % 2)
    model._tree = BallTree(pairs, metric=metric, **arguments)
    check_native_arrays(model)
    triples = BallTree(np.random.default_rng(0).random((20, 3)))
    state = list(triples.__getstate__())
    state[11] = model._tree.__getstate__()[11]
    model._tree.__setstate__(tuple(state))
    with pytest.raises(ModelNotTrusted, match="its distance is of other features"):
        check_native_arrays(model)


def test_a_changed_tree_in_an_archive_is_refused_when_it_is_read(tree, tmp_path):
    skops.io.dump(with_nodes(tree, put("feature", 0, 10**6)), tmp_path / "model.skops")
    with pytest.raises(ModelNotTrusted, match="the Tree of this model is not as scikit-learn makes it"):
        SkopsSerializer().load(tmp_path)


@pytest.mark.parametrize("make", [SVC, NuSVC, SVR, NuSVR, OneClassSVM])
@pytest.mark.parametrize("name", ["_dual_coef_", "_intercept_", "support_vectors_", "_n_support"])
def test_a_support_vector_machine_with_parts_missing_is_refused(make, name, iris):
    model = make().fit(*iris)
    check_native_arrays(model)
    setattr(model, name, getattr(model, name)[:-1])
    with pytest.raises(ModelNotTrusted, match="support vectors are not all there"):
        check_native_arrays(model)


@pytest.mark.parametrize("make", [SVC, SVR])
def test_support_vectors_of_sparse_rows_and_of_kernels_pass(make, iris):
    rows, classes = iris
    check_native_arrays(make().fit(scipy.sparse.csr_matrix(rows), classes))
    model = make(kernel="precomputed").fit(rows @ rows.T, classes)
    check_native_arrays(model)
    model.support_[0] = 10**6
    with pytest.raises(ModelNotTrusted, match="none of the rows"):
        check_native_arrays(model)


def test_sparse_support_vectors_that_point_elsewhere_are_refused(iris):
    model = SVC().fit(scipy.sparse.csr_matrix(iris[0]), iris[1])
    model.support_vectors_.indices[0] = 10**6
    with pytest.raises(ModelNotTrusted, match="indices must be <"):
        check_native_arrays(model)


def test_boosting_on_a_first_model_of_fewer_classes_is_refused(iris):
    # Its stages would add their numbers outside of the array that the first model makes.
    model = GradientBoostingClassifier(n_estimators=2).fit(*iris)
    model.init_.class_prior_ = model.init_.class_prior_[:2]
    with pytest.raises(ModelNotTrusted, match="its first model is of other classes"):
        check_native_arrays(model)


def test_boosting_by_trees_that_give_more_than_a_number_is_refused(iris):
    model = GradientBoostingRegressor(n_estimators=2).fit(*iris)
    model.estimators_[0, 0] = DecisionTreeClassifier().fit(*iris)
    with pytest.raises(ModelNotTrusted, match="a stage gives more than a number"):
        check_native_arrays(model)


@pytest.mark.parametrize("first", [None, "zero", DecisionTreeClassifier(max_depth=1)])
def test_boosting_on_any_first_model_passes(first, iris):
    check_native_arrays(GradientBoostingClassifier(n_estimators=2, init=first).fit(*iris))


def test_a_model_that_lacks_what_is_checked_is_refused(iris):
    model = HistGradientBoostingClassifier(max_iter=1).fit(*iris)
    del model._bin_mapper
    with pytest.raises(ModelNotTrusted, match="_bin_mapper"):
        check_native_arrays(model)
