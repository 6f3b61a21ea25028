"""The check before code of a model may run, and the error that says what to do."""

from __future__ import annotations

from jubako.contracts.store import Store
from jubako.errors import ModelNotTrusted
from jubako.stores.trust import TrustStore
from jubako.values.tag import Tag
from jubako.workspace import current_workspace


def require_trust(trust: TrustStore, *, tag: Tag, digest: str, store: Store, reason: str) -> None:
    """Return if `digest` is trusted.

    Args:
        trust: what is trusted on this machine.
        tag: the model, for the message.
        digest: the model's digest.
        store: where it is, for the message.
        reason: why trust is needed, as the beginning of a sentence.

    Raises:
        ModelNotTrusted: it is not trusted.
    """
    if trust.is_trusted(digest):
        return
    origin = store.origin(tag)
    came_from = {
        "": "where it came from is not recorded",
        "saved": "it was saved into this store, but its digest is not in .store/trust",
    }.get(origin, f"it came from {origin[:200]!r}")
    raise ModelNotTrusted(
        f"model {tag} is not trusted on this machine, so nothing of it that can run code is loaded.",
        why=f"{reason}; {came_from}. Its digest is {digest}.",
        do=f"if you trust whoever made it: {_how_to_trust(tag, digest, store)}",
    )


def _how_to_trust(tag: Tag, digest: str, store: Store) -> str:
    settings = current_workspace().settings.stores
    only_here = f"jubako serve --trust {digest}, or the setting trust.digests"
    # The command looks there and nowhere else: not in a Bento, and not in a store that was given in Python.
    if store.url not in (settings.model_store, settings.home.as_uri()):
        return only_here
    return f"jubako models trust {tag}; or, for one server, {only_here}"
