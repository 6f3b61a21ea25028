"""`jubako serve BENTO --isolated`: making an environment for a Bento, up to the moment when it serves from there."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import attrs

from jubako.errors import CommandError, NotFound
from jubako.services.bento import Bento
from jubako.services.targets import resolve_target
from jubako.serving.environments.cache import Environments
from jubako.serving.environments.making import clean_environment, make_environment, python_of
from jubako.serving.environments.recipe import Recipe, read_recipe
from jubako.serving.system import occupy_standard_streams
from jubako.settings import Settings
from jubako.workspace import Workspace, open_workspace


def serve_isolated(
    text: str,
    arguments: Sequence[str],
    *,
    settings: Settings,
    working_dir: Path,
    announce: Callable[[str], None],
) -> NoReturn:
    """Become a server of the Bento that `text` names, in an environment with the packages of its lock.

    That is made the first time, and then used by every Bento with the same lock. This process is replaced by the one
    that serves: signals, the exit code and the standard streams are the server's own. Imports nothing of the Bento.

    Args:
        text: see `services.targets.resolve_target`; a Bento's folder or tag.
        arguments: the other arguments of `jubako serve`.
        settings: whose Bento store is asked, and whose home keeps the environment.
        working_dir: what a relative folder starts from.
        announce: called with lines for people.

    Raises:
        CommandError: it is no Bento, or the environment cannot be made; see `make_environment`.
        JubakoError: see `resolve_target`.
    """
    if not hasattr(os, "fork"):
        raise CommandError(
            "--isolated cannot be used here.",
            why="This system cannot replace a process by another one.",
            do="make an environment with the packages of env/python in the Bento, and serve it from there",
        )
    # Which plugins there have to be is for the environment to say; of those that are here, a store may be needed.
    workspace = open_workspace(attrs.evolve(settings, plugins=attrs.evolve(settings.plugins, strict=False)))
    bento = resolve_target(text, workspace=workspace, working_dir=working_dir).bento
    if bento is None:
        raise CommandError(
            f"{text!r} cannot be served with --isolated.",
            why="It is no Bento, and only a Bento has a lock of the packages that it needs.",
            do="build it first (jubako build), and serve the Bento; or leave --isolated out",
        )
    # The descriptor below must not get the number of a standard stream that this process was started without.
    occupy_standard_streams()
    recipe = read_recipe(bento)
    folder, descriptor = Environments(settings.stores.home).open(
        recipe.key,
        recipe.tag,
        partial(_make, recipe, announce),
        lambda: announce(f"Waiting for another process, which is making the environment of {recipe.tag}."),
    )
    # Kept by the server, for as long as one of its processes lives.
    os.set_inheritable(descriptor, True)
    python = str(python_of(folder))
    environment = clean_environment(os.environ)
    environment["VIRTUAL_ENV"] = str(folder)
    environment["PATH"] = os.pathsep.join((str(folder / "bin"), environment.get("PATH", os.defpath)))
    sys.stdout.flush()
    sys.stderr.flush()
    # -P: the working directory is no place to import Jubako from.
    command = [python, "-P", "-m", "jubako", "serve", *arguments, "--", _spelling(bento, workspace)]
    os.execve(python, command, environment)  # noqa: S606 - a list, and no shell is wanted


def _make(recipe: Recipe, announce: Callable[[str], None], folder: Path) -> None:
    packages = "the packages of its lock" if recipe.is_locked else "its packages in any version, for it has no lock"
    announce(f"Making the environment of {recipe.tag}, once: Python {recipe.python} with {packages}.")
    begin = time.monotonic()
    make_environment(recipe, folder, os.environ)
    announce(f"Made it in {time.monotonic() - begin:.0f} s.")


def _spelling(bento: Bento, workspace: Workspace) -> str:
    """How the server finds the same Bento, whose tag may mean another one later; it may lack the store's plugin."""
    store = workspace.bento_store
    if urlsplit(store.url).scheme == "file":
        with contextlib.suppress(NotFound):
            if store.open(bento.tag).samefile(bento.path):
                return f"bento:{bento.tag}"
    return str(bento.path.absolute())
