"""Bounds of the arrays that scikit-learn's compiled code uses as indices, checked once when a model was read as data.

Types alone do not make an archive harmless: trees keep the numbers of their nodes and features in arrays, and compiled
code follows them without bounds checks, so a made-up tree could read, or for `decision_path` write, outside its memory.
skops leaves trees untrusted for that reason (scikit-learn pull request 34558). Here they are allowed and checked:
decision trees and their ensembles, histogram gradient boosting, and the neighbour trees.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.neighbors import BallTree, KDTree
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
    owned: set[int] = set()
    for part in find_parts(model, (BaseEstimator, Tree, TreePredictor, KDTree, BallTree)):
        if isinstance(part, BaseDecisionTree) and hasattr(part, "tree_"):
            _require(part.tree_.n_features == part.n_features_in_, part, "its tree is of other features")
        if isinstance(part, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
            owned.update(_check_boosting(part))
        elif isinstance(part, BaseEstimator):
            _check_ensemble(part)
        elif isinstance(part, Tree):
            _check_tree(part)
        elif isinstance(part, KDTree | BallTree):
            _check_neighbours(part)
    for predictor in find_parts(model, (TreePredictor,)):
        _require(id(predictor) in owned, predictor, "no model holds it that says how many features it is of")


def _require(is_right: Any, part: Any, problem: str) -> None:
    if not is_right:
        raise ModelNotTrusted(
            f"the {type(part).__name__} of this model is not as scikit-learn makes it: {problem}.",
            why="Compiled code would follow it outside of its memory.",
            do="get the model again from where it was trained, and save it with jubako.sklearn.save",
        )


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
