"""The stores: that every manifest can be read, and that nothing is left that nobody needs."""

from __future__ import annotations

from collections.abc import Iterator

from jubako.contracts.command import CheckResult, CheckStatus
from jubako.contracts.store import Store, StoreKind
from jubako.errors import JubakoError, NotFound
from jubako.plugins import Composition
from jubako.settings import Settings
from jubako.stores.collecting import find_store_debris
from jubako.stores.local import LocalStore
from jubako.stores.manifests import read_info
from jubako.workspace import open_workspace

_COMMANDS = {StoreKind.MODELS: "jubako models verify", StoreKind.BENTOS: "jubako verify"}
_MOST_NAMED = 3


def check(composition: Composition, settings: Settings, /) -> Iterator[CheckResult]:
    """Open both stores and read each manifest; the files of models are left to `jubako models verify`."""
    try:
        workspace = open_workspace(settings, composition)
    except JubakoError as error:
        remedy = error.do or "correct the settings stores.model_store and stores.bento_store"
        yield CheckResult(CheckStatus.FAIL, f"The stores cannot be opened: {error.message}", remedy)
        return
    for store in (workspace.model_store, workspace.bento_store):
        try:
            yield from _look(store)
        except JubakoError as error:
            yield CheckResult(
                CheckStatus.FAIL,
                f"{store.url} cannot be listed: {error.message}",
                error.do or "see that it can be read",
            )


def _look(store: Store) -> Iterator[CheckResult]:
    noun = store.kind.noun
    tags = store.list()
    broken = []
    for tag in tags:
        try:
            read_info(store.open(tag), store.kind)
        except NotFound:  # deleted just now
            continue
        except JubakoError:
            broken.append(str(tag))
    if broken:
        named = ", ".join(broken[:_MOST_NAMED]) + (", ..." if len(broken) > _MOST_NAMED else "")
        yield CheckResult(
            CheckStatus.FAIL,
            f"{len(broken)} of {len(tags)} {noun}s cannot be read: {named}.",
            f"see what is wrong with them: {_COMMANDS[store.kind]}",
        )
    else:
        yield CheckResult(CheckStatus.OK, f"{len(tags)} {noun}{'' if len(tags) == 1 else 's'} can be read.")
    if isinstance(store, LocalStore) and (debris := find_store_debris(store)):
        yield CheckResult(
            CheckStatus.WARN,
            f"{len(debris)} leftovers of unfinished work are among the {noun}s.",
            "see them with jubako gc --dry-run, and remove them with jubako gc",
        )
