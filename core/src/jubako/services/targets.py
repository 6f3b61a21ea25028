"""Targets: what `jubako serve TARGET` and `jubako.load` mean by a text, found out without running any of it.

In this order: a folder with `bento.yaml` ▸ a file with the suffix of an archive ▸ a source path (with `/`, or ending in
`.py`) ▸ a tag that the Bento store has ▸ an import string. A text that is a tag as well as a module of the working
directory is refused, with both spellings.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from jubako.contracts.store import StoreKind
from jubako.errors import ImportServiceError, InvalidArgument, NotFound
from jubako.services.archived import open_archive
from jubako.services.bento import Bento
from jubako.services.fitting import naming_plugins, warn_of_newer
from jubako.services.importing import enter_for_good, import_for_good, import_isolated
from jubako.services.isolation import Isolation
from jubako.services.picking import pick_service
from jubako.services.service import Service
from jubako.services.source import SourceModule, find_module, find_source_file
from jubako.services.spelling import archive_of, refuse_elsewhere, refuse_misspelled
from jubako.values.tag import Tag
from jubako.workspace import Workspace, current_workspace, open_store, using_workspace

_BENTO_PREFIX = "bento:"
_ATTRIBUTE = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_PATH = re.compile(rf"(?P<path>.+?)(:(?P<attribute>{_ATTRIBUTE}))?")
_IMPORT_STRING = re.compile(rf"(?P<module>{_ATTRIBUTE})(:(?P<attribute>{_ATTRIBUTE}))?")


@attrs.frozen
class Target:
    """Where one Service is imported from; exact, so that every process that gets it imports the same.

    Args:
        module: the file or module that defines the Service.
        attribute: dotted path of the Service in the module; empty for the only one there is.
        bento: the Bento that holds the module, or None.
    """

    module: SourceModule
    attribute: str
    bento: Bento | None = None

    @property
    def working_dir(self) -> Path:
        """The folder that imports start from; of a Bento its `src`."""
        return self.module.working_dir

    @property
    def import_string(self) -> str:
        """`module:attribute`, relative to `working_dir`."""
        return f"{self.module.spelling}:{self.attribute}" if self.attribute else self.module.spelling

    @property
    def path_spelling(self) -> str:
        """The same import string as a path, which is never taken for a tag."""
        return f"./{self.module.path}" + (f":{self.attribute}" if self.attribute else "")

    def workspace(self, outer: Workspace) -> Workspace:
        """The workspace that the Service is imported and served in.

        Of a Bento that is `outer` with the Bento's own models; trust stays that of `outer`, for it follows digests.
        """
        if self.bento is None:
            return outer
        store = open_store(outer.composition, self.bento.path.absolute().as_uri(), StoreKind.MODELS)
        return attrs.evolve(outer, model_store=store)

    def finish(self, service: Service) -> Service:
        """Tell a Service that was just imported where it comes from; `workspace` must be current."""
        service.import_string, service.working_dir = self.import_string, self.working_dir
        if self.bento is not None:
            service.bento, service.tag, service.workspace = self.bento, self.bento.tag, current_workspace()
        return service


def resolve_target(text: str, *, workspace: Workspace, working_dir: Path) -> Target:
    """Find what a text names; reads folders and the store, and runs nothing.

    Args:
        text: a Bento's folder or archive, a source path, a Bento's tag (`bento:` may stand before it), or an import
            string.
        workspace: whose Bento store is asked, and below whose home an archive is unpacked.
        working_dir: what relative paths and modules start from.

    Raises:
        ImportServiceError: the text names nothing; the message says what was tried and why each failed. Or it names a
            tag and a module.
        InvalidManifest: the Bento that it names cannot be read.
        InvalidArchive: it is in an archive that is damaged, or has something that no Bento may have.
        ModelDigestMismatch: its `bento.yaml` is not the one that was stored.
    """
    base = _checked_folder(working_dir)
    refuse_misspelled(text)
    folder = _existing_folder(text, base)
    if folder is not None and (folder / StoreKind.BENTOS.manifest_name).is_file():
        return _bento_target(Bento.from_folder(folder))
    if folder is None:
        refuse_elsewhere(text)
        archive = archive_of(text, base)
        if archive is not None:
            return _bento_target(open_archive(archive, workspace))
    tried = [f"a folder: {folder} has no bento.yaml." if folder else "a folder: there is none of that name."]
    return _path_target(text, base) or _tag_or_module(text, workspace, base, tried)


def resolve_source(text: str, *, working_dir: Path) -> Target:
    """Find the module in the working directory that an import string or a source path names; never a Bento.

    Raises:
        ImportServiceError: there is none.
    """
    base = _checked_folder(working_dir)
    refuse_misspelled(text)
    tried: list[str] = []
    found = _path_target(text, base) or _module_target(text, [str(base)], base, tried)
    if found is None:
        raise ImportServiceError(
            f"{text!r} names no Service.", why=_listed(tried), do="give for example 'service.py:svc'"
        )
    return found


def enter_target(target: Target) -> None:
    """Make a process that serves a target stand where its module would be imported, and import nothing.

    Raises:
        ModelDigestMismatch: a file of its Bento is not what was built.
    """
    _verify(target.bento)
    enter_for_good(target.module, writes_bytecode=target.bento is None)


def import_target(target: Target) -> Service:
    """Import a target's Service into a process that serves it and nothing else; blocks while user code runs.

    The working directory becomes the process's own and the first entry of `sys.path`, for good. The caller makes
    `target.workspace(…)` current before, and keeps it so while serving: what the Service opens later comes from there.

    Raises:
        ImportServiceError: the module cannot be imported, or holds no such Service.
        ModelDigestMismatch: a file of its Bento is not what was built.
        JubakoError: one that the module itself raised, with a note that names the module.
    """
    _verify(target.bento)
    with naming_plugins(target.bento):
        module = import_for_good(target.module, writes_bytecode=target.bento is None)
    return target.finish(pick_service(module, target.attribute, target.import_string))


def import_isolated_target(target: Target, *, changes_cwd: bool = False) -> Service:
    """Import a target's Service in a program that goes on afterwards; see `import_isolated`.

    `target.workspace(…)` must be current.

    Raises:
        ImportServiceError: the module cannot be imported, or holds no such Service.
        ModelDigestMismatch: a file of its Bento is not what was built.
        JubakoError: one that the module itself raised, with a note that names the module.
    """
    _verify(target.bento)
    with naming_plugins(target.bento):
        module, isolation = import_isolated(
            target.module, changes_cwd=changes_cwd, writes_bytecode=target.bento is None
        )
    service = target.finish(pick_service(module, target.attribute, target.import_string))
    for runner in service.runners.values():
        runner.surroundings = functools.partial(_surroundings, isolation, current_workspace())
    return service


@contextlib.contextmanager
def _surroundings(isolation: Isolation, workspace: Workspace) -> Iterator[None]:
    """What a Service's source was imported in, once more: its runners load models whose classes stand beside it."""
    with isolation.entered(), using_workspace(workspace):
        yield


def _verify(bento: Bento | None) -> None:
    # Models are checked when they are loaded.
    if bento is not None:
        bento.verify_sources()


def _checked_folder(working_dir: Path) -> Path:
    base = working_dir.resolve()
    if not base.is_dir():
        raise ImportServiceError(f"the working directory {base} does not exist.", do="give an existing folder")
    return base


def _existing_folder(text: str, base: Path) -> Path | None:
    try:
        folder = base / Path(text).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        # Too long for a path, or a home folder that does not exist.
        return None


def _bento_target(bento: Bento) -> Target:
    warn_of_newer(bento)
    try:
        return attrs.evolve(resolve_source(bento.info.service, working_dir=bento.source_path), bento=bento)
    except ImportServiceError as error:
        raise ImportServiceError(
            f"Bento {bento.tag} cannot be imported.",
            why=f"Its bento.yaml names the Service {bento.info.service!r}, and src/ has no such module.",
            do="build the Bento again",
        ) from error


def _path_target(text: str, base: Path) -> Target | None:
    """The source file of a text that is written as a path; None for any other."""
    match = _PATH.fullmatch(text)
    if match is None or not _is_path(match["path"]):
        return None
    return Target(find_source_file(match["path"], base), match["attribute"] or "")


def _is_path(text: str) -> bool:
    return "/" in text or "\\" in text or text in (".", "..", "~") or text.endswith(".py") or ".py:" in text


def _tag_or_module(text: str, workspace: Workspace, base: Path, tried: list[str]) -> Target:
    spellings = [text, text.removeprefix(_BENTO_PREFIX)] if text.startswith(_BENTO_PREFIX) else [text]
    tags = [tag for tag in (_stored_tag(spelling, workspace, tried) for spelling in spellings) if tag is not None]
    local = _module_target(text, [str(base)], base, tried)
    if len(tags) + (local is not None) > 1:
        explicit = [f"'{_BENTO_PREFIX}{tag}'" for tag in tags] + ([f"'{local.path_spelling}'"] if local else [])
        raise ImportServiceError(
            f"{text!r} names more than one Service.",
            why="It is the tag of a Bento, and also of another Bento or of a module in the working directory.",
            do="write " + " or ".join(explicit),
        )
    if tags:
        workspace.bento_store.verify_manifest(tags[0])
        return _bento_target(Bento.from_folder(workspace.bento_store.open(tags[0])))
    found = local or _module_target(text, None, base, tried)
    if found is None:
        raise ImportServiceError(
            f"{text!r} names no Service.",
            why=_listed(tried),
            do="give a Bento's tag or folder, or an import string such as 'service.py:svc'",
        )
    return found


def _stored_tag(spelling: str, workspace: Workspace, tried: list[str]) -> Tag | None:
    try:
        # Lower case here: Tag would warn of it, and a module's name is no mistake.
        return workspace.bento_store.resolve(Tag.from_str(spelling.lower()))
    except (InvalidArgument, NotFound) as error:
        tried.append(f"the Bento tag {spelling!r}: {error.message}")
        return None


def _module_target(text: str, paths: list[str] | None, base: Path, tried: list[str]) -> Target | None:
    """The module of an import string below `paths`, or anywhere that Python imports from if None."""
    match = _IMPORT_STRING.fullmatch(text)
    place = f"in {base}" if paths else "among the installed packages"
    if match is None:
        if paths:
            tried.append("an import string: it is not written as one, 'module:attribute'.")
        return None
    module = find_module(match["module"], base, paths)
    if module is None:
        tried.append(f"an import string: there is no module {match['module']!r} {place}.")
        return None
    attribute = match["attribute"] or ""
    if attribute and not module.mentions(attribute.partition(".")[0]):
        near = module.words_near(attribute.partition(".")[0])
        hint = f" Did you mean {near!r}?" if near else ""
        tried.append(f"an import string: {module.file} does not mention {attribute!r}.{hint}")
        return None
    return Target(module, attribute)


def _listed(tried: list[str]) -> str:
    return "\n".join(["Tried as", *(f"- {reason}" for reason in tried)])
