"""Stores whose tags keep their meaning."""

from __future__ import annotations

import pytest

import jubako.models
from jubako.contracts.store import StoreKind
from jubako.errors import ModelDigestMismatch, NotFound
from jubako.settings import Settings, StoreSettings
from jubako.stores.pinned import PinnedStore
from jubako.values.plan import PinnedTag
from jubako.values.tag import Tag
from jubako.workspace import open_workspace, using_workspace


@pytest.fixture
def store(tmp_path):
    workspace = open_workspace(Settings(stores=StoreSettings(home=tmp_path)))
    with using_workspace(workspace):
        yield workspace.model_store


def save(content="x"):
    with jubako.models.create("iris") as draft:
        draft.path_of("weights").write_text(content)
    return draft.tag


@pytest.mark.parametrize(("first", "later"), [("iris", "iris:latest"), ("iris:latest", "iris"), ("iris", "iris")])
def test_latest_stays_what_it_was_when_it_was_first_asked_for(store, first, later):
    old = save()
    pinned = PinnedStore(store)
    assert pinned.resolve(Tag.from_str(first)) == old
    new = save()
    assert pinned.resolve(Tag.from_str(later)) == old
    assert store.resolve(Tag("iris")) == new
    assert new in pinned.list("iris")


def test_what_was_asked_for_and_opened_is_handed_on(store):
    old = save()
    first = PinnedStore(store)
    assert jubako.models.get("iris", _model_store=first).tag == old
    (pin,) = first.pins()
    assert (pin.tag, pin.is_latest) == (old, True)
    assert pin.digest == jubako.models.get(old).digest
    save()
    second = PinnedStore(store, first.pins())
    assert jubako.models.get("iris:latest", _model_store=second).tag == old


def test_an_exact_tag_and_a_name_asked_for_later_are_looked_up(store):
    pinned = PinnedStore(store)
    with pytest.raises(NotFound):
        pinned.resolve(Tag("iris"))
    tag = save()
    assert pinned.resolve(tag) == pinned.resolve(Tag("iris")) == tag
    assert (pinned.kind, pinned.url, pinned.origin(tag)) == (StoreKind.MODELS, store.url, "saved")


def test_another_version_in_the_place_of_a_pinned_one_is_refused(store):
    tag = save("old")
    pinned = PinnedStore(store)
    pinned.open(tag)
    pinned.delete(tag)
    save("new")
    other = store.resolve(Tag("iris"))
    (store.open(other)).rename(store.open(other).with_name(tag.version))
    manifest = store.open(tag) / "model.yaml"
    manifest.chmod(0o600)
    manifest.write_text(manifest.read_text().replace(other.version, tag.version))
    with pytest.raises(ModelDigestMismatch, match="is not the one that was planned"):
        pinned.open(tag)


def test_what_others_have_settled_holds_here_too(store):
    old, new = save(), save()
    told = []

    def agree(found):
        told.append(found)
        return PinnedTag(old, "sha256:other" if found.digest else "", is_latest=True)

    pinned = PinnedStore(store, agree=agree)
    assert pinned.resolve(Tag("iris")) == pinned.resolve(Tag("iris", "latest")) == old
    assert told == [PinnedTag(new, is_latest=True)]
    with pytest.raises(ModelDigestMismatch, match="was sha256:other"):
        pinned.open(old)
    assert pinned.pins() == (PinnedTag(old, "sha256:other", is_latest=True),)
