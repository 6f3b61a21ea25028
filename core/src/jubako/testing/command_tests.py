"""`CommandTests`: the contract of commands, for plugins' own tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from jubako.cli import main
from jubako.contracts.offers import CommandType
from jubako.plugins import compose
from jubako.testing._required import required_name

_WIDTH = 80


class CommandTests:
    """Subclass it as `TestX` and name the command.

    Attributes:
        name: the offer's name, such as `annotate` or `models.annotate`.
    """

    name: str = required_name("command")

    def runs(self) -> Iterable[Sequence[str]]:
        """Arguments, each of which is a call that does what it should; without the command's name.

        Each is run in an empty home. With `--json`, stdout must be JSON.
        """
        return ()

    @pytest.fixture
    def offer(self) -> CommandType:
        """The offer of this name."""
        return compose().find(CommandType, self.name)

    @pytest.fixture
    def command(self) -> click.Command:
        """The command of this name, as it is imported."""
        composition = compose()
        found: click.Command = composition.resolve(composition.find(CommandType, self.name), "command")
        return found

    def run(self, home: Path, *arguments: str) -> Result:
        """Run the command through `jubako`, with its home in a folder."""
        environment = {"JUBAKO_HOME": str(home), "COLUMNS": str(_WIDTH)}
        return CliRunner().invoke(main, [*self.name.split("."), *arguments], prog_name="jubako", env=environment)

    def test_it_is_a_command_of_click(self, command: click.Command) -> None:
        assert isinstance(command, click.Command)

    def test_it_is_found_by_its_name_and_listed_with_its_summary(self, offer: CommandType) -> None:
        *group, _ = self.name.split(".")
        done = CliRunner().invoke(main, [*group, "--help"], prog_name="jubako", env={"COLUMNS": "200"})
        assert done.exit_code == 0, f"jubako has no group {group}"
        assert offer.summary in done.stdout

    @pytest.mark.parametrize("option", ["-h", "--help"])
    def test_its_help_says_what_it_does_and_gives_an_example(self, tmp_path: Path, option: str) -> None:
        done = self.run(tmp_path, option)
        assert done.exit_code == 0, done.output
        typed = f"jubako {self.name.replace('.', ' ')}"
        usage, _, rest = done.stdout.partition("\n\n")
        assert f"Usage: {typed}" in usage
        assert not rest.startswith("Options:"), "its function has no docstring"
        _, _, shown = rest.partition("Examples:\n")
        assert f"  {typed}" in shown, f"click.command(..., epilog=jubako.cli.kit.examples({typed + ' ...'!r}))"
        too_long = [line for line in done.stdout.splitlines() if len(line) > _WIDTH]
        assert not too_long, f"longer than {_WIDTH} characters: {too_long}"

    def test_every_option_says_what_it_is_for(self, command: click.Command) -> None:
        silent = [
            parameter.opts[-1]
            for parameter in command.params
            if isinstance(parameter, click.Option) and not parameter.help and not parameter.hidden
        ]
        assert not silent, f"without help: {silent}"

    def test_an_unknown_option_is_refused_with_exit_code_2(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, "--no-such-option-of-any-command")
        assert done.exit_code == 2
        assert "no-such-option-of-any-command" in done.stderr

    def test_what_it_is_for_works(self, tmp_path: Path) -> None:
        for number, arguments in enumerate(self.runs()):
            done = self.run(tmp_path / str(number), *arguments)
            assert done.exit_code == 0, f"{' '.join(arguments)}: {done.stderr}"
            if "--json" in arguments:
                json.loads(done.stdout)
