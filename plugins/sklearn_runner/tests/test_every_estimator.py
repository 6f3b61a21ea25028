"""Every estimator of scikit-learn is saved, loaded and run, and documented with its format.

`python plugins/sklearn_runner/tests/test_every_estimator.py` writes the table of `docs/sklearn-formats.md` anew.
"""

from __future__ import annotations

import re
import sys
import tempfile
import warnings
from pathlib import Path

import attrs
import numpy as np
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators

import jubako.models
import jubako.sklearn
from jubako.settings import Settings
from jubako.workspace import open_workspace, using_workspace
from jubako_sklearn_runner.methods import signatures_of
from jubako_sklearn_runner.object_graph import first_difference

TABLE = Path(__file__).parents[3] / "docs" / "sklearn-formats.md"
# The table is of the newest supported version.
DOCUMENTED_VERSION = "1.9"

ROWS = 36
NUMBERS = np.random.default_rng(0).random((ROWS, 4)) + 0.1
CLASSES = np.arange(ROWS) % 3
TWO_CLASSES = CLASSES > 0
TARGET = NUMBERS @ [1.0, 2.0, 3.0, 4.0]
TWO_TARGETS = np.c_[TARGET, -TARGET]
TWO_LABELS = np.c_[TWO_CLASSES, TWO_CLASSES[::-1]].astype(int)
TEXTS = ["a red apple", "two green pears and an apple", "some blue plums"] * 12

LINEAR = LogisticRegression()
NAMED_CLASSIFIERS = [("one", LINEAR), ("two", LogisticRegression(C=0.5))]
NAMED_REGRESSORS = [("one", Ridge()), ("two", Ridge(alpha=0.5))]

# Arguments without a default, or whose default is no estimator.
ARGUMENTS = {
    "ClassifierChain": {"estimator": LINEAR},
    "ColumnTransformer": {"transformers": [("scaled", StandardScaler(), [0, 1])]},
    "FeatureUnion": {"transformer_list": [("scaled", StandardScaler())]},
    "FixedThresholdClassifier": {"estimator": LINEAR},
    "FrozenEstimator": {"estimator": clone(LINEAR).fit(NUMBERS, CLASSES)},
    "GridSearchCV": {"estimator": LINEAR, "param_grid": {"C": [0.5, 1.0]}},
    "MultiOutputClassifier": {"estimator": LINEAR},
    "MultiOutputRegressor": {"estimator": Ridge()},
    "OneVsOneClassifier": {"estimator": LINEAR},
    "OneVsRestClassifier": {"estimator": LINEAR},
    "OutputCodeClassifier": {"estimator": LINEAR},
    "Pipeline": {"steps": [("scaled", StandardScaler()), ("model", LINEAR)]},
    "RFE": {"estimator": LINEAR},
    "RFECV": {"estimator": LINEAR},
    "RandomizedSearchCV": {"estimator": LINEAR, "param_distributions": {"C": [0.5, 1.0]}, "n_iter": 2},
    "RegressorChain": {"estimator": Ridge()},
    "SelectFromModel": {"estimator": LINEAR},
    "SelfTrainingClassifier": {"estimator": LINEAR},
    "SequentialFeatureSelector": {"estimator": LINEAR},
    "SparseCoder": {"dictionary": NUMBERS[:3]},
    "StackingClassifier": {"estimators": NAMED_CLASSIFIERS},
    "StackingRegressor": {"estimators": NAMED_REGRESSORS},
    "TunedThresholdClassifierCV": {"estimator": LINEAR},
    "VotingClassifier": {"estimators": NAMED_CLASSIFIERS},
    "VotingRegressor": {"estimators": NAMED_REGRESSORS},
}
# Random projections ask for many columns even of two rows.
WIDE = np.random.default_rng(0).random((2, 600))
INPUTS = {
    "CountVectorizer": (TEXTS, None),
    "DictVectorizer": ([{"apples": 1.0, "pears": row} for row in range(ROWS)], None),
    "FeatureHasher": ([{"apples": 1.0, "pears": row} for row in range(ROWS)], None),
    "FixedThresholdClassifier": (NUMBERS, TWO_CLASSES),
    "GaussianRandomProjection": (WIDE, None),
    # A hundred trees for each class, if there are more than two.
    "GradientBoostingClassifier": (NUMBERS, TWO_CLASSES),
    "HashingVectorizer": (TEXTS, None),
    "HistGradientBoostingClassifier": (NUMBERS, TWO_CLASSES),
    "IsotonicRegression": (NUMBERS[:, 0], TARGET),
    "KernelCenterer": (NUMBERS @ NUMBERS.T, None),
    "LabelBinarizer": (CLASSES, None),
    "LabelEncoder": (CLASSES, None),
    "MultiLabelBinarizer": ([("a", "b"), ("c",), ("a",)] * 12, None),
    "PatchExtractor": (np.random.default_rng(0).random((4, 12, 12)), None),
    "SparseRandomProjection": (WIDE, None),
    "TfidfVectorizer": (TEXTS, None),
    "TunedThresholdClassifierCV": (NUMBERS, TWO_CLASSES),
}
METHODS = ("predict", "predict_proba", "decision_function", "transform", "inverse_transform", "score_samples")
ESTIMATORS = dict(all_estimators())

# One environment for each scikit-learn goes through all of them; the others save what differs most from the rest.
SOME = (
    "Birch",
    "ColumnTransformer",
    "GaussianProcessRegressor",
    "GridSearchCV",
    "HashingVectorizer",
    "HistGradientBoostingClassifier",
    "KNeighborsClassifier",
    "MultiLabelBinarizer",
    "Pipeline",
    "RandomForestClassifier",
    "SGDClassifier",
    "SplineTransformer",
    "StackingClassifier",
    "TfidfVectorizer",
)
IS_FULL = sys.version_info[:2] == (3, 11)


def fit(name):
    """The estimator with its defaults, fitted on data that suits it, and that data."""
    model = ESTIMATORS[name](**ARGUMENTS.get(name, {}))
    if "random_state" in model.get_params(deep=False):
        model.set_params(random_state=0)
    rows, target = INPUTS[name] if name in INPUTS else (NUMBERS, _target(model))
    with warnings.catch_warnings():
        # Few rows, and defaults that change with the release: what they say is not what is tested.
        warnings.simplefilter("ignore")
        return (model.fit(rows) if target is None else model.fit(rows, target)), rows


def _target(model):
    tags = model.__sklearn_tags__()
    if tags.target_tags.multi_output and not tags.target_tags.single_output:
        return TWO_LABELS if tags.estimator_type == "classifier" else TWO_TARGETS
    if tags.estimator_type == "regressor":
        return TWO_TARGETS if type(model).__module__.startswith("sklearn.cross_decomposition") else TARGET
    # Selectors and PLSSVD need a target that their tags do not always tell of.
    return TWO_TARGETS if type(model).__name__ == "PLSSVD" else CLASSES


def answers(model, rows):
    """What each method answers, or the type of its refusal."""
    found = {}
    for method in METHODS:
        if hasattr(model, method):
            try:
                answer = getattr(model, method)(rows)
            except Exception as error:
                found[method] = type(error)
            else:
                found[method] = answer
    return found


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for method in expected:
            assert_same(found[method], expected[method])
    elif isinstance(expected, type):
        assert found is expected
    elif scipy.sparse.issparse(expected):
        assert found.shape == expected.shape
        assert_same(found.tocoo().coords, expected.tocoo().coords)
        assert_same(found.data, expected.data)
    elif isinstance(expected, list | tuple):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray) and expected.dtype.kind == "f":
        # BLAS adds in an order of its own where an array lies elsewhere in memory.
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    else:
        np.testing.assert_array_equal(found, expected)


def assert_rows(model, tag, rows):
    """A runner answers a batch as the model does, and each row of it alone as in the batch."""
    signatures = signatures_of(model)
    if not signatures:
        return
    method = next(iter(signatures))
    few = rows[:3]
    expected = getattr(model, method)(few)
    expected = expected.toarray() if scipy.sparse.issparse(expected) else expected
    runner = jubako.sklearn.load_runner(tag, method)
    assert runner.batch_options.enabled == signatures[method].batchable
    if not signatures[method].batchable:
        return
    columns = expected if isinstance(expected, tuple) else (expected,)
    assert_same(runner.run_batch(few), expected)
    for index, row in enumerate(few):
        answer = runner.run(row)
        for one, column in zip(answer if isinstance(expected, tuple) else (answer,), columns, strict=True):
            # A Gaussian process without noise solves a nearly singular system: 3e-6 between one row and several.
            np.testing.assert_allclose(one, column[index], rtol=1e-6, atol=1e-5, err_msg=method)


def documented_formats():
    return dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", TABLE.read_text(), re.MULTILINE)) if TABLE.exists() else {}


def pytest_generate_tests(metafunc):
    if "estimator" in metafunc.fixturenames:
        is_full = IS_FULL or metafunc.config.getoption("--every-estimator", default=False)
        metafunc.parametrize("estimator", ESTIMATORS if is_full else SOME)


@pytest.mark.filterwarnings("ignore")
def test_every_estimator_comes_back_equal_and_in_its_documented_format(estimator, workspace):
    model, rows = fit(estimator)
    tag = jubako.sklearn.save("estimator", model)
    loaded = jubako.sklearn.load(tag)
    assert first_difference(model, loaded) is None
    # Twice, for methods that draw random numbers go on from the state of the one before.
    assert_same(answers(loaded, rows), answers(model, rows))
    assert_rows(model, tag, rows)
    if sklearn.__version__.startswith(DOCUMENTED_VERSION) and TABLE.exists():
        assert jubako.models.get(tag).info.serializer == documented_formats().get(estimator)


@pytest.mark.skipif(not sklearn.__version__.startswith(DOCUMENTED_VERSION), reason="the table is of another version")
@pytest.mark.skipif(not TABLE.exists(), reason="outside of the repository")
def test_the_table_of_formats_names_every_estimator_and_no_other():
    assert sorted(documented_formats()) == sorted(ESTIMATORS)


def write_table():
    """Save every estimator in a home of its own, and write the table of their formats."""
    with tempfile.TemporaryDirectory() as home, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = Settings()
        settings = attrs.evolve(settings, stores=attrs.evolve(settings.stores, home=Path(home)))
        with using_workspace(open_workspace(settings)):
            lines = [_row(name) for name in ESTIMATORS]
    text = TABLE.read_text()
    head = text[: text.index("| ---")]
    TABLE.write_text(head + "\n".join(["| --- | --- | --- |", *lines, ""]))


def _row(name):
    model, _ = fit(name)
    info = jubako.models.get(jubako.sklearn.save("estimator", model)).info
    methods = ", ".join(
        f"`{method}`" + ("" if info.signatures[method].batchable else " (alone)") for method in info.signatures
    )
    return f"| `{name}` | {info.serializer} | {methods} |"


if __name__ == "__main__":
    write_table()
