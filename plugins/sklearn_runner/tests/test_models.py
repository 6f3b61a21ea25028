"""save, load and trust."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.cluster import Birch
from sklearn.decomposition import NMF
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import jubako.models
import jubako.sklearn
from jubako.contracts.store import StoreKind
from jubako.errors import InvalidArgument, ModelDigestMismatch, ModelNotTrusted
from jubako.stores.local import open_store
from jubako.values.signature import Signature
from jubako.workspace import open_workspace, using_workspace

pytestmark = pytest.mark.usefixtures("workspace")


class Doubler(BaseEstimator):
    """An estimator of the user's own."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return 2 * np.asarray(X)


class Opinion:
    """Has a method of an estimator and nothing else of one."""

    def fit(self, X):
        return self

    def predict(self, X):
        return [str(row) for row in X]


def test_a_model_of_listed_types_is_data_and_needs_no_warning(iris, recwarn):
    tag = jubako.sklearn.save("iris", make_pipeline(StandardScaler(), RandomForestClassifier(3)).fit(*iris))
    assert jubako.models.get(tag).info.serializer == "skops"
    assert not [warning for warning in recwarn if "joblib" in str(warning.message)]


def test_a_class_of_the_users_own_is_code_and_the_warning_names_it(iris):
    model = make_pipeline(Doubler(), LogisticRegression(max_iter=500)).fit(*iris)
    with pytest.warns(UserWarning, match=r"joblib.*test_models\.Doubler") as caught:
        tag = jubako.sklearn.save("mine", model)
    assert str(caught[0].message) == (
        f"model {tag} is stored as joblib, which can run code when it is loaded. "
        "It would be data without what its data format refuses: skops: Pipeline cannot be kept as skops. "
        f"The model holds {Doubler.__module__}.Doubler (ObjectNode). Only types of scikit-learn's own are kept."
    )
    assert jubako.models.get(tag).info.serializer == "joblib"


def test_what_would_come_back_changed_is_code(iris):
    rows, classes = iris
    # JSON has no keys but text: skops gives both back as True.
    model = LogisticRegression(class_weight={False: 1.0, True: 2.0}, max_iter=500).fit(rows, classes > 0)
    with pytest.warns(UserWarning, match=r"\.class_weight would come back changed"):
        tag = jubako.sklearn.save("weighted", model)
    assert jubako.sklearn.load(tag).class_weight == {False: 1.0, True: 2.0}


@pytest.mark.filterwarnings("ignore:model birch")
def test_code_loads_on_another_machine_only_after_its_digest_is_trusted(workspace, iris, tmp_path):
    tag = jubako.sklearn.save("birch", Birch().fit(iris[0]))
    stores = attrs.evolve(workspace.settings.stores, home=tmp_path / "other", model_store=workspace.model_store.url)
    settings = attrs.evolve(workspace.settings, stores=stores)
    with using_workspace(open_workspace(settings)):
        with pytest.raises(ModelNotTrusted, match=r"trust\.digests") as caught:
            jubako.sklearn.load(tag)
        digest = jubako.models.get(tag).digest
        assert digest in str(caught.value)
        runner = jubako.sklearn.load_runner(tag)
        with pytest.raises(ModelNotTrusted):
            runner.run(iris[0][0])
    trusting = attrs.evolve(settings, trust=attrs.evolve(settings.trust, digests=(digest,)))
    with using_workspace(open_workspace(trusting)):
        assert isinstance(jubako.sklearn.load(tag), Birch)


def test_a_joblib_file_under_the_name_of_skops_is_refused(iris):
    tag = jubako.sklearn.save("iris", LogisticRegression(max_iter=500).fit(*iris))
    path = jubako.models.get(tag).path_of("model.skops")
    path.chmod(0o600)
    path.write_bytes(b"\x80" + path.read_bytes()[1:])
    with pytest.raises(ModelDigestMismatch):
        jubako.sklearn.load(tag)


def test_another_store_is_named_by_argument(iris, tmp_path):
    store = open_store((tmp_path / "elsewhere").as_uri(), StoreKind.MODELS)
    tag = jubako.sklearn.save("iris", LogisticRegression(max_iter=500).fit(*iris), _model_store=store)
    assert jubako.sklearn.load(tag, _model_store=store).predict(iris[0][:1]) == [0]
    assert jubako.sklearn.load_runner(tag, _model_store=store).run(iris[0][0]) == 0
    assert jubako.models.list() == []


def test_the_manifest_has_signatures_of_the_methods_that_can_be_served(iris):
    tag = jubako.sklearn.save("iris", LogisticRegression(max_iter=500).fit(*iris))
    signatures = jubako.models.get(tag).info.signatures
    assert set(signatures) == {"predict", "predict_proba", "predict_log_proba", "decision_function"}
    assert all(signature.batchable for signature in signatures.values())


def test_a_part_that_looks_across_rows_keeps_calls_apart(iris):
    model = make_pipeline(NMF(2, max_iter=500), LogisticRegression()).fit(*iris)
    runner = jubako.sklearn.load_runner(jubako.sklearn.save("parts", model))
    assert not runner.batch_options.enabled


@pytest.mark.parametrize("signature", [Signature(batchable=False), {"batchable": False, "batch_dim": (0, 0)}])
def test_a_users_signature_replaces_the_plugins(iris, signature):
    model = FunctionTransformer(np.log1p).fit(iris[0])
    tag = jubako.sklearn.save("log", model, signatures={"transform": signature})
    assert not jubako.sklearn.load_runner(tag, "transform").batch_options.enabled


def test_a_signature_of_a_method_that_there_is_not_is_refused(iris):
    with pytest.raises(InvalidArgument, match="LogisticRegression has no method 'transform'"):
        jubako.sklearn.save("iris", LogisticRegression(max_iter=500).fit(*iris), signatures={"transform": Signature()})


def test_a_class_is_refused_with_what_to_give():
    with pytest.raises(InvalidArgument, match=r"LogisticRegression is a class.\nDo: fit an instance"):
        jubako.sklearn.save("iris", LogisticRegression)


def test_what_is_no_estimator_is_refused():
    with pytest.raises(InvalidArgument, match="a dict is no estimator"):
        jubako.sklearn.save("iris", {"a": 1})


@pytest.mark.filterwarnings("ignore:model opinion")
def test_whatever_has_methods_of_an_estimator_is_taken_as_code():
    tag = jubako.sklearn.save("opinion", Opinion())
    assert jubako.sklearn.load_runner(tag).run(1.5) == "1.5"


def test_the_manifest_names_scikit_learn_and_what_to_install(iris):
    context = jubako.models.get(jubako.sklearn.save("iris", LogisticRegression(max_iter=500).fit(*iris))).info.context
    assert context.framework_name == "scikit-learn"
    assert context.framework_versions["scikit-learn"] == sklearn.__version__
    assert f"scikit-learn=={sklearn.__version__}" in context.pip_requirements
