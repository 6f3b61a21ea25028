from __future__ import annotations

import functools
import os
import threading

import attrs
import numpy as np
import pytest

import jubako
from jubako.errors import InvalidArgument, ModelDigestMismatch, ModelNotTrusted
from jubako.runners import Runner, Signature, SimpleRunner
from jubako.settings import Settings, StoreSettings
from jubako.testing import RunnerTypeTests
from jubako.workspace import open_workspace, using_workspace
from tests.harness.served import Served

pytestmark = pytest.mark.filterwarnings("ignore:model .* is stored as cloudpickle")


class Adder:
    """A model as users write one."""

    def __init__(self, offset):
        self.offset = offset

    def __call__(self, value):
        return value + self.offset

    def doubled(self, rows):
        return np.asarray(rows) * 2 + self.offset

    def turned(self, block):
        return block.T


class TestPicklableModel(RunnerTypeTests):
    name = "picklable_model"

    def make_model(self):
        return lambda rows: [row + 1 for row in rows]

    def batch(self):
        return [1, 2.5]

    def predict(self, model, batch):
        return model(batch)

    def signatures(self):
        return {"__call__": Signature(input_batch_axis=0)}

    @pytest.fixture
    def functions(self, workspace):
        """The functions; its runners are asked for batches, which is not what they take by default."""
        module = jubako.picklable_model
        return module.save, module.load, functools.partial(module.load_runner, batch=True)


@pytest.fixture(autouse=True)
def workspace(tmp_path):
    """An empty home, current for the test."""
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=tmp_path / "home")))) as workspace:
        yield workspace


def make_closure(offset):
    def closure(value):
        return value + offset

    return closure


def make_adder():
    """A model of a class that cannot be imported, and is stored with it."""

    class Own:
        def __call__(self, value):
            return value + 3

        def doubled(self, rows):
            return np.asarray(rows) * 2 + 3

    return Own()


@pytest.mark.parametrize("obj", [lambda value: value + 3, make_closure(3), Adder(3), (3).__add__])
def test_whatever_can_be_called_is_saved_and_run_one_call_at_a_time(obj):
    tag = jubako.picklable_model.save("adder", obj)
    assert jubako.picklable_model.load(tag)(4) == 7
    runner = jubako.picklable_model.load_runner("adder:latest")
    assert isinstance(runner, SimpleRunner)
    assert (runner.name, runner.tag, runner.required_models) == ("adder", tag, (tag,))
    assert runner.run(4) == 7


def test_with_batch_it_is_a_runner_whose_method_gets_batches():
    tag = jubako.picklable_model.save("adder", Adder(3))
    runner = jubako.picklable_model.load_runner(tag, method_name="doubled", batch=True, name="two")
    assert isinstance(runner, Runner)
    assert runner.name == "two"
    assert runner.run(4) == 11
    np.testing.assert_array_equal(runner.run_batch([1, 2]), [5, 7])


def test_signatures_say_what_takes_batches_and_along_which_axes():
    signatures = {
        "turned": {"batchable": True, "batch_dim": (0, 1)},
        "doubled": {"batchable": True},
        "__call__": {"batchable": False},
    }
    tag = jubako.picklable_model.save("adder", Adder(3), signatures=signatures)
    assert jubako.models.get(tag).info.signatures["turned"] == Signature(True, 0, 1)
    turned = jubako.picklable_model.load_runner(tag, method_name="turned")
    assert (turned.batch_options.input_batch_axis, turned.batch_options.output_batch_axis) == (0, 1)
    block = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(turned.run_batch(block), block.T)
    np.testing.assert_array_equal(turned.run(block[1]), block[1])
    assert isinstance(jubako.picklable_model.load_runner(tag), SimpleRunner)


def test_the_other_methods_of_the_signatures_are_called_by_name():
    signatures = {"doubled": {"batchable": True}, "turned": {"batchable": False}}
    tag = jubako.picklable_model.save("adder", Adder(3), signatures=signatures)
    for runner in (jubako.picklable_model.load_runner(tag), jubako.picklable_model.load_runner(tag, batch=True)):
        assert runner.method("doubled").run(4) == runner.doubled.run(4) == 11
        np.testing.assert_array_equal(runner.doubled.run_batch([1, 2]), [5, 7])
    simple = jubako.picklable_model.load_runner(tag)
    np.testing.assert_array_equal(simple.turned.run(np.ones((2, 3))), np.ones((3, 2)))
    with pytest.raises(AttributeError, match="has no attribute 'offset'"):
        getattr(simple, "offset")  # noqa: B009  # the attribute that is not there
    with pytest.raises(InvalidArgument, match=r"no method 'offset'.\nIt has 'run', 'doubled', 'turned'"):
        simple.method("offset")
    assert not hasattr(simple, "run_batch")


def test_a_replica_for_each_processor_of_the_runners_own_quota():
    runner = jubako.picklable_model.load_runner(jubako.picklable_model.save("adder", Adder(3)))
    assert runner.num_replica == 1
    for cpu, replicas in ((3, 3), ("500m", 1), (1.6, 2)):
        runner.resource_quota.cpu = cpu
        assert runner.num_replica == replicas


def test_what_was_saved_here_is_trusted_and_what_came_from_elsewhere_is_not(workspace, tmp_path):
    tag = jubako.picklable_model.save("adder", Adder(3))
    stores = attrs.evolve(workspace.settings.stores, home=tmp_path / "other", model_store=workspace.model_store.url)
    with using_workspace(open_workspace(attrs.evolve(workspace.settings, stores=stores))):
        runner = jubako.picklable_model.load_runner(tag)
        for load in (lambda: jubako.picklable_model.load(tag), lambda: runner.run(4)):
            with pytest.raises(ModelNotTrusted, match="is not trusted on this machine"):
                load()
        jubako.models.get(tag).trust()
        assert runner.run(4) == 7


def test_a_file_that_was_changed_is_not_loaded():
    tag = jubako.picklable_model.save("adder", Adder(3))
    path = jubako.models.get(tag).path_of("object.pkl")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(ModelDigestMismatch):
        jubako.picklable_model.load(tag)


def test_what_cannot_be_pickled_is_refused_and_not_stored():
    with pytest.raises(InvalidArgument, match=r"cannot be stored as cloudpickle.\ncloudpickle: .* cannot be pickled"):
        jubako.picklable_model.save("lock", threading.Lock())
    assert jubako.models.list() == []


def test_a_method_that_there_is_not_is_refused_when_it_is_saved_and_when_it_is_loaded():
    with pytest.raises(InvalidArgument, match="a Adder has no method 'predict'"):
        jubako.picklable_model.save("adder", Adder(3), signatures={"predict": {}})
    tag = jubako.picklable_model.save("adder", Adder(3))
    with pytest.raises(InvalidArgument, match="a Adder has no method 'offset'"):
        jubako.picklable_model.load_runner(tag, method_name="offset").run(1)
    with pytest.raises(InvalidArgument, match=r"'a\.b' is no name of a method"):
        jubako.picklable_model.load_runner(tag, method_name="a.b")
    tag = jubako.picklable_model.save("plain", {"a": 1})
    with pytest.raises(InvalidArgument, match="a dict cannot be called"):
        jubako.picklable_model.load_runner(tag).run(1)


def test_what_another_runner_type_saved_is_not_loaded():
    with jubako.models.create("foreign", module="sklearn") as draft:
        draft.path_of("object.pkl").write_bytes(b"-")
    with pytest.raises(
        InvalidArgument, match=r"saved by runner type 'sklearn', not by 'picklable_model'[^$]*jubako.sklearn.load"
    ):
        jubako.picklable_model.load("foreign")


def test_one_line_says_that_it_is_code():
    with pytest.warns(UserWarning, match="can run code when it is loaded") as caught:
        jubako.picklable_model.save("adder", Adder(3))
    assert len(caught) == 1


SERVICE = """
import jubako
from jubako.io import JSON

runner = jubako.picklable_model.load_runner("adder")
runner.resource_quota.cpu = 2
batches = jubako.picklable_model.load_runner("adder", method_name="doubled", batch=True, name="batches")
svc = jubako.Service("adding", runners=[runner, batches])


@svc.api(input=JSON(), output=JSON())
async def answer(number):
    doubled = await runner.doubled.async_run_batch([number, 10])
    return [await runner.async_run(number), doubled.tolist(), int(await batches.async_run(number))]
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_replicas_serve_it_and_the_methods_of_its_signatures(workspace, tmp_path):
    jubako.picklable_model.save("adder", make_adder(), signatures={"doubled": {"batchable": True}})
    (tmp_path / "service.py").write_text(SERVICE)
    served = Served(tmp_path, "service.py:svc", "--backend", "process")
    try:
        served.wait_until_ready()
        assert served.post("/answer", "4", "application/json") == (200, b"[7,[11,23],11]")
        assert len(served.processes("jubako-replica")) == 3
        assert served.stop() == 0
    finally:
        served.close()
