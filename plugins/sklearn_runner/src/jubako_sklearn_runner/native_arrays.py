"""Bounds of the arrays that scikit-learn's compiled code uses as indices, checked once when a model was read as data.

Types alone do not make an archive harmless: trees keep the numbers of their nodes and features in arrays, and compiled
code follows them without bounds checks, so a made-up tree could read, or for `decision_path` write, outside its memory.
skops leaves trees untrusted for that reason (scikit-learn pull request 34558). Here they are allowed and checked:
decision trees and their ensembles, gradient boosting of both kinds, the neighbour trees, and support vector machines.
These are the models of which archives with changed numbers were found to crash a process.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.neighbors import BallTree, KDTree
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import BaseDecisionTree
from sklearn.tree._tree import Tree

from jubako.errors import ModelNotTrusted
from jubako_sklearn_runner.object_graph import find_parts

_LEAF = -1


def check_native_arrays(model: Any) -> None:
    """Refuse a model whose arrays would lead compiled code outside of them; cheap beside reading the model.

    Raises:
        ModelNotTrusted: a tree points outside itself, or is of other features than the model that holds it.
    """
    try:
        _check_parts(model)
    except ModelNotTrusted:
        raise
    except Exception as error:  # noqa: BLE001 - a changed model may lack anything, or hold anything in its place
        _refuse(model, f"{type(error).__name__}: {error}", error)


def _check_parts(model: Any) -> None:
    owned: set[int] = set()
    for part in find_parts(model, (BaseEstimator, Tree, TreePredictor, KDTree, BallTree)):
        if isinstance(part, BaseDecisionTree) and hasattr(part, "tree_"):
            _require(part.tree_.n_features == part.n_features_in_, part, "its tree is of other features")
        if isinstance(part, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
            owned.update(_check_boosting(part))
        elif isinstance(part, SVC | NuSVC | SVR | NuSVR | OneClassSVM):
            _check_support_vectors(part)
        elif isinstance(part, BaseEstimator):
            _check_ensemble(part)
        elif isinstance(part, Tree):
            _check_tree(part)
        elif isinstance(part, KDTree | BallTree):
            _check_neighbours(part)
    for predictor in find_parts(model, (TreePredictor,)):
        _require(id(predictor) in owned, predictor, "no model holds it that says how many features it is of")
    # Last, for it asks parts for a prediction that were checked by now.
    for boosting in find_parts(model, (GradientBoostingClassifier, GradientBoostingRegressor)):
        _check_stages(boosting)


def _require(is_right: Any, part: Any, problem: str) -> None:
    if not is_right:
        _refuse(part, problem)


def _refuse(part: Any, problem: str, cause: Exception | None = None) -> NoReturn:
    raise ModelNotTrusted(
        f"the {type(part).__name__} of this model is not as scikit-learn makes it: {problem}.",
        why="Compiled code would follow it outside of its memory.",
        do="get the model again from where it was trained, and save it with jubako.sklearn.save",
    ) from cause


def _check_ensemble(model: Any) -> None:
    """Trees of an ensemble get the ensemble's own input, unchecked, unless it hands each some of the features."""
    members = vars(model).get("estimators_")
    if members is None or hasattr(model, "estimators_features_"):
        return
    for member in find_parts(members, (BaseDecisionTree,)):
        if hasattr(model, "n_features_in_") and hasattr(member, "n_features_in_"):
            is_right = member.n_features_in_ == model.n_features_in_ or not _is_tree_ensemble(model)
            _require(is_right, model, "its trees are of other features")


def _is_tree_ensemble(model: Any) -> bool:
    # Only these skip the members' own checks of the input.
    return type(model).__module__ in {"sklearn.ensemble._forest", "sklearn.ensemble._gb"}


def _check_tree(tree: Any) -> None:
    nodes = tree.__getstate__()["nodes"]
    left, right = nodes["left_child"], nodes["right_child"]
    is_inner = left != _LEAF
    _check_children(tree, np.flatnonzero(is_inner), left[is_inner], right[is_inner], len(nodes))
    _check_range(tree, nodes["feature"][is_inner], tree.n_features, "a node splits by a feature that there is not")
    _require(tree.max_depth >= _depth(left, right, is_inner), tree, "it is deeper than it says")


def _check_children(part: Any, parents: Any, left: Any, right: Any, count: int) -> None:
    """Children come after their parent and have one parent each, so that every walk ends at a leaf."""
    _require(count > 0, part, "it has no nodes")
    children = np.concatenate([left, right]).astype(np.int64)
    _check_range(part, children, count, "a child is outside of the tree")
    comes_after = np.all(left > parents) and np.all(right > parents)
    _require(comes_after and len(np.unique(children)) == len(children), part, "its nodes are no tree")


def _check_range(part: Any, values: Any, stop: int, problem: str) -> None:
    _require(len(values) == 0 or (values.min() >= 0 and values.max() < stop), part, problem)


def _depth(left: Any, right: Any, is_inner: Any) -> int:
    level, depth = np.array([0]), 0
    while True:
        level = level[is_inner[level]]
        if len(level) == 0:
            return depth
        level = np.concatenate([left[level], right[level]])
        depth += 1


def _check_stages(model: Any) -> None:
    """Each stage adds one number a class to what the first model predicts, which must have room for them."""
    stages = vars(model).get("estimators_")
    if stages is None:
        return
    columns = stages.shape[1] if stages.ndim == 2 else 0
    _require(stages.size > 0 and columns == model.n_trees_per_iteration_, model, "its stages are not all there")
    for member in stages.ravel():
        _require(isinstance(member, BaseDecisionTree), model, "a stage is no tree")
        _require(member.tree_.value.shape[1:] == (1, 1), model, "a stage gives more than a number")
    try:
        first = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))
    except Exception:  # noqa: BLE001 - whatever a changed first model raises, it is not as it was made
        first = np.empty(0)
    _require(first.shape == (1, columns), model, "its first model is of other classes")


def _check_support_vectors(model: Any) -> None:
    if not hasattr(model, "support_"):
        return
    count, classes = len(model.support_), len(model._n_support)
    pairs = classes * (classes - 1) // 2
    is_classifier = isinstance(model, SVC | NuSVC)
    problem = "its support vectors are not all there"
    _require(classes >= 2 and (model._n_support.sum() == count or not is_classifier), model, problem)
    _require(np.all(model._n_support >= 0), model, problem)
    _require(model._dual_coef_.shape == (classes - 1, count), model, problem)
    _require(model._intercept_.shape == (pairs,), model, problem)
    for kept in (model._probA, model._probB):
        _require(len(kept) in {0, 1, pairs}, model, problem)
    _require(len(model._probA) == len(model._probB) or not is_classifier, model, problem)
    if model.kernel == "precomputed" or callable(model.kernel):
        _check_range(model, model.support_, model.shape_fit_[0], "a support vector is none of the rows")
    else:
        _require(model.support_vectors_.shape == (count, model.n_features_in_), model, problem)
    if scipy.sparse.issparse(model.support_vectors_):
        # Raises if an index is outside of the matrix, which is refused as anything that raises here.
        model.support_vectors_.check_format(full_check=True)


def _check_boosting(model: Any) -> list[int]:
    """Check all trees of a histogram gradient boosting model and return their ids."""
    if not hasattr(model, "_predictors"):
        return []
    predictors = list(find_parts(model._predictors, (TreePredictor,)))
    is_categorical = np.asarray(model._bin_mapper.is_categorical_)
    _require(is_categorical.shape == (model.n_features_in_,), model, "its bins are of other features")
    for predictor in predictors:
        nodes = predictor.nodes
        inner = np.flatnonzero(nodes["is_leaf"] == 0)
        left, right = nodes["left"][inner], nodes["right"][inner]
        _check_children(predictor, inner, left, right, len(nodes))
        features = nodes["feature_idx"][inner]
        _check_range(predictor, features, model.n_features_in_, "a node splits by a feature that there is not")
        bitsets = nodes["bitset_idx"][inner][nodes["is_categorical"][inner] != 0]
        for kept in (predictor.raw_left_cat_bitsets, predictor.binned_left_cat_bitsets):
            _require(kept.ndim == 2 and kept.shape[1] == 8, predictor, "its categories are not as they should be")
            _check_range(predictor, bitsets, len(kept), "a node splits by categories that there are not")
        by_category = nodes["feature_idx"][inner][nodes["is_categorical"][inner] != 0]
        _require(np.all(is_categorical[by_category]), predictor, "a node splits a number by categories")
    return [id(predictor) for predictor in predictors]


def _check_neighbours(tree: Any) -> None:
    state = tree.__getstate__()
    data, order, nodes, bounds = state[:4]
    count = state[6]
    rows, features = data.shape
    sides = 2 if isinstance(tree, KDTree) else 1
    _require(count == len(nodes) and count > 0, tree, "its nodes are not all there")
    _require(bounds.shape == (sides, count, features), tree, "its bounds are not all there")
    _require(order.shape == (rows,), tree, "its order is of other rows")
    _check_range(tree, order, rows, "its order names a row that there is not")
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    _check_range(tree, 2 * inner + 2, count, "a child is outside of the tree")
    starts, stops = nodes["idx_start"], nodes["idx_end"]
    is_inside = np.all(starts >= 0) and np.all(starts <= stops) and np.all(stops <= rows)
    _require(is_inside, tree, "a node is of rows that there are not")
    _check_distance(tree, state[11], features)


def _check_distance(tree: Any, distance: Any, features: int) -> None:
    power, vector, matrix = distance.__getstate__()[:3]
    kind = type(distance).__name__.removesuffix("64").removesuffix("32")
    if kind == "SEuclideanDistance":
        _require(vector.shape == (features,), tree, "its distance is of other features")
    elif kind == "MinkowskiDistance":
        _require(vector.shape in {(0,), (features,)}, tree, "its distance is of other features")
    elif kind == "MahalanobisDistance":
        _require(matrix.shape == (features, features), tree, "its distance is of other features")
    elif kind == "HaversineDistance":
        _require(features == 2, tree, "its distance is of other features")
    _require(power > 0, tree, "its distance is none")
