"""Which versions a tag means, in lists and for deletion."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jubako.contracts.store import StoreKind
from jubako.errors import InvalidArgument, NotFound
from jubako.stores.choosing import choose, choose_doomed, delete_chosen
from jubako.stores.local import LocalStore
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag


@pytest.fixture
def store(tmp_path):
    store = LocalStore(tmp_path, StoreKind.MODELS)
    # Saved in this order: the latest is not the last one by name.
    for text in ("iris:v2", "iris:v1", "scaler-2.0:v1"):
        tag = Tag.from_str(text)
        with store.draft(tag) as folder:
            write_version(folder, store.kind, tag, datetime(2026, 1, 1, tzinfo=UTC), {"weights": b"1"})
    return store


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        (None, ["iris:v1", "iris:v2", "scaler-2.0:v1"]),
        ("iris", ["iris:v1", "iris:v2"]),
        ("iris:v2", ["iris:v2"]),
        ("iris:latest", ["iris:v1"]),
        ("iris:other", []),
        ("other:v1", []),
        ("scaler-2.0", ["scaler-2.0:v1"]),
    ],
)
def test_a_list_has_what_a_tag_means(tag, found, store):
    assert [str(each) for each in choose(store, tag)] == found


@pytest.mark.parametrize("tag", ["other", "other:latest"])
def test_a_name_that_is_not_there_is_an_error_with_what_there_is(tag, store):
    with pytest.raises(NotFound, match=r"there is no model other.*\n.*It has iris, scaler-2\.0"):
        choose(store, tag)


def test_in_an_empty_store_everything_is_nothing_and_a_name_is_an_error(tmp_path):
    store = LocalStore(tmp_path / "empty", StoreKind.MODELS)
    assert choose(store, None) == []
    with pytest.raises(NotFound, match=r"The store is empty\."):
        choose(store, "iris")


@pytest.mark.parametrize("tag", ["../x", "x/y", "a\0b", "", "a:b:c", "\u202eiris", "iris:", ".store", "iris:.draft-1"])
def test_paths_and_other_texts_that_are_no_tags_are_refused(tag, store):
    for ask in (choose, choose_doomed, delete_chosen):
        with pytest.raises(InvalidArgument):
            ask(store, tag)
    assert len(store.list()) == 3


def test_a_deletion_takes_one_version_or_a_whole_name(store):
    assert choose_doomed(store, "iris:latest") == [Tag("iris", "v1")]
    delete_chosen(store, "iris:latest")
    # The latest is found anew.
    assert store.resolve(Tag("iris")) == Tag("iris", "v2")
    delete_chosen(store, "scaler-2.0")
    assert store.list() == [Tag("iris", "v2")]
    for tag in ("iris:v1", "scaler-2.0", "scaler-2.0:latest"):
        with pytest.raises(NotFound):
            delete_chosen(store, tag)


def test_what_is_left_of_a_version_without_a_manifest_can_be_deleted(store, tmp_path):
    (tmp_path / "models/iris/v2/model.yaml").unlink()
    delete_chosen(store, "iris:v2")
    assert not (tmp_path / "models/iris/v2").exists()
