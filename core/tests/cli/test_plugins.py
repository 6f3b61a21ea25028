"""`jubako plugins`: what is shown of sound and of broken plugins."""

from __future__ import annotations

import json

import pytest

from jubako.cli._plugin_views import plugins_table
from jubako.plugins import compose

TOY = """
import jubako
from jubako.contracts.offers import RunnerType, StoreType

print("loading")

@jubako.hookimpl
def jubako_register_runner_types():
    yield RunnerType(
        name="toy", summary="Runs toys.", requires=("frobnicator",), aliases=("plaything",),
        save="x:save", load="x:load", load_runner="x:load_runner",
    )

@jubako.hookimpl
def jubako_register_store_types():
    yield StoreType(name="attic", summary="Keeps toys in the attic.", open_store="x:y")
"""


@pytest.fixture
def plugins(site, jubako):
    """Return a function that runs `jubako plugins` with two plugins installed, one of them broken, and no others."""
    site.install_plugin("toy_runner", TOY)
    site.install_plugin("broken", "import nowhere_to_be_found")
    return lambda *arguments, **environment: jubako(
        "plugins", *arguments, **{"JUBAKO_PLUGINS": "toy_runner,broken", **environment}
    )


def line_of(done, name):
    return next(line for line in done.stdout.splitlines() if line.startswith(name))


def test_the_table_has_a_line_for_each_plugin(plugins):
    done = plugins()
    assert done.exit_code == 0
    assert line_of(done, "PLUGIN").split() == ["PLUGIN", "DISTRIBUTION", "STATUS", "OFFERS"]
    assert line_of(done, "builtin ").split()[:5] == ["builtin", "jubako", "0.1.0", "ok", "runner"]
    assert " ".join(line_of(done, "toy_runner ").split()) == (
        "toy_runner jubako-toy-runner 1.0 ok runner type toy; store type attic"
    )
    assert line_of(done, "broken ").split() == ["broken", "jubako-broken", "1.0", "failed"]


def test_faults_and_missing_frameworks_stand_below_the_table(plugins):
    below = " ".join(plugins().stdout.split())
    assert (
        "broken: failed: jubako_broken cannot be imported: ModuleNotFoundError: No module named 'nowhere_to_be_found'. "
        "Do: report it to the authors of jubako-broken, or disable it: JUBAKO_DISABLE_PLUGINS=broken"
    ) in below
    assert "toy_runner: runner type 'toy' needs 'frobnicator'; do: pip install frobnicator" in below


def test_what_the_core_could_do_beside_is_one_quiet_line(jubako, site):
    (site.folder / "no_pandas.py").write_text(
        "import sys\nsys.modules['pandas'] = None\nfrom jubako.cli import main\nmain()\n"
    )
    done = site.run_python("no_pandas.py", "plugins", COLUMNS="100", JUBAKO_PLUGINS="")
    words = "optional: pandas for dataframe, series, pandas_dataframe, pandas_series"
    assert done.stdout.splitlines()[-2:] == ["", words]
    assert "pip install" not in done.stdout


def test_help_lists_the_options_that_need_no_command(jubako):
    text = jubako("plugins", "--help").stdout
    for words in ("--json", "--strict-plugins", "--config", "-h, --help", "  new ", "  show "):
        assert text.count(words) >= 1, text


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_table_fits_the_terminal(site, columns):
    site.install_plugin("toy_runner", TOY)
    composition = compose()
    assert max(map(len, plugins_table(composition, columns).splitlines())) <= columns


def test_in_a_pipe_a_plugin_is_one_line(plugins):
    done = plugins()
    assert len(line_of(done, "builtin ")) > 200
    # Others may be installed beside.
    assert {"builtin", "broken", "toy_runner"} <= set(plugins("-q").stdout.split())


def test_one_plugin_is_shown_in_full(plugins):
    text = plugins("jubako-toy-runner").stdout
    assert "entry point   jubako_toy_runner" in text
    assert "runner type toy (also plaything)\n  Runs toys.\n  needs frobnicator\n" in text
    assert "not installed: frobnicator; do: pip install frobnicator" in text
    assert "store type attic\n  Keeps toys in the attic." in text


def test_a_broken_plugin_is_shown_with_its_traceback(plugins):
    done = plugins("broken")
    assert done.exit_code == 0
    assert "Traceback (most recent call last)" in done.stdout
    assert "import nowhere_to_be_found" in done.stdout


def test_a_plugin_that_is_not_installed_is_an_error(plugins):
    done = plugins("gone")
    assert done.exit_code == 1
    assert "Error: there is no plugin 'gone'.\nInstalled are builtin, broken," in done.stderr


def test_json_on_stdout_is_clean_though_a_plugin_prints(plugins):
    done = plugins("--json")
    data = {plugin["name"]: plugin for plugin in json.loads(done.stdout)["plugins"]}
    assert "loading" in done.stderr
    assert data["broken"]["status"] == "failed"
    assert "nowhere_to_be_found" in data["broken"]["traceback"]
    assert data["toy_runner"]["status"] == "ok"
    assert data["toy_runner"]["offers"] == [
        {
            "kind": "runner type",
            "name": "toy",
            "aliases": ["plaything"],
            "summary": "Runs toys.",
            "requires": ["frobnicator"],
            "missing": ["frobnicator"],
            "is_usable": False,
        },
        {
            "kind": "store type",
            "name": "attic",
            "aliases": [],
            "summary": "Keeps toys in the attic.",
            "requires": [],
            "missing": [],
            "is_usable": True,
        },
    ]


def test_json_of_one_plugin_has_that_one_only(plugins):
    assert [plugin["name"] for plugin in json.loads(plugins("toy_runner", "--json").stdout)["plugins"]] == [
        "toy_runner"
    ]


def test_strictness_shows_everything_and_then_fails(plugins):
    done = plugins("--strict-plugins")
    assert done.exit_code == 1
    assert line_of(done, "broken ")
    assert "Error: 1 of the installed plugins cannot be used, and strict loading was asked for." in done.stderr


def test_strictness_is_content_when_nothing_is_wrong(plugins):
    assert plugins("--strict-plugins", JUBAKO_PLUGINS="toy_runner").exit_code == 0


def test_the_configuration_file_decides_which_plugins_are_loaded(plugins, tmp_path):
    path = tmp_path / "jubako.yaml"
    path.write_text("plugins: {disable: [broken]}")
    done = plugins("--config", str(path))
    assert line_of(done, "broken ").split()[-1] == "disabled"


def test_names_on_a_list_that_no_plugin_has_are_mentioned(plugins):
    assert "No installed plugin is named tpyo." in plugins(JUBAKO_DISABLE_PLUGINS="tpyo").stderr
