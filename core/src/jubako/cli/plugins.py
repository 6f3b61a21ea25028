"""`jubako plugins`: what is installed and what became of it; `jubako plugins new`: a new plugin, written out."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from jubako.cli._completion import complete_plugins
from jubako.cli._help import examples
from jubako.cli._options import read_settings, settings_options
from jubako.cli._output import output_option
from jubako.cli._output import show as show_answer
from jubako.cli._plugin_views import plugin_data, plugin_page, plugins_table
from jubako.cli._scaffold import KINDS, write_plugin
from jubako.cli._stdout import stdout_for_the_answer
from jubako.cli._verbosity import is_quiet, tell, verbosity_options
from jubako.errors import NotFound
from jubako.plugins import Composition, PluginReport, compose, explain_faults


class _DefaultGroup(click.Group):
    """A group that runs `show` where none of its commands is typed, so that `jubako plugins NAME` works."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of `show`, which can be typed without its name, and the list of commands."""
        self.commands["show"].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        is_typed = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_typed else ["show", *args])


@click.group(
    "plugins",
    cls=_DefaultGroup,
    subcommand_metavar="[NAME] [OPTIONS] | new NAME",
    epilog=examples("jubako plugins", "jubako plugins builtin", "jubako plugins new toy_runner --kind runner"),
)
def command() -> None:
    """Show installed plugins, or one of them in full, with the error if it could not be loaded.

    Nothing of a plugin is imported that JUBAKO_DISABLE_PLUGINS names, or that JUBAKO_PLUGINS, if set, does not name.
    """


@command.command(
    short_help="Show all plugins, or one in full.",
    epilog=examples("jubako plugins show builtin", "jubako plugins --json"),
)
@click.argument("name", required=False, shell_complete=complete_plugins)
@output_option("table", "json", "yaml")
@settings_options
def show(name: str | None, output: str, config: Path | None, strict_plugins: bool | None) -> None:
    """Show all plugins, or NAME in full; this is what `jubako plugins` does."""
    settings = read_settings(config, strict_plugins)
    # Shown first and judged afterwards: who asks for strictness wants to see the plugin that broke it.
    with stdout_for_the_answer():
        composition = compose(attrs.evolve(settings.plugins, strict=False))
    reports = composition.reports if name is None else _named(name, composition)
    show_answer(
        {"plugins": [plugin_data(report, composition) for report in reports]},
        output,
        lambda width: (
            plugins_table(composition, width)
            if name is None
            else "\n\n".join(plugin_page(report, composition, width) for report in reports)
        ),
        ids=lambda: [report.name for report in reports],
    )
    if composition.unmatched and name is None:
        tell(f"\nNo installed plugin is named {', '.join(composition.unmatched)}.")
    faults = [report for report in reports if report.status.is_fault]
    if settings.plugins.strict and faults:
        raise explain_faults(faults)


def _named(name: str, composition: Composition) -> list[PluginReport]:
    reports = [report for report in composition.reports if report.candidate.is_named_by([name])]
    if not reports:
        raise NotFound(
            f"there is no plugin {name!r}.",
            why=f"Installed are {', '.join(report.name for report in composition.reports)}.",
            do="correct the name, or install the distribution that brings the plugin",
        )
    return reports


@command.command(
    short_help="Write a new plugin, with its tests.",
    epilog=examples(
        "jubako plugins new toy_runner", "jubako plugins new toy_tools --kind command --directory ~/plugins"
    ),
)
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), default="runner", show_default=True, help="What the plugin offers.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where the plugin's folder is written; the current directory by default.",
)
@verbosity_options
def new(name: str, kind: str, directory: Path) -> None:
    """Write a plugin that works, with its contract tests, into a new folder.

    NAME is the plugin's name, such as toy_runner; the distribution becomes jubako-toy-runner.

    """
    folder = write_plugin(name, kind, directory)
    if is_quiet():
        click.echo(folder)
        return
    click.echo(f"Written to {folder}. To install and test it:\n")
    click.echo(f"  pip install -e '{folder}[testing]'\n  pytest {folder}/tests")
