"""`jubako serve`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click
from click.core import ParameterSource

from jubako._references import load_reference
from jubako.cli._completion import complete_services
from jubako.cli._help import examples
from jubako.cli._options import read_settings, settings_options, tls_options
from jubako.cli._progress import showing_progress
from jubako.cli._verbosity import is_quiet
from jubako.errors import CommandError
from jubako.settings import Settings, TrustSettings
from jubako.settings.server import MOST_WORKERS

# Quart takes both; a debugger shows clients what they must not see, and may let them run code.
_DEBUG_FLAGS = ("QUART_DEBUG", "FLASK_DEBUG")

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _refused(name: str, why: str) -> Callable[[_Function], _Function]:
    """An option of BentoML's `serve` that is not there: an error that says what to do instead, and no help text."""

    def refuse(context: click.Context, parameter: click.Parameter, is_given: bool) -> None:
        if is_given:
            raise click.UsageError(f"there is no option {name}. {why}", context)

    return click.option(name, is_flag=True, hidden=True, is_eager=True, expose_value=False, callback=refuse)


@click.command(
    "serve",
    epilog=examples(
        "jubako serve ./service.py:svc --reload",
        "jubako serve iris-classifier:latest --port 8080",
        "jubako serve iris-classifier:latest --isolated",
    ),
)
@click.argument("target", shell_complete=complete_services)
@click.option("--host", help="Address to bind; 127.0.0.1 if not set.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to bind, 0 for any that is free; 3000 if not set.")
@click.option(
    "--backlog",
    type=click.IntRange(1),
    help="Connections that the system holds until they are accepted; 2048 if not set.",
)
@click.option(
    "--working-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="Folder that a source path or import string starts from; the current one if not given.",
)
@click.option(
    "--backend",
    help="Where runners run: process, each replica in a process of its own, or inline, in the API workers. "
    "Process if not set, inline where the system cannot fork.",
)
@click.option("--workers", type=click.IntRange(1, MOST_WORKERS), help="API workers; 1 if not set.")
@click.option(
    "--trust",
    "trusted",
    metavar="DIGEST",
    multiple=True,
    help="Load the model of this digest (sha256:...) although it can run code; can be given several times.",
)
@click.option("--reload", is_flag=True, help="Start anew when a source file below the working directory changes.")
@click.option(
    "--reload-delay",
    type=click.FloatRange(0, 60),
    metavar="SECONDS",
    help="Seconds without a further change until then; 0.25 if not given. With --reload only.",
)
@click.option(
    "--isolated",
    is_flag=True,
    help="Serve a Bento from an environment with the packages of its lock, which is made the first time.",
)
@tls_options
@settings_options
@_refused("--production", "A service is always served as in production. Leave it out; --reload is for development.")
@_refused("--ngrok", "No tunnel is opened. Leave it out.")
@_refused("--run-with-ngrok", "No tunnel is opened. Leave it out.")
@click.pass_context
def command(
    context: click.Context,
    /,
    target: str,
    host: str | None,
    port: int | None,
    backlog: int | None,
    working_dir: Path,
    backend: str | None,
    workers: int | None,
    trusted: tuple[str, ...],
    reload: bool,
    reload_delay: float | None,
    isolated: bool,
    config: Path | None,
    strict_plugins: bool | None,
    **tls: str | None,
) -> None:
    """Serve TARGET over HTTP until Ctrl-C or SIGTERM.

    TARGET is a Bento's tag, folder or archive, a source file such as ./service.py:svc, or an import string such as
    service:svc.

    A stop answers everything in flight, for at most server.drain_s seconds; a second signal after more than a second
    cuts that short. SIGHUP imports TARGET again and goes over to it without refusing a request.
    """
    _refuse_debug_flags()
    if reload_delay is not None and not reload:
        raise click.UsageError("--reload-delay is for --reload, which is not given.")
    overrides = {
        "server.host": host,
        "server.port": port,
        "server.backlog": backlog,
        "server.workers": workers,
        "runners.backend": backend,
        # Where it serves, and what goes wrong, is told all the same.
        "server.logging.access.enabled": False if is_quiet() else None,
    }
    overrides |= {f"server.ssl.{name.removeprefix('ssl_')}": value for name, value in tls.items()}
    settings = read_settings(config, strict_plugins, overrides)
    if trusted:
        # Beside what is trusted already, not instead of it.
        every = TrustSettings(digests=(*settings.trust.digests, *trusted))
        settings = attrs.evolve(settings, trust=every)

    def announce(line: str) -> None:
        click.echo(line, err=True)

    if isolated:
        _serve_isolated(context, settings, announce)  # and does not come back
    if hasattr(os, "fork"):
        supervisor = load_reference("jubako.serving.supervisor:serve_target")
        delay = {} if reload_delay is None else {"reload_delay_s": reload_delay}
        options = load_reference("jubako.serving.supervisor:ServeOptions")(target, working_dir, reload, **delay)
        exit_code = supervisor(options, settings=settings, announce=announce)
    elif settings.server.workers > 1 or reload:
        raise CommandError(
            "--reload cannot be used here." if reload else "more than one API worker cannot be started here.",
            why="This system has no fork, and a service is served by one process.",
            do="leave --reload out" if reload else "leave --workers and server.workers out",
        )
    else:
        one_process = load_reference("jubako.serving.one_process:serve_target")
        exit_code = one_process(target, settings=settings, working_dir=working_dir, announce=announce)
    context.exit(exit_code)


def _serve_isolated(context: click.Context, settings: Settings, announce: Callable[[str], None]) -> None:
    serve_isolated = load_reference("jubako.serving.isolated:serve_isolated")
    with showing_progress():
        serve_isolated(
            context.params["target"],
            _typed_again(context),
            settings=settings,
            working_dir=context.params["working_dir"],
            announce=announce,
        )


def _typed_again(context: click.Context) -> list[str]:
    """The options of a command line as they can be typed again, without --isolated and the arguments."""
    typed = []
    for parameter in context.command.params:
        name = parameter.name or ""
        is_typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not isinstance(parameter, click.Option) or not is_typed or name == "isolated":
            continue
        option = parameter.opts[-1]
        if parameter.is_flag:
            typed.append(option)
        else:
            value = context.params[name]
            typed += [f"{option}={each}" for each in (value if parameter.multiple else (value,))]
    return typed


def _refuse_debug_flags() -> None:
    for name in _DEBUG_FLAGS:
        value = os.environ.get(name, "")
        if value.lower() not in ("", "0", "false", "no"):
            raise CommandError(
                f"{name} is set to {value!r}.",
                why="A server that debugs shows its clients what is inside, and may let them run code.",
                do=f"unset {name}",
            )
