"""`jubako serve`."""

from __future__ import annotations

from pathlib import Path

import click

from jubako.cli._options import read_settings, settings_options
from jubako.serving.one_process import serve_target


@click.command("serve")
@click.argument("target")
@click.option("--host", help="Address to bind; 127.0.0.1 if not set.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to bind, 0 for any that is free; 3000 if not set.")
@click.option(
    "--working-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="Folder that a source path or import string starts from; the current one if not given.",
)
@click.option("--backend", help="Where runners run; inline if not set.")
@settings_options
@click.pass_context
def command(
    context: click.Context,
    target: str,
    host: str | None,
    port: int | None,
    working_dir: Path,
    backend: str | None,
    config: Path | None,
    strict_plugins: bool | None,
) -> None:
    """Serve TARGET over HTTP until Ctrl-C or SIGTERM.

    TARGET is a Bento's folder or tag, a source file such as ./service.py:svc, or an import string such as service:svc.
    A stop answers everything in flight, for at most server.drain_s seconds; a second signal after more than a second
    cuts that short.
    """
    overrides = {"server.host": host, "server.port": port, "runners.backend": backend}
    settings = read_settings(config, strict_plugins, overrides)
    exit_code = serve_target(
        target, settings=settings, working_dir=working_dir, announce=lambda line: click.echo(line, err=True)
    )
    context.exit(exit_code)
