"""How a runner of this plugin travels to a replica: without the user's module, unless the user changed it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

import jubako
from jubako.services.targets import import_isolated_target, resolve_target
from jubako.serving.planning import make_plan, make_runner, pinned_workspace
from jubako.settings import RunnersSettings, Settings, StoreSettings
from jubako.values.plan import ModelRecipe, ServiceRecipe
from jubako.workspace import open_workspace, using_workspace
from tests.harness.served import Served

SERVICE = """
import jubako
runner = jubako.sklearn.load_runner("iris", "predict_proba", name="probabilities")
svc = jubako.Service("flowers", runners=[runner])
"""


@pytest.fixture
def planned(tmp_path, iris, monkeypatch):
    """Return a function that plans a service of this text; a replica enters its folder, which is left afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    from sklearn.linear_model import LogisticRegression

    settings = Settings(stores=StoreSettings(home=tmp_path / "home"), runners=RunnersSettings(backend="process"))
    outer = open_workspace(settings)
    with using_workspace(outer):
        tag = jubako.sklearn.save("iris", LogisticRegression(max_iter=500).fit(*iris))

    def plan(text):
        (tmp_path / "service.py").write_text(text)
        target = resolve_target("service:svc", workspace=outer, working_dir=tmp_path)
        workspace = pinned_workspace(target.workspace(outer))
        with using_workspace(workspace):
            service = import_isolated_target(target)
            return tag, make_plan(service, target, workspace, 1), workspace

    return plan


def test_a_loaded_runner_is_planned_by_its_model_and_arguments(planned, iris):
    tag, plan, workspace = planned(SERVICE)
    (runner,) = plan.runners
    assert runner.recipe == ModelRecipe("sklearn", tag, {"function_name": "predict_proba"})
    assert (runner.name, runner.can_fork, runner.num_replica) == ("probabilities", True, 1)
    assert {"sklearn", "jubako_sklearn_runner.models"} <= set(runner.preload)
    assert [(pin.tag, pin.is_latest) for pin in plan.models] == [(tag, True)]
    assert plan.models[0].digest.startswith("sha256:")
    before = set(sys.modules)
    with using_workspace(pinned_workspace(workspace, plan)):
        again = make_runner(runner, plan, workspace)
    assert (again.tag, again.function_name, again.name) == (tag, "predict_proba", "probabilities")
    assert "service" not in set(sys.modules) - before


@pytest.mark.parametrize(
    "change",
    [
        "runner.max_dense_bytes = 1",
        "runner._setup = lambda: None",
        "class Own(type(runner)): pass\nrunner = Own('iris')\nsvc = jubako.Service('flowers', runners=[runner])",
    ],
)
def test_a_runner_that_the_user_changed_is_taken_from_the_users_module(planned, change):
    _, plan, _ = planned(SERVICE + change + "\n")
    (runner,) = plan.runners
    assert runner.recipe == ServiceRecipe(runner.name)


def test_options_that_the_user_sets_are_in_the_plan(planned):
    _, plan, _ = planned(SERVICE + "runner.batch_options.max_batch_size = 7\nrunner.resource_quota.cpu = 1\n")
    (runner,) = plan.runners
    assert isinstance(runner.recipe, ModelRecipe)
    assert runner.batch_options.max_batch_size == 7
    assert runner.placements[0].threads == 1


CLASSES = """
from sklearn.base import BaseEstimator, ClassifierMixin

class Largest(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return X.argmax(axis=1)
"""

SAVE_ITS_OWN = """
import classes, jubako
jubako.sklearn.save("largest", classes.Largest())
"""

SERVE_ITS_OWN = """
import jubako
from jubako.io import NumpyNdarray

runner = jubako.sklearn.load_runner("largest")
svc = jubako.Service("largest", runners=[runner])

@svc.api(input=NumpyNdarray(dtype="float64", shape=(3,), enforce_shape=True), output=NumpyNdarray())
async def largest(row):
    return await runner.async_run(row)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize("backend", ["inline", "process"])
def test_a_replica_finds_the_class_of_a_model_beside_the_service(tmp_path, backend):
    (tmp_path / "classes.py").write_text(CLASSES)
    (tmp_path / "service.py").write_text(SERVE_ITS_OWN)
    environment = {**os.environ, "JUBAKO_HOME": str(tmp_path / "home")}
    subprocess.run([sys.executable, "-c", SAVE_ITS_OWN], cwd=tmp_path, env=environment, check=True, timeout=60)

    served = Served(tmp_path, "service:svc", "--backend", backend, JUBAKO_PLUGINS="sklearn_runner")
    try:
        served.wait_until_ready()
        assert served.post("/largest", "[1, 5, 2]", "application/json") == (200, b"1")
        assert served.stop() == 0
    finally:
        served.close()
        shutil.rmtree(served.temporary, ignore_errors=True)
