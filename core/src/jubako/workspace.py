"""`Workspace`: the composition, settings and stores that user code works with, and how code finds the one it is in.

A server sets the workspace of its plan while it imports user code. A script gets one default, made from the environment
when it is first needed.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

import attrs

from jubako.contracts.offers import StoreType
from jubako.contracts.store import Store, StoreKind
from jubako.errors import InvalidArgument
from jubako.plugins import Composition, compose
from jubako.settings import Settings, load_settings
from jubako.stores.trust import TrustStore


@attrs.frozen
class Workspace:
    """What the functions of the public API use where no store is given; immutable, shared by all threads.

    Args:
        composition: the plugins in use.
        settings: the settings in force.
        model_store: where models are kept.
        bento_store: where Bentos are kept.
        trust: which models may be loaded although their format can run code.
    """

    composition: Composition
    settings: Settings
    model_store: Store
    bento_store: Store
    trust: TrustStore


def open_workspace(settings: Settings, composition: Composition | None = None) -> Workspace:
    """Compose the plugins, unless that is done already, and open the stores that the settings name.

    Raises:
        PluginError: strict plugins are asked for and one cannot be used, or no plugin offers a store's URL scheme.
        StoreError: a store cannot be opened.
    """
    composed = compose(settings.plugins) if composition is None else composition
    home = Path(settings.stores.home).expanduser().absolute()
    return Workspace(
        composition=composed,
        settings=settings,
        model_store=open_store(composed, settings.stores.model_store or home.as_uri(), StoreKind.MODELS),
        bento_store=open_store(composed, settings.stores.bento_store or home.as_uri(), StoreKind.BENTOS),
        trust=TrustStore(home, settings.trust.digests),
    )


def open_store(composition: Composition, url: str, kind: StoreKind) -> Store:
    """Open the store at a URL with the plugin that offers its scheme; a text without `://` is a local path.

    Raises:
        PluginError: no plugin offers the scheme, or the one that does cannot be used.
        StoreError: the store cannot be opened.
    """
    scheme = url.partition("://")[0].lower() if "://" in url else "file"
    opener = composition.resolve(composition.find(StoreType, scheme), "open_store")
    store: Store = opener(url, kind)
    return store


def open_other_store(workspace: Workspace, url: str | None, kind: StoreKind) -> Store:
    """Open a store that was named to copy to or from: a URL, or a path that is written as one.

    Raises:
        InvalidArgument: none was named, or it has credentials, or it is a bare word.
        PluginError: no plugin offers the scheme.
        StoreError: the store cannot be opened.
    """
    do = "give the URL of a store, such as file:///mnt/shared/jubako, or a path such as /mnt/shared/jubako"
    if not url:
        raise InvalidArgument("no other store was named.", do=do)
    if "://" in url and "@" in url.partition("://")[2].partition("/")[0]:
        # What is typed on a command line, and kept as an origin, is read by others.
        raise InvalidArgument(
            f"a URL of scheme {url.partition('://')[0]!r} has credentials in it.",
            why="They would be seen in lists of processes and in logs.",
            do="leave them out: a store finds its credentials itself, in the environment or in files of its own",
        )
    if "://" not in url and "/" not in url and os.sep not in url and url not in (".", "..", "~"):
        raise InvalidArgument(f"{url!r} names no store.", do=f"{do}; a folder here is './{url}'")
    return open_store(workspace.composition, url, kind)


def current_workspace() -> Workspace:
    """Return the workspace of this context, else the default of this process.

    The default is made once, from `JUBAKO_CONFIG` and the environment at that moment; the first call blocks meanwhile.
    """
    workspace = _CURRENT.get()
    if workspace is not None:
        return workspace
    with _DEFAULT_LOCK:
        return _default_workspace()


@contextlib.contextmanager
def using_workspace(workspace: Workspace) -> Iterator[Workspace]:
    """Make `workspace` the current one in this context until the block ends; threads started inside do not see it."""
    token = _CURRENT.set(workspace)
    try:
        yield workspace
    finally:
        _CURRENT.reset(token)


_CURRENT: ContextVar[Workspace | None] = ContextVar("jubako_workspace", default=None)
# Reentrant: a plugin that asks for the workspace while it is loaded must fail on its own, not lock everybody out.
_DEFAULT_LOCK = threading.RLock()


@functools.cache
def _default_workspace() -> Workspace:
    config = os.environ.get("JUBAKO_CONFIG")
    return open_workspace(load_settings(Path(config) if config else None, os.environ))
