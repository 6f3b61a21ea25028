"""`jubako models trust`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import click

from jubako.cli._options import read_settings, settings_options
from jubako.cli._stdout import stdout_for_the_answer
from jubako.contracts.offers import SerializerType
from jubako.errors import PluginError
from jubako.models import Model, get
from jubako.plugins import Composition
from jubako.workspace import Workspace, open_workspace, using_workspace


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


@click.command("trust")
@click.argument("tag")
@click.option("--json", "as_json", is_flag=True, help="Write JSON to stdout.")
@settings_options
def command(tag: str, as_json: bool, config: Path | None, strict_plugins: bool | None) -> None:
    """Let the model TAG load on this machine although it can run code: whoever made it can then do all that you can.

    The digest of its files is written to .store/trust in the home of Jubako, after they were checked against it; a
    changed model has another digest. To take it back, remove the line of the digest from that file.
    """
    with stdout_for_the_answer():
        with using_workspace(open_workspace(read_settings(config, strict_plugins))) as workspace:
            outcome = _trust(get(tag), workspace)
        data = _data(outcome)
    if as_json:
        click.echo(json.dumps(data, indent=2))
        return
    # Not wrapped: a digest is there to be copied.
    click.echo("\n".join([f"{data['tag']}: {data['status']}", *_lines(data)]))


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
    return [f"  {key:<8}{_printable(value)}" for key, value in facts.items()]


def _printable(text: str) -> str:
    """The text without what could move the cursor: it comes from files that others may have written."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
