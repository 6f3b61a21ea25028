"""`PluginTests` passes sound plugins, and fails each fault with the test that is meant to find it."""

from __future__ import annotations

import pytest

SOUND = """
import jubako
from jubako.contracts.offers import RunnerType

@jubako.hookimpl
def jubako_register_runner_types():
    yield RunnerType(
        name="NAME", summary="Runs toys.", requires=("colorsys",),
        save="jubako_toy_work:save", load="jubako_toy_work:load", load_runner="jubako_toy_work:load_runner",
    )
"""
WORK = "import colorsys\ndef save(): ...\ndef load(): ...\ndef load_runner(): ...\n"
ALL = {
    "test_every_offer_names_what_exists",
    "test_every_runner_type_can_be_written_as_an_attribute",
    "test_every_summary_is_a_sentence",
    "test_loading_imports_none_of_what_the_offers_require",
    "test_loading_is_quick",
    "test_loading_prints_nothing",
    "test_the_distribution_is_named_after_the_plugin",
    "test_the_plugin_agrees_with_everything_else_that_is_installed",
    "test_the_plugin_loads",
    "test_the_plugin_offers_something",
}

# By plugin: its text, the tests that fail, its distribution, and further lines of the contract's subclass.
PLUGINS = {
    "sound": (SOUND, set(), "jubako-sound", ""),
    "imports": (
        "import colorsys\n" + SOUND,
        {"test_loading_imports_none_of_what_the_offers_require"},
        "jubako-imports",
        "",
    ),
    "prints": ("print('hello')\n" + SOUND, {"test_loading_prints_nothing"}, "jubako-prints", ""),
    "slow": (SOUND, {"test_loading_is_quick"}, "jubako-slow", "max_load_s = 0.0"),
    "mumbles": (SOUND.replace("toys.", "toys"), {"test_every_summary_is_a_sentence"}, "jubako-mumbles", ""),
    "refers": (SOUND.replace("work:save", "work:sava"), {"test_every_offer_names_what_exists"}, "jubako-refers", ""),
    "hyphen": (
        SOUND.replace("NAME", "toy-2"),
        {"test_every_runner_type_can_be_written_as_an_attribute"},
        "jubako-hyphen",
        "",
    ),
    "taken": (
        SOUND.replace("NAME", "models"),
        {"test_every_runner_type_can_be_written_as_an_attribute"},
        "jubako-taken",
        "",
    ),
    "empty": ("", {"test_the_plugin_offers_something"}, "jubako-empty", ""),
    "raises": (
        "1 / 0",
        {
            "test_the_plugin_agrees_with_everything_else_that_is_installed",
            "test_the_plugin_loads",
            "test_the_plugin_offers_something",
        },
        "jubako-raises",
        "",
    ),
    "by_anna": (SOUND, {"test_the_distribution_is_named_after_the_plugin"}, "anna-toys", ""),
    "by_ben": (SOUND, set(), "ben-toys", "distribution = 'ben-toys'"),
    "absent": (SOUND, ALL, "", ""),
}


@pytest.fixture(scope="module")
def failures(site_class, tmp_path_factory):
    """Install every plugin, run its contract, and give the tests that failed and those that passed, by plugin."""
    site = site_class(tmp_path_factory.mktemp("site"))
    site.install("work", modules={"jubako_toy_work.py": WORK})
    contracts = ["from jubako.testing import PluginTests"]
    for name, (text, _, distribution, more) in PLUGINS.items():
        module = f"toys_{name}"
        if distribution:
            site.install(distribution, plugins={name: module}, modules={f"{module}.py": text.replace("NAME", name)})
        contracts.append(f"class Test_{name}(PluginTests):\n    name = {name!r}\n    {more or 'pass'}\n")
    (site.folder / "test_contract.py").write_text("\n".join(contracts))
    done = site.run_python("-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "test_contract.py")
    outcomes = {name: {"PASSED": set(), "FAILED": set(), "ERROR": set()} for name in PLUGINS}
    for line in done.stdout.splitlines():
        outcome, _, test = line.partition(" test_contract.py::Test_")
        plugin, _, test = test.partition("::")
        if plugin in PLUGINS:
            outcomes[plugin][outcome].add(test.partition(" ")[0])
    outcomes["printed"] = done.stdout
    return outcomes


@pytest.mark.parametrize("name", PLUGINS)
def test_a_fault_fails_the_test_that_is_meant_to_find_it_and_no_other(failures, name):
    _, expected, *_ = PLUGINS[name]
    outcomes = failures[name]
    assert outcomes["FAILED"] | outcomes["ERROR"] == expected
    assert outcomes["PASSED"] == ALL - expected


def test_a_distribution_of_another_name_is_told_where_to_say_so(failures):
    assert (
        "the distribution 'anna-toys' should be named 'jubako-by-anna'; "
        "if its name is right, write distribution = 'anna-toys' in Test_by_anna"
    ) in failures["printed"]


def test_every_class_is_loaded_when_it_is_asked_for(site):
    code = (
        "import sys, jubako.testing\nassert 'pytest' not in sys.modules\n"
        "for name in jubako.testing.__all__:\n    assert getattr(jubako.testing, name).__name__ == name\n"
    )
    done = site.run_python("-c", code)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_extra_the_error_says_how_to_install_it(site):
    code = "import sys\nsys.modules['pytest'] = None\nfrom jubako.testing import RunnerTypeTests"
    done = site.run_python("-c", code)
    assert "jubako.testing.RunnerTypeTests cannot be used.\nThe package 'pytest' is not installed." in done.stderr
    assert "Do: pip install 'jubako[testing]'" in done.stderr


def test_an_unknown_class_is_an_attribute_error():
    import jubako.testing

    with pytest.raises(AttributeError, match="has no attribute 'NoSuchTests'"):
        jubako.testing.NoSuchTests  # noqa: B018
