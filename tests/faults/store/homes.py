"""Looking at a whole home: what it holds, each of it read and verified, and what lies about in it beside that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import attrs

import jubako.bentos
import jubako.models
from jubako.contracts.build_step import BuildPhase
from jubako.contracts.offers import BuildStepType, Offer
from jubako.contracts.store import StoreKind
from jubako.plugins import Composition, compose
from jubako.settings import Settings, StoreSettings
from jubako.stores.digests import verify_files, verify_sizes
from jubako.stores.local import LocalStore
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag
from jubako.workspace import Workspace, open_workspace, using_workspace

SERVICE = """
import jubako
from jubako.io import JSON

svc = jubako.Service("echo")


@svc.api(input=JSON(), output=JSON())
def echo(value):
    return value
"""


@attrs.frozen
class Holding:
    """What a home holds; every file of it was read and is what the manifests say.

    Args:
        models: exact tag to the custom object `answer`, which needs trust to be read.
        latest: the newest version of `iris`, or None.
        bentos: exact tags.
        latest_bento: the newest version of `echo`, or None.
        code: those of the models that are stored in a format that can run code.
    """

    models: Mapping[Tag, str]
    latest: Tag | None
    bentos: frozenset[Tag]
    latest_bento: Tag | None
    code: frozenset[Tag] = frozenset()


@contextlib.contextmanager
def using(home: Path) -> Iterator[Workspace]:
    """Work in a home."""
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=home)), composition())) as workspace:
        yield workspace


def save(answer: str) -> Tag:
    """Save one more version of `iris`, whose data and whose custom object are the answer."""
    with jubako.models.create("iris", custom_objects={"answer": answer}) as draft:
        draft.path_of("weights.bin").write_text(answer)
    return draft.tag


def make_home(home: Path, context: Path) -> None:
    """A home with three versions of a model, one of them deleted since, and a Bento, built from a new context."""
    context.mkdir(exist_ok=True)
    (context / "service.py").write_text(SERVICE)
    with using(home):
        for answer in ("oldest", "old", "gone"):
            tag = save(answer)
        jubako.models.delete(tag)
        jubako.bentos.build("service.py:svc", build_ctx=context, additional_models=["iris"])


def read(home: Path) -> Holding:
    """Read everything that a home holds; raises, or warns, if something is not whole."""
    with using(home) as workspace:
        models, code = {}, set()
        for model in jubako.models.list():
            model.verify_object_files()
            models[model.tag] = model.custom_objects["answer"]
            if model.info.serializer == "cloudpickle":
                code.add(model.tag)
        for bento in jubako.bentos.list():
            workspace.bento_store.verify_manifest(bento.tag)
            verify_sizes(bento.path, bento.info.files, leave_out=("bento.yaml",))
            verify_files(bento.path, bento.info.files)
        bentos = frozenset(bento.tag for bento in jubako.bentos.list())
        latest = jubako.models.get("iris").tag if models else None
        latest_bento = jubako.bentos.get("echo").tag if bentos else None
        return Holding(models, latest, bentos, latest_bento, frozenset(code))


def save_again(home: Path) -> None:
    """Save a model and a Bento once more, which clears away what a writer that died has left."""
    with using(home):
        assert jubako.models.get(save("next")).tag == jubako.models.get("iris").tag
    store = LocalStore(home, StoreKind.BENTOS)
    again = Tag("echo").make_new_version()
    with store.draft(again, origin="built") as folder:
        write_version(folder, store.kind, again, datetime.now(UTC), {"src/service.py": b""})
    assert store.resolve(Tag("echo")) == again


def debris(home: Path) -> set[str]:
    """What is in a home beside versions, one record for each, and the file of trusted digests."""
    found = {path.name for path in home.iterdir()} - {"models", "bentos", ".store"}
    found |= {f".store/{path.name}" for path in (home / ".store").iterdir() if path.name not in _OF_THE_STORE}
    return found | _debris_of(home, StoreKind.MODELS) | _debris_of(home, StoreKind.BENTOS)


def debris_of_models(home: Path) -> set[str]:
    """The same where there are only models."""
    return _debris_of(home, StoreKind.MODELS)


_OF_THE_STORE = ("models", "bentos", "trust")


def _debris_of(home: Path, kind: StoreKind) -> set[str]:
    tags = LocalStore(home, kind).list()
    names = {tag.name for tag in tags}
    folders = (home / kind.value, home / ".store" / kind.value)
    found = {str(path) for folder in folders for path in folder.iterdir() if path.name not in names}
    for name in names:
        versions = [str(tag.version) for tag in tags if tag.name == name]
        found |= {path.name for path in (home / kind.value / name).iterdir()} - set(versions)
        records = [path.name for path in (home / ".store" / kind.value / name).iterdir()]
        found |= {record for record in records if record[30:] not in versions}
        assert len(records) == len(versions), records
    return found


@cache
def composition() -> Composition:
    """What is installed, but builds pack sources and models alone.

    A Bento's own wheel of Jubako alone would be hundreds of calls and megabytes that are written as all others are.
    """
    return Composition(tuple(attrs.evolve(report, offers=_own(report.offers)) for report in compose().reports))


def _own(offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
    return tuple(offer for offer in offers if not isinstance(offer, BuildStepType) or offer.phase <= BuildPhase.MODELS)
