"""Whether a Bento fits what is installed here: Jubako itself, and the plugins that its runners need."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator

from jubako._version import __version__
from jubako.errors import OfferNotFound
from jubako.services.bento import Bento
from jubako.workspace import current_workspace

_logger = logging.getLogger(__name__)


def warn_of_newer(bento: Bento) -> None:
    """Write a warning to the log if a later release of Jubako has built the Bento."""
    # Up to the first number that says that something changed: before 1.0 that is the second one.
    built, present = (_release(version) for version in (bento.info.jubako_version, __version__))
    if built > present:
        _logger.warning(
            "Bento %s was built with Jubako %s, and this is %s: if it does not work, pip install 'jubako>=%s'",
            bento.tag,
            bento.info.jubako_version,
            __version__,
            bento.info.jubako_version,
        )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


@contextlib.contextmanager
def naming_plugins(bento: Bento | None) -> Iterator[None]:
    """Where a Bento's import misses a runner type, name the distributions that offered those it was built with.

    Args:
        bento: what is imported inside the block; None adds nothing.

    Raises:
        OfferNotFound: the one that was raised inside, with what to install.
    """
    try:
        yield
    except OfferNotFound as error:
        composition = current_workspace().composition
        missing = {
            runner.plugin: runner.runner_type
            for runner in (bento.info.runners if bento else ())
            if runner.plugin and not composition.has_distribution(runner.plugin)
        }
        if bento is None or not missing:
            raise
        needed = ", ".join(f"{kind!r} of {plugin}" for plugin, kind in missing.items())
        raise OfferNotFound(
            f"Bento {bento.tag} cannot be imported: {error.message}",
            why=f"It was built with the runner type {needed}, which is not installed.",
            do=f"pip install {' '.join(missing)}; or serve it with --isolated, which installs what its lock names",
        ) from error
