"""How a runner's options are set: by constructor, attribute and configuration, and what a subclass may leave out."""

from __future__ import annotations

import threading

import attrs
import numpy as np
import pytest

import jubako
from jubako.errors import InvalidArgument
from jubako.runners import BatchOptions, ResourceQuota, Runner, SimpleRunner
from jubako.runners.options import effective_batch_options, effective_resource_quota
from jubako.settings import load_settings


class Doubler(Runner):
    def _setup(self):
        pass

    def _run_batch(self, rows):
        return [row * 2 for row in rows]

    @jubako.batch_method
    def tripled(self, rows):
        return [row * 3 for row in rows]

    @jubako.batch_method(batchable=False)
    def ranked(self, rows):
        return np.argsort(rows)


class Echo(SimpleRunner):
    def _setup(self):
        pass

    def _run(self, value):
        return value


@pytest.mark.parametrize("kind", [Doubler, Echo])
def test_options_are_given_to_the_constructor(kind):
    runner = kind(
        "one", batch_options={"max_batch_size": 4, "enabled": False}, resource_quota={"cpu": "2", "mem": "2Gi"}
    )
    assert runner.batch_options == BatchOptions(max_batch_size=4, enabled=False)
    assert runner.resource_quota == ResourceQuota(cpu=2.0, memory=2 * 1024**3)
    assert kind("two").batch_options == BatchOptions()
    options = BatchOptions(max_wait_ms=1)
    assert kind("three", batch_options=options).batch_options is options


def test_options_are_assigned_one_by_one_or_as_a_whole():
    runner = Doubler()
    runner.batch_options.max_latency_ms = 20
    runner.resource_quota.mem = "500M"
    runner.resource_quota.gpus = "0"
    assert (runner.batch_options.max_latency_ms, runner.resource_quota.memory) == (20, 500_000_000)
    assert (runner.resource_quota.mem, runner.resource_quota.gpus) == (500_000_000, (0,))
    runner.batch_options = {"max_batch_size": 7}
    runner.resource_quota = {"gpus": "all"}
    assert runner.batch_options == BatchOptions(max_batch_size=7)
    assert runner.resource_quota == ResourceQuota(gpus="all")
    for wrong, words in (({"max_batchsize": 7}, "has no 'max_batchsize'"), (7, "7 is no BatchOptions")):
        with pytest.raises(InvalidArgument, match=words):
            runner.batch_options = wrong
    with pytest.raises(InvalidArgument, match="cpu 'many' is not a number"):
        runner.resource_quota.cpu = "many"


def test_what_is_said_of_one_runner_wins_over_what_is_said_of_all_and_that_over_the_runners_own():
    runner = Doubler("doubler", batch_options={"max_batch_size": 1, "max_wait_ms": 1, "timeout_s": 1})
    runner.resource_quota.cpu = 1
    overrides = {
        "runners.batching.max_batch_size": 2,
        "runners.batching.max_wait_ms": 2,
        "runners.resources.cpu": 2,
        "runners.named": {"doubler": {"batching": {"max_batch_size": 3}, "resources": {"memory": "3Gi"}}},
    }
    settings = load_settings(overrides=overrides)
    options, quota = effective_batch_options(runner, settings), effective_resource_quota(runner, settings)
    assert (options.max_batch_size, options.max_wait_ms, options.timeout_s) == (3, 2, 1)
    assert (quota.cpu, quota.memory) == (2.0, 3 * 1024**3)
    assert runner.batch_options.max_batch_size == 1


def test_joining_that_is_switched_off_is_off_for_every_method():
    runner = Doubler()
    batchable = {name: spec.signature.batchable for name, spec in runner.methods(runner.batch_options).items()}
    assert batchable == {"run": True, "tripled": True, "ranked": False}
    specs = runner.methods(attrs.evolve(runner.batch_options, enabled=False))
    assert not any(spec.signature.batchable for spec in specs.values())
    assert runner.method("tripled").run_batch([1, 2]) == [3, 6]


@pytest.mark.parametrize("base", [Runner, SimpleRunner])
def test_a_subclass_that_does_not_initialise_its_base_is_told_so(base):
    class Careless(base):
        def __init__(self, weights):
            self.weights = weights

        def _setup(self):
            pass

        def _run(self, value):
            return value

        _run_batch = _run

    runner = Careless([1])
    for use in (lambda: runner.name, lambda: runner.run(1), lambda: jubako.Service("careless", runners=[runner])):
        with pytest.raises(jubako.exceptions.JubakoError, match="a runner of class Careless has no name") as caught:
            use()
        assert caught.value.why == "Careless.__init__ does not call super().__init__()."


def test_a_subclass_may_take_any_arguments_and_override_run():
    class Own(Doubler):
        default_name = "own"

        def __init__(self, by, *, name=None):
            super().__init__(name)
            self.by = by

        def run(self, value):
            return super().run(value) + self.by

    assert Own(1).name == "own"
    assert Own(1, name="other").name == "other"
    assert Own(1).run(2) == 5


def test_a_simple_runner_says_why_it_has_no_batches():
    runner = Echo("echo")
    for method in ("run_batch", "async_run_batch"):
        assert not hasattr(runner, method)
        with pytest.raises(AttributeError, match=f"Echo has no {method}.\nA SimpleRunner takes one call at a time"):
            getattr(runner, method)([1])
    with pytest.raises(AttributeError, match="method 'run' of this runner takes no batches"):
        runner.method("run").run_batch([1])


def test_without_a_server_a_runner_is_set_up_once_at_its_first_call():
    class Counting(Doubler):
        set_ups = 0

        def _setup(self):
            self.set_ups += 1

    runner = Counting()
    assert runner.set_ups == 0
    threads = [threading.Thread(target=runner.run, args=(1,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (runner.run(2), runner.set_ups) == (4, 1)
