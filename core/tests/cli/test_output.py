"""The answer in each format, and what is told beside it."""

from __future__ import annotations

import json
import logging

import click
import pytest
import yaml
from click.testing import CliRunner

from jubako.cli._confirm import confirm, yes_option
from jubako.cli._output import output_option, show
from jubako.cli._tables import format_table
from jubako.cli._verbosity import tell, verbosity_options

DATA = [{"tag": "iris:1", "path": "/a"}, {"tag": "iris:2", "path": "/b"}]


@click.command()
@output_option("table", "json", "yaml", "path")
@verbosity_options
def listing(output):
    """List."""
    tell("two were found")
    logging.getLogger("jubako.stores").debug("looked into %s", "/a")
    show(
        DATA,
        output,
        lambda width: format_table(("TAG",), [(each["tag"],) for each in DATA], width),
        ids=lambda: [each["tag"] for each in DATA],
    )


def run(*arguments):
    return CliRunner().invoke(listing, arguments)


def test_people_get_a_table():
    assert run().stdout == "TAG\niris:1\niris:2\n"


@pytest.mark.parametrize("arguments", [("--json",), ("-o", "json"), ("--output=json",), ("--json", "-q")])
def test_programs_get_json(arguments):
    assert json.loads(run(*arguments).stdout) == DATA


@pytest.mark.parametrize("arguments", [("--yaml",), ("-o", "yaml")])
def test_programs_get_yaml(arguments):
    assert yaml.safe_load(run(*arguments).stdout) == DATA


def test_paths_stand_alone():
    assert run("-o", "path").stdout == "/a\n/b\n"


@pytest.mark.parametrize("arguments", [("--json", "-o", "yaml"), ("--yaml", "--json"), ("-o", "table", "--json")])
def test_two_formats_are_one_too_many(arguments):
    done = run(*arguments)
    assert done.exit_code == 2
    assert "leave one out" in done.stderr


def test_a_format_that_is_not_offered_is_refused():
    done = run("-o", "xml")
    assert done.exit_code == 2
    assert "'xml' is not one of 'table', 'json', 'yaml', 'path'" in done.stderr


def test_quiet_leaves_names_alone():
    done = run("-q")
    assert done.stdout == "iris:1\niris:2\n"
    assert done.stderr == ""


def test_verbose_says_what_is_done():
    assert run().stderr == "two were found\n"
    assert run("--verbose").stderr == "two were found\njubako.stores: looked into /a\n"


def test_a_command_leaves_the_loggers_as_they_were():
    before = logging.getLogger().handlers[:], logging.getLogger("jubako").level
    run("--verbose")
    assert (logging.getLogger().handlers, logging.getLogger("jubako").level) == before


def test_quiet_and_verbose_contradict_each_other():
    done = run("-q", "--verbose")
    assert done.exit_code == 2
    assert "Error: --quiet and --verbose contradict each other; leave one out." in done.stderr


@click.command()
@yes_option
def deleting(yes):
    """Delete."""
    confirm("Delete 30 models?", [f"iris:{number}" for number in range(30)], yes=yes)
    click.echo("deleted")


def test_where_nobody_can_be_asked_nothing_is_done():
    done = CliRunner().invoke(deleting, input="y\n")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "  iris:0\n" in done.stderr
    assert "  and 10 more\n" in done.stderr
    assert (
        "Error: Delete 30 models? Nobody can be asked, as stdin is no terminal. Nothing was done; give --yes."
        in done.stderr
    )


@pytest.mark.parametrize("option", ["-y", "--yes", "--assume-yes"])
def test_who_agrees_beforehand_is_not_asked(option):
    done = CliRunner().invoke(deleting, [option])
    assert (done.stdout, done.stderr) == ("deleted\n", "")


def test_yaml_moves_no_cursor_and_turns_no_line_round():
    hostile = "\x1b[31m\u202edetsurt\x9b2J é"

    @click.command()
    @output_option("yaml")
    def labels(output):
        show({"label": hostile}, output)

    written = CliRunner().invoke(labels).stdout
    assert written.replace("\n", "").isprintable()
    assert yaml.safe_load(written) == {"label": hostile}


def test_what_is_told_moves_no_cursor():
    @click.command()
    def telling():
        tell("Note: \x1b]0;owned\x07\n\tnext line")

    assert CliRunner().invoke(telling).stderr == "Note: \\x1b]0;owned\\x07\n        next line\n"
