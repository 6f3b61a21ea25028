"""Commands that plugins offer. Imported only where the core's own commands do not suffice, for it composes."""

from __future__ import annotations

import os
import warnings

import attrs
import click

from jubako.cli._verbosity import tell
from jubako.contracts.offers import CommandType
from jubako.errors import JubakoError, OfferNotFound, PluginError
from jubako.plugins import Composition, PluginStatus, compose
from jubako.settings import PluginSettings, load_settings

_COMPOSITION = "jubako.composition"


def find_command(context: click.Context, name: str) -> click.Command | None:
    """Import the command of a plugin; None if no plugin offers it.

    Args:
        context: of the group that looks for it.
        name: the offer's name, such as `frob` or `models.frob`.

    Raises:
        JubakoError: the settings cannot be read; two plugins offer it; it cannot be imported, or is no command.
    """
    composition = _composition(context)
    try:
        offer = composition.find(CommandType, name)
    except OfferNotFound:
        return None
    command = composition.resolve(offer, "command")
    if not isinstance(command, click.Command):
        report = composition.provider(offer)
        raise PluginError(
            f"command {name!r} cannot be used.",
            why=f"{offer.command!r} of {report} is {type(command).__name__}, and no command of click.",
            do=f"report it to the authors of {report.distribution}",
        )
    return command


def list_commands(context: click.Context) -> tuple[CommandType, ...]:
    """Offers of plugins that can be used; of what is wrong with others, there is one warning."""
    try:
        composition = _composition(context)
    except JubakoError as error:
        tell(f"Warning: commands of plugins are not listed. {error.message} {error.why}".rstrip())
        return ()
    faulty = [report.name for report in composition.reports if report.status.is_fault]
    if faulty:
        tell(f"Warning: not every plugin can be used as it is: {', '.join(faulty)}. See: jubako plugins")
    built_in = composition.reports[0].offers
    return tuple(offer for offer in composition.offers(CommandType) if all(offer is not own for own in built_in))


def idle_plugins(context: click.Context) -> list[str]:
    """Plugins that were not loaded, and so may be missed."""
    reports = _composition(context).reports
    return [f"{report.name} ({report.status})" for report in reports if report.status is not PluginStatus.OK]


def _composition(context: click.Context) -> Composition:
    """The composition of the whole command line; strictness is a matter of the command that is typed."""
    made = context.meta.get(_COMPOSITION)
    if made is None:
        with warnings.catch_warnings(action="ignore"):  # the command that reads the settings tells them
            settings: PluginSettings = load_settings(None, os.environ).plugins
        made = context.meta[_COMPOSITION] = compose(attrs.evolve(settings, strict=False))
    return made
