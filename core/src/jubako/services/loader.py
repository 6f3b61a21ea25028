"""`load`: a Service out of a Bento or a source file, in any program."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from jubako.contracts.store import Store
from jubako.errors import InvalidArgument
from jubako.services.bento import Bento
from jubako.services.service import Service
from jubako.services.targets import import_isolated_target, resolve_target
from jubako.values.tag import Tag
from jubako.workspace import current_workspace, using_workspace


def load(
    bento_identifier: Bento | Tag | str | os.PathLike[str],
    working_dir: str | os.PathLike[str] | None = None,
    change_global_cwd: bool = False,
    *,
    _bento_store: Store | None = None,
    _model_store: Store | None = None,
) -> Service:
    """Load a Service, and leave the program's working directory, `sys.path` and modules as they were.

    Every call runs the source anew. Modules that the Service imports from its own folder belong to it alone. Its
    runners find them, and its stores, when they load their models later; imports that other functions put off must come
    from installed packages, for the folder is not searched then. Loads in several threads wait for each other.

    Example::

        jubako.load("iris-classifier:latest")  # from the Bento store
        jubako.load("./bentos/iris")  # a Bento's folder
        jubako.load("service.py:svc")  # a file below working_dir
        jubako.load("pkg.service:holder.svc")  # a module, and a path in it
        jubako.load("service")  # the only Service of a module

    Args:
        bento_identifier: a Bento's folder, a source path, a Bento's tag, or an import string; looked for in this order.
            A `Tag` is never taken for a module, a `Path` never for a tag or a module, a `Bento` for neither.
        working_dir: what paths and modules start from; the process's working directory if None.
        change_global_cwd: True makes `working_dir` the process's working directory while the source runs. Unlike
            BentoML's, it is the old one again when this returns.
        _bento_store: where tags are looked for; the current workspace's store if None.
        _model_store: where a Service that is no Bento finds its models; the current workspace's store if None.

    Raises:
        InvalidArgument: the identifier is no text.
        ImportServiceError: it names no Service, or more than one; or the source cannot be imported.
        InvalidManifest: the Bento cannot be read.
        ModelDigestMismatch: a file of the Bento is not what was built.
    """
    text = _as_text(bento_identifier)
    workspace = current_workspace()
    workspace = attrs.evolve(
        workspace,
        bento_store=_bento_store or workspace.bento_store,
        model_store=_model_store or workspace.model_store,
    )
    folder = Path.cwd() if working_dir is None else Path(working_dir).expanduser()
    target = resolve_target(text, workspace=workspace, working_dir=folder)
    with using_workspace(target.workspace(workspace)):
        return import_isolated_target(target, changes_cwd=change_global_cwd)


def _as_text(identifier: object) -> str:
    match identifier:
        case str():
            return identifier
        case Tag():
            return f"bento:{identifier}"
        case Bento():
            return str(identifier.path.absolute())
        case os.PathLike():
            path = os.fsdecode(identifier)
            # What has a slash is never taken for anything else.
            return path if path.startswith("~") or Path(path).is_absolute() else f"./{path}"
    raise InvalidArgument(
        f"{identifier!r} names no Service.", do="give a Bento's tag or folder, or an import string, as text"
    )
