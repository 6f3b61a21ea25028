"""`RunnerTypeTests` passes a sound runner type, and fails each fault with the test that is meant to find it."""

from __future__ import annotations

import pytest

SOUND = """
from jubako.models import load_object, save_object
from jubako.runners import ModelRunner

def save(name, model, *, signatures=None, labels=None, custom_objects=None, metadata=None, _model_store=None):
    return save_object(
        name, model, module="NAME", serializers=("json",), signatures=signatures, labels=labels,
        custom_objects=custom_objects, metadata=metadata, _model_store=_model_store,
    )

def load(tag, *, _model_store=None):
    return load_object(tag, module="NAME", _model_store=_model_store)

class Toy(ModelRunner):
    def _setup(self):
        self.step = load(self.tag, _model_store=self.model_store)

    def _run_batch(self, rows):
        return [row + self.step for row in rows]

def load_runner(tag, *, name=None, _model_store=None):
    return Toy(tag, name=name, _model_store=_model_store)
"""
PLUGIN = """
import jubako
from jubako.contracts.offers import RunnerType

@jubako.hookimpl
def jubako_register_runner_types():
    for name in NAMES:
        work = f"{name}_work"
        yield RunnerType(
            name=name, summary="Runs toys.",
            save=f"{work}:save", load=f"{work}:load", load_runner=f"{work}:load_runner",
        )
"""
CLASS = """
class Test_{name}(RunnerTypeTests):
    name = "{name}"
    make_model = lambda self: 3
    batch = lambda self: [1, 2]
    predict = lambda self, step, rows: [row + step for row in rows]
"""
TAKES = "test_a_function_takes_every_argument_that_is_promised[{}]"
WRITES = "test_save_writes_to_the_store_that_it_is_given"
READS = "test_load_and_the_runner_read_from_the_store_that_they_are_given"
ALL_OF_SAVE = "signatures=None, labels=None, custom_objects=None, metadata=None, _model_store=None"

# By runner type: what is replaced in the sound one, the tests that fail, and words of the failure.
FAULTS = {
    "sound": ((), set(), ""),
    "takes_more": (
        (("def save(name, model, *", "def save(name, model, level=3, *"), ("load(tag, *,", "load(tag, *, fast=True,")),
        set(),
        "",
    ),
    "takes_all": ((("def load(tag, *, _model_store=None)", "def load(tag, _model_store=None, **options)"),), set(), ""),
    "saves_here": (
        (("metadata=None, _model_store=None)", "metadata=None)"), ("_model_store=_model_store,\n", "\n")),
        {TAKES.format("save"), WRITES},
        "which is saves_here_work.save, does not take the keyword argument '_model_store' (see jubako.contracts",
    ),
    "saves_less": (
        ((ALL_OF_SAVE, "labels=None, custom_objects=None, metadata=None, _model_store=None, signatures=()"),),
        {TAKES.format("save")},
        "should have signatures=None",
    ),
    "calls_the_model_a_toy": (
        (("def save(name, model,", "def save(name, toy,\n"), ("name, model, module", "name, toy, module")),
        set(),
        "",
    ),
    "renames": (
        (("def load(tag,", "def load(model,\n"), ("load_object(tag", "load_object(model")),
        {TAKES.format("load")},
        "does not take 'tag' as its positional argument 1",
    ),
    "needs_more": (
        (("def load_runner(tag, *,", "def load_runner(tag, *, device,"),),
        {
            TAKES.format("load_runner"),
            READS,
            "test_the_runner_answers_as_the_framework_does",
            "test_the_runner_serves_through_the_inline_backend",
            "test_a_runner_keeps_the_version_that_was_the_latest_when_it_was_made",
            "test_what_is_missing_or_of_another_type_is_refused",
        },
        "cannot be called without its further argument 'device'; give that a default",
    ),
    "ignores_in_save": (
        (("metadata=metadata, _model_store=_model_store", "metadata=metadata"),),
        {WRITES},
        "save of runner type 'ignores_in_save' writes to the default store, not the one that it is given",
    ),
    "ignores_in_load": (
        (('module="NAME", _model_store=_model_store)', 'module="NAME")'), ("self.step = load(", "self.step = other(")),
        {READS},
        "load of runner type 'ignores_in_load' reads from the default store",
    ),
    "ignores_in_runner": (
        (("return Toy(tag, name=name, _model_store=_model_store)", "return Toy(tag, name=name)"),),
        {READS},
        "load_runner of runner type 'ignores_in_runner' reads from the default store",
    ),
    "ignores_in_setup": (
        (("_model_store=self.model_store", "_model_store=None"),),
        {READS},
        "load_runner of runner type 'ignores_in_setup' reads from the default store",
    ),
    "forgets_the_name": (
        (("return Toy(tag, name=name", "return Toy(tag, name=None"),),
        {READS},
        "load_runner of runner type 'forgets_the_name' ignores its argument `name`",
    ),
    "forgets_signatures": (
        (("signatures=signatures, ", ""),),
        {"test_signatures_that_are_given_are_recorded"},
        "save of runner type 'forgets_signatures' does not record its argument `signatures`",
    ),
}


@pytest.fixture(scope="module")
def site(site_class, tmp_path_factory):
    """Every runner type, installed by one plugin."""
    site = site_class(tmp_path_factory.mktemp("site"))
    modules = {"toys_plugin.py": PLUGIN.replace("NAMES", repr(list(FAULTS)))}
    for name, (changes, _, _) in FAULTS.items():
        text = SOUND
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        if name == "ignores_in_load":
            text += (
                "\ndef other(tag, _model_store):\n    return load_object(tag, module='NAME', _model_store=_model_store)"
            )
        modules[f"{name}_work.py"] = text.replace("NAME", name)
    site.install("jubako-toys", plugins={"toys": "toys_plugin"}, modules=modules)
    return site


@pytest.fixture(scope="module")
def outcomes(site):
    """The tests that failed, and what was printed of the failures, by runner type."""
    classes = [CLASS.format(name=name) for name in FAULTS]
    (site.folder / "test_contract.py").write_text("from jubako.testing import RunnerTypeTests\n" + "".join(classes))
    done = site.run_python("-m", "pytest", "-q", "-rA", "--tb=line", "-p", "no:cacheprovider", "test_contract.py")
    found = {name: (set(), set(), []) for name in FAULTS}
    for line in done.stdout.splitlines():
        outcome, _, test = line.partition(" test_contract.py::Test_")
        name, _, test = test.partition("::")
        if name in found:
            test, _, message = test.partition(" - ")
            passed, failed, messages = found[name]
            (passed if outcome == "PASSED" else failed).add(test)
            messages.append(message)
    return found, done.stdout


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_fails_the_test_that_is_meant_to_find_it_and_says_what_is_wrong(outcomes, name):
    _, expected, words = FAULTS[name]
    found, printed = outcomes
    passed, failed, _ = found[name]
    assert failed == expected
    assert passed == found["sound"][0] - expected
    assert words in printed


def test_a_class_without_the_name_says_what_to_write(site):
    contracts = (
        "BackendTests",
        "BuildStepTests",
        "PayloadTypeTests",
        "PluginTests",
        "RunnerTypeTests",
        "SerializerTests",
    )
    classes = [f"class Test{contract}(jubako.testing.{contract}): pass\n" for contract in contracts]
    (site.folder / "test_nameless.py").write_text("import jubako.testing\n" + "".join(classes))
    done = site.run_python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", "test_nameless.py"
    )
    for contract, noun in zip(
        contracts, ("backend", "build step", "payload type", "plugin", "runner type", "serializer"), strict=True
    ):
        assert f'Test{contract} does not say which {noun} it tests: write name = "..." in the class' in done.stdout
