"""The check before code of a model may run, and the error that says what to do."""

from __future__ import annotations

from jubako.errors import ModelNotTrusted
from jubako.stores.trust import TrustStore
from jubako.values.tag import Tag


def require_trust(trust: TrustStore, *, tag: Tag, digest: str, origin: str, reason: str) -> None:
    """Return if `digest` is trusted.

    Args:
        trust: what is trusted on this machine.
        tag: the model, for the message.
        digest: the model's digest.
        origin: where the store has it from, or empty.
        reason: why trust is needed, as the beginning of a sentence.

    Raises:
        ModelNotTrusted: it is not trusted.
    """
    if trust.is_trusted(digest):
        return
    came_from = {
        "": "where it came from is not recorded",
        "saved": "it was saved into this store, but its digest is not in .store/trust",
    }.get(origin, f"it came from {origin}")
    raise ModelNotTrusted(
        f"model {tag} is not trusted on this machine, so nothing of it that can run code is loaded.",
        why=f"{reason}; {came_from}. Its digest is {digest}.",
        do="if you trust whoever made it, add the digest to the setting trust.digests, "
        f"for instance JUBAKO_TRUST__DIGESTS={digest}",
    )
