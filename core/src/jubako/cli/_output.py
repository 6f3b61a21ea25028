"""How a command's answer is written: a table for people, JSON or YAML for programs.

On a terminal a table fits its width. Elsewhere each row is one line, whole and without colour, so that `grep` and `cut`
can have it.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from jubako.cli._tables import UNLIMITED
from jubako.cli._verbosity import is_quiet

_Function = TypeVar("_Function", bound=Callable[..., Any])

_FORMATS = "jubako.formats"
_NO_TRUNC = "jubako.no_trunc"
_SHORTHANDS = ("json", "yaml")


def output_option(*formats: str) -> Callable[[_Function], _Function]:
    """Give a command `-o/--output`, with `--json` and `--yaml` as shorthands, as the argument `output`.

    With `table` there is `--no-trunc` too, which `show` obeys.

    Args:
        formats: of `table`, `json`, `yaml`, `path`; the first is the default.
    """

    def decorate(function: _Function) -> _Function:
        for option in reversed(_options(formats)):
            function = option(function)
        return function

    return decorate


def show(
    data: Any,
    output: str,
    table: Callable[[int], str] | None = None,
    *,
    ids: Callable[[], Iterable[str]] | None = None,
) -> None:
    """Write the answer to stdout.

    Args:
        data: JSON-like; with `path`, a mapping or a list of mappings that have a `path` each.
        output: the argument of `output_option`.
        table: called with the width of the terminal, `UNLIMITED` where there is none; gives the answer for people.
        ids: gives what `--quiet` writes instead of the table: tags, names, one a line, for scripts.
    """
    if output == "json":
        click.echo(json.dumps(data, indent=2))
    elif output == "yaml":
        # Only who asks for YAML waits for its import.
        from jubako._documents import dump_yaml

        text = dump_yaml(data)
        # What others have written may hold letters that turn a line round, or move the cursor.
        click.echo(text if text.replace("\n", "").isprintable() else dump_yaml(data, is_ascii=True), nl=False)
    elif output == "path":
        for each in data if isinstance(data, list) else [data]:
            click.echo(each["path"])
    elif is_quiet() and ids is not None:
        for line in ids():
            click.echo(line)
    elif table is not None:
        click.echo(table(width_of_stdout()))


def width_of_stdout() -> int:
    """Characters of a line on the terminal; `UNLIMITED` where stdout is none, or with `--no-trunc`."""
    context = click.get_current_context(silent=True)
    # It is None if this process was started with it closed.
    if sys.stdout is None or not sys.stdout.isatty() or (context is not None and context.meta.get(_NO_TRUNC)):
        return UNLIMITED
    return shutil.get_terminal_size().columns


def _options(formats: tuple[str, ...]) -> list[Callable[[_Function], _Function]]:
    words = {"table": "a table", "json": "JSON", "yaml": "YAML", "path": "the path alone"}
    listed = ", ".join(words.get(each, each) for each in formats)
    options = [
        click.option(
            "-o",
            "--output",
            type=click.Choice(formats),
            default=formats[0],
            show_default=True,
            callback=_choose,
            help=f"What is written to stdout: {listed}.",
        )
    ]
    # Options of one name, which click has too, lose the default of one of them before click 8.3.
    options += [
        click.option(
            f"--{each}",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_note_format,
            help=f"The same as --output {each}.",
        )
        for each in _SHORTHANDS
        if each in formats
    ]
    if "table" in formats:
        options.append(
            click.option(
                "--no-trunc",
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_keep_whole,
                help="Write rows of the table whole, however narrow the terminal is.",
            )
        )
    return options


def _note_format(context: click.Context, option: click.Parameter, is_given: bool) -> None:
    if is_given:
        context.meta.setdefault(_FORMATS, set()).add(option.name)


def _choose(context: click.Context, option: click.Parameter, output: str) -> str:
    chosen: set[str] = set(context.meta.get(_FORMATS, ()))
    if not chosen or context.get_parameter_source("output") is ParameterSource.COMMANDLINE:
        chosen.add(output)
    if len(chosen) > 1:
        raise click.UsageError(f"the answer cannot be {' and '.join(sorted(chosen))}; leave one out.", context)
    return chosen.pop()


def _keep_whole(context: click.Context, _: click.Parameter, is_given: bool) -> None:
    if is_given:
        context.meta[_NO_TRUNC] = True
