"""Commands of plugins: found, listed, explained, and never in the way of the core's own."""

from __future__ import annotations

import json

import pytest

from jubako.testing import CommandTests

TOYS = """
import jubako
from jubako.contracts.offers import CheckType, CommandType

@jubako.hookimpl
def jubako_register_commands():
    yield CommandType(name="frob", summary="Frobnicate things.", command="jubako_toys:frob")
    yield CommandType(name="models.frob", summary="Frobnicate models.", command="jubako_toys:frob")
    yield CommandType(name="list", summary="Show toys.", command="jubako_toys:frob")
    yield CommandType(name="broken", summary="Be no command.", command="jubako_toys:print")
    yield CommandType(name="gone", summary="Be nowhere.", command="jubako_toys.nowhere:command")
    yield CommandType(name="nursery.frob", summary="Be in a group that is not there.", command="jubako_toys:frob")
    yield CheckType(name="toys", summary="Whether toys are whole.", check="jubako_toys:check")
    yield CheckType(name="sick", summary="Whether anything is raised.", check="jubako_toys:raising")

def __getattr__(name):
    if name not in ("frob", "check", "raising", "print"):
        raise AttributeError(name)
    import click
    from jubako.cli.kit import examples, output_option, settings_options, show
    from jubako.contracts.command import CheckResult

    @click.command(epilog=examples("jubako frob", "jubako frob --json", "jubako models frob"))
    @click.option("--hard", is_flag=True, help="Break it.")
    @output_option("table", "json")
    @settings_options
    def frob(output, hard, config, strict_plugins):
        '''Frobnicate.'''
        if hard:
            raise KeyError("toy")
        show({"frobbed": True}, output, lambda width: "frobbed")

    def check(composition, settings):
        print("looking")
        yield CheckResult("ok", "Toys are whole.")
        yield CheckResult("warn", "One toy is old.", "buy a new one")

    def raising(composition, settings):
        raise OSError("the shelf fell down")
        yield

    return {"frob": frob, "check": check, "raising": raising, "print": 3}[name]
"""


@pytest.fixture
def toys(site, jubako):
    """Return a function that runs `jubako` with a plugin that has commands, beside one that is broken."""
    site.install_plugin("toys", TOYS)
    site.install_plugin("sad", "raise RuntimeError('no')")
    return lambda *arguments, **more: jubako(*arguments, **{"JUBAKO_PLUGINS": "toys,sad", **more})


def test_they_are_listed_apart_and_what_is_wrong_is_one_warning(toys):
    done = toys("--help")
    assert done.exit_code == 0
    core, _, plugins = done.stdout.partition("Commands of plugins:\n")
    assert "  serve " in core
    assert [line.split()[0] for line in plugins.split("\n\n")[0].splitlines()] == ["broken", "frob", "gone"]
    assert "frob    Frobnicate things." in plugins
    assert done.stderr == ("Warning: not every plugin can be used as it is: sad, toys. See: jubako plugins\n")


def test_settings_that_are_wrong_cost_the_list_its_plugins(toys):
    done = toys("--help", JUBAKO_SERVER__PORT="none")
    assert done.exit_code == 0
    assert "  serve " in done.stdout
    assert done.stderr.startswith("Warning: commands of plugins are not listed. JUBAKO_SERVER__PORT")
    assert len(done.stderr.splitlines()) == 1


def test_they_run_like_any_other_also_in_a_group_of_the_core(toys):
    assert toys("frob").stdout == "frobbed\n"
    assert json.loads(toys("models", "frob", "--json").stdout) == {"frobbed": True}
    assert "Frobnicate models." in toys("models", "--help").stdout


def test_the_core_keeps_its_names(toys):
    assert "List" in toys("list", "--help").stdout
    text = " ".join(toys("plugins", "toys").stdout.split())
    assert "command 'list' is offered by builtin (jubako 0.1.0) too, and that one keeps it" in text


def test_one_that_cannot_be_loaded_is_named_with_its_plugin(toys):
    done = toys("gone")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: command 'gone' cannot be used.\nIts command, 'jubako_toys.nowhere:command'")
    assert done.stderr.endswith("Do: report it to the authors of jubako-toys\n")
    assert toys("broken").stderr == (
        "Error: command 'broken' cannot be used.\n"
        "'jubako_toys:print' of toys (jubako-toys 1.0) is int, and no command of click.\n"
        "Do: report it to the authors of jubako-toys\n"
    )


def test_an_unknown_one_may_be_that_of_a_plugin_that_was_not_loaded(toys):
    assert "Error: there is no command 'frbo'. Did you mean 'frob'?" in toys("frbo").stderr
    words = " ".join(toys("xyzzy").stderr.split())
    assert "there is no command 'xyzzy'. Commands are broken, build," in words
    assert "Plugins that were not loaded: sad (failed)" in words


def test_one_that_two_plugins_offer_names_both(toys, site):
    site.install_plugin("others", TOYS.replace("jubako_toys", "jubako_others"))
    done = toys("frob", JUBAKO_PLUGINS="toys,others")
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: command 'frob' cannot be used.\n"
        "It is offered by others (jubako-others 1.0) and by toys (jubako-toys 1.0).\n"
        "Do: disable one of them: JUBAKO_DISABLE_PLUGINS=others or JUBAKO_DISABLE_PLUGINS=toys\n"
    )


def test_a_bug_names_the_plugin_whose_code_was_running(toys):
    done = toys("frob", "--hard")
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: KeyError: 'toy'\n"
        "This is a bug in Jubako, or in the plugin toys (jubako-toys 1.0), whose code was running.\n"
        "Do: run it again with --verbose, and report the traceback\n"
    )
    verbose = toys("frob", "--hard", "--verbose").stderr
    assert 'raise KeyError("toy")' in verbose
    assert verbose.endswith("Do: report it with the traceback above\n")


def test_the_doctor_asks_plugins_too_and_survives_them(toys):
    done = toys("doctor", "toys", "sick", "plugins", "--json")
    findings = {(each["check"], each["found"]): each for each in json.loads(done.stdout)["findings"]}
    assert done.exit_code == 1
    assert done.stderr.count("looking") == 1
    assert findings["toys", "One toy is old."]["do"] == "buy a new one"
    assert findings["toys", "One toy is old."]["plugin"] == "toys"
    sick = findings["sick", "The check itself failed: OSError: the shelf fell down"]
    assert (sick["status"], sick["do"]) == ("fail", "report it to the authors of jubako-toys")
    said = " ".join(found for check, found in findings if check == "plugins")
    assert "sad (jubako-sad 1.0) is failed" in said
    assert "toys (jubako-toys 1.0) is conflict" in said
    assert "offers the command 'nursery.frob', and there is no group 'nursery'." in said


@pytest.fixture
def installed(site, monkeypatch):
    site.install_plugin("toys", TOYS)
    monkeypatch.setenv("JUBAKO_PLUGINS", "toys")


@pytest.mark.usefixtures("installed")
class TestFrob(CommandTests):
    name = "frob"

    def runs(self):
        return [[], ["--json"]]


@pytest.mark.usefixtures("installed")
class TestFrobOfModels(CommandTests):
    name = "models.frob"
