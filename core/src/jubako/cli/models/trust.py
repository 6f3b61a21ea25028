"""`jubako models trust`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import click

from jubako.cli._completion import complete_models
from jubako.cli._help import examples
from jubako.cli._options import settings_options
from jubako.cli._output import output_option, show
from jubako.cli._stores import opened_workspace
from jubako.cli._tables import UNLIMITED, format_table, printable
from jubako.contracts.offers import SerializerType
from jubako.errors import PluginError
from jubako.models import Model, get
from jubako.plugins import Composition
from jubako.stores.trust import TrustEntry
from jubako.workspace import Workspace


@attrs.frozen
class _Outcome:
    """What was done, and about which model.

    Args:
        model: the model.
        trust: `code` or `data`, of the format of its object; empty if no plugin here offers the format.
        status: `trusted`, `already trusted`, or `needs no trust`.
    """

    model: Model
    trust: str
    status: str


@click.command("trust", epilog=examples("jubako models trust iris:latest", "jubako models trust --list"))
@click.argument("tag", required=False, shell_complete=complete_models)
@click.option("--list", "is_list", is_flag=True, help="Show what is trusted on this machine.")
@output_option("table", "json", "yaml")
@settings_options
def command(tag: str | None, is_list: bool, output: str, config: Path | None, strict_plugins: bool | None) -> None:
    """Let the model TAG load on this machine although it can run code: whoever made it can then do all that you can.

    The digest of its files is written to .store/trust in the home of Jubako, after they were checked against it; a
    changed model has another digest. To take it back: jubako models untrust.
    """
    if is_list == bool(tag):
        raise click.UsageError("give the tag of a model, or --list alone.")
    with opened_workspace(config, strict_plugins) as workspace:
        if tag is None:
            _show_entries(workspace.trust.entries(), output)
            return
        data = _data(_trust(get(tag), workspace))
    # Not wrapped: a digest is there to be copied.
    show(data, output, lambda _: "\n".join([f"{data['tag']}: {data['status']}", *_lines(data)]))


def _show_entries(entries: Sequence[TrustEntry], output: str) -> None:
    rows = [
        (entry.digest, entry.note or ("the setting trust.digests" if entry.is_setting else "")) for entry in entries
    ]
    data = [{"digest": entry.digest, "note": entry.note, "is_setting": entry.is_setting} for entry in entries]
    show(
        data,
        output,
        lambda _: format_table(("DIGEST", "NOTE"), rows, UNLIMITED) if rows else "No model is trusted.",
        ids=lambda: (entry.digest for entry in entries),
    )


def _trust(model: Model, workspace: Workspace) -> _Outcome:
    trust = _trust_of_format(model.info.serializer, workspace.composition)
    if trust == "data" and not model.info.has_custom_objects:
        return _Outcome(model, trust, "needs no trust")
    # A line that is there already may be of the settings of this very call: what was asked for is a line in the file.
    return _Outcome(model, trust, "trusted" if model.trust() else "already trusted")


def _trust_of_format(serializer: str, composition: Composition) -> str:
    if not serializer:
        return "data"  # files of the user's own, which Jubako does not open
    try:
        return composition.find(SerializerType, serializer).trust
    except PluginError:
        # It can be needed where the plugin is, and a digest is trusted with its format or not at all.
        return ""


def _data(outcome: _Outcome) -> dict[str, Any]:
    model = outcome.model
    return {
        "tag": str(model.tag),
        "digest": model.digest,
        "serializer": model.info.serializer,
        "trust": outcome.trust or None,
        "custom_objects": model.info.has_custom_objects,
        "origin": model.origin,
        "status": outcome.status,
    }


def _lines(data: Mapping[str, Any]) -> list[str]:
    formats = "files of its own, of no format" if not data["serializer"] else f"{data['serializer']}, "
    if data["serializer"]:
        formats += data["trust"] or "which no plugin here offers"
    if data["custom_objects"]:
        formats += "; custom objects, code"
    origin = {"": "not recorded", "saved": "saved into this store"}.get(data["origin"], data["origin"])
    facts = {"digest": data["digest"], "format": formats, "origin": origin}
    return [f"  {key:<8}{printable(value)}" for key, value in facts.items()]
