"""`PluginReport`: what became of one plugin while a composition was made."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import attrs

from jubako.contracts.offers import Offer
from jubako.plugins.discovery import Candidate
from jubako.plugins.first_party import distribution_of_import
from jubako.plugins.kinds import kind_noun


class PluginStatus(StrEnum):
    """What became of a plugin."""

    OK = "ok"
    """Loaded; everything it offers is taken, though a framework may be missing."""
    DISABLED = "disabled"
    """Not imported: the deny-list names it, or the allow-list does not."""
    INCOMPATIBLE = "incompatible"
    """It implements hooks that this version of Jubako does not have, or takes arguments that a hook does not give."""
    FAILED = "failed"
    """It raised, or offered something that is no offer; nothing of it is taken."""
    CONFLICT = "conflict"
    """Another plugin has the same name (then it was not imported), or offers something of the same name."""

    @property
    def is_fault(self) -> bool:
        """True if `--strict-plugins` stops at it."""
        return self not in (PluginStatus.OK, PluginStatus.DISABLED)


@attrs.frozen
class MissingRequirement:
    """An offer that cannot be used until something is installed.

    Args:
        offer: the offer.
        imports: the import names that were not found.
    """

    offer: Offer
    imports: tuple[str, ...]

    @property
    def install_command(self) -> str:
        """What brings the missing packages."""
        return "pip install " + " ".join(dict.fromkeys(distribution_of_import(name) for name in self.imports))

    def __str__(self) -> str:
        packages = ", ".join(repr(name) for name in self.imports)
        return f"{kind_noun(self.offer)} {self.offer.name!r} needs {packages}; do: {self.install_command}"


@attrs.frozen
class PluginReport:
    """What became of one plugin.

    Args:
        candidate: where it was found.
        status: in one word.
        reason: why it is not ok, for people; empty if it is.
        remedy: what to do about it.
        traceback: the text of the error, if it raised.
        offers: everything that was taken from it; of a conflict in offers, what is contested too.
        missing: the offers among these that need a package that is not installed.
        load_s: seconds that it took to load.
        extend_application: its implementation of the hook of that name; None if it has none.
        place_runner: its implementation of the hook of that name, likewise.
    """

    candidate: Candidate
    status: PluginStatus
    reason: str = ""
    remedy: str = ""
    traceback: str = attrs.field(default="", repr=False)
    offers: tuple[Offer, ...] = ()
    missing: tuple[MissingRequirement, ...] = ()
    load_s: float = 0.0
    extend_application: Callable[..., object] | None = attrs.field(default=None, repr=False)
    place_runner: Callable[..., object] | None = attrs.field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.candidate.name

    @property
    def distribution(self) -> str:
        """The name of the distribution it came with."""
        return self.candidate.distribution

    @property
    def version(self) -> str:
        """The version of that distribution."""
        return self.candidate.version

    def __str__(self) -> str:
        return str(self.candidate)
