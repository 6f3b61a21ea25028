"""`export`, `import`, `push` and `pull`, for models and Bentos: what is done is the library's, what is said is here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from jubako.cli._output import output_option, show
from jubako.cli._progress import format_bytes
from jubako.cli._tables import printable
from jubako.contracts.store import Store, StoreKind
from jubako.models.archives import untrusted_models
from jubako.stores.archives.exporting import Exported
from jubako.stores.archives.formats import ArchiveFormat
from jubako.stores.archives.outcomes import Imported
from jubako.values.tag import Tag
from jubako.workspace import Workspace

_Function = TypeVar("_Function", bound=Callable[..., Any])

moved_output = output_option("table", "json", "yaml", "path")
"""`-o/--output` of all four."""

overwrite_option = click.option(
    "--force", is_flag=True, help="Write over a file, or an exported folder, that is there."
)
"""Of `export`."""

replace_option = click.option(
    "-f", "--force", is_flag=True, help="Put it in the place of another version of that tag; that one is deleted."
)
"""Of `push` and `pull`."""

latest_option = click.option(
    "--latest",
    is_flag=True,
    help="Make it the latest version. Else it is that only if it was made after the one that is.",
)
"""Of `import` and `pull`."""


def format_option(what: str) -> Callable[[_Function], _Function]:
    """Give a command `-f/--format`, as the argument `archive_format`.

    Args:
        what: its help.
    """
    formats = [each.value for each in ArchiveFormat]
    return click.option("-f", "--format", "archive_format", type=click.Choice(formats), help=what)


def show_exported(exported: Exported, output: str) -> None:
    """Say what was written, and where."""
    data = {
        "tag": str(exported.tag),
        "path": exported.place,
        "format": None if exported.archive_format is None else exported.archive_format.value,
        "size_bytes": exported.size_bytes,
        "digest": exported.digest,
    }
    lines = [f"exported {exported.tag}", *_facts(path=exported.place, **_measured(exported))]
    show(data, output, lambda _: "\n".join(lines), ids=lambda: [exported.place])


def show_pushed(pushed: Imported, target: str, output: str) -> None:
    """Say what was copied, and to which store."""
    data = {**_data(pushed), "path": target}
    done = f"pushed {pushed.tag}" if pushed.is_new else f"{pushed.tag} is there already, and the same"
    lines = [done, *_facts(to=target, **_measured(pushed))]
    show(data, output, lambda _: "\n".join(lines), ids=lambda: [str(pushed.tag)])


def show_taken_in(done: Imported, verb: str, workspace: Workspace, kind: StoreKind, output: str) -> None:
    """Say what is in the store now, and what of it has to be trusted before it loads.

    Args:
        done: what came of it.
        verb: `imported` or `pulled`.
        workspace: whose store it is in.
        kind: what it is.
        output: the argument of `moved_output`.
    """
    store = workspace.model_store if kind is StoreKind.MODELS else workspace.bento_store
    path = store.open(done.tag)
    untrusted = untrusted_models(path, kind, workspace)
    data = {
        **_data(done),
        "path": str(path),
        "untrusted": [{"tag": str(tag), "digest": digest} for tag, digest in untrusted],
    }
    said = f"{verb} {done.tag}" if done.is_new else f"{done.tag} is here already, and the same: nothing was written"
    lines = [said, *_facts(path=str(path), **_measured(done)), *_advice(done.tag, store, untrusted)]
    show(data, output, lambda _: "\n".join(lines), ids=lambda: [str(done.tag)])


def _advice(tag: Tag, store: Store, untrusted: list[tuple[Tag, str]]) -> list[str]:
    if not untrusted:
        is_bento = store.kind is StoreKind.BENTOS
        return [f"Serve it:  jubako serve {tag}"] if is_bento else []
    if store.kind is StoreKind.MODELS:
        return [
            "It can run any code when it is loaded, and is not trusted on this machine.",
            f"If you trust whoever made it:  jubako models trust {tag}",
        ]
    listed = ", ".join(str(model) for model, _ in untrusted)
    trusts = " ".join(f"--trust {digest}" for _, digest in untrusted)
    return [
        f"Models in it can run any code when they are loaded, and are not trusted on this machine: {listed}.",
        f"If you trust whoever made it:  jubako serve {tag} {trusts}",
    ]


def _data(done: Imported) -> dict[str, Any]:
    return {
        "tag": str(done.tag),
        "is_new": done.is_new,
        "size_bytes": done.size_bytes,
        "digest": done.digest,
    }


def _measured(done: Exported | Imported) -> dict[str, str]:
    return {"size": format_bytes(done.size_bytes), "digest": done.digest}


def _facts(**facts: str) -> list[str]:
    # Not wrapped: paths and digests are there to be copied.
    return [f"  {key:<8}{printable(value)}" for key, value in facts.items()]
