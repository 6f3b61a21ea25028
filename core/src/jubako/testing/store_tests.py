"""`StoreTests`: the contract of stores, for plugins' own tests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jubako.contracts.store import Store, StoreKind
from jubako.errors import AlreadyExists, InvalidArgument, JubakoError, NotFound
from jubako.stores.digests import digest_folder, verify_files, verify_sizes
from jubako.stores.local import LocalStore
from jubako.stores.manifests import read_info, write_bento_info, write_model_info
from jubako.stores.stored import read_version
from jubako.stores.transfer import copy_version
from jubako.values.bento import BentoInfo
from jubako.values.model import ModelContext, ModelInfo
from jubako.values.tag import Tag

_FILES = {"weights.bin": b"\x00\x01" * 500, "deep/er/notes é.txt": b"read me", "empty": b""}
_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class StoreTests:
    """Subclass it as `TestX` and say how a store is opened."""

    def open_store(self, place: Path, kind: StoreKind) -> Store:
        """Open a store that keeps everything below `place`, or under a name made of it; one place is one store."""
        raise NotImplementedError("return a store")

    @pytest.fixture(params=list(StoreKind), ids=lambda kind: str(kind.value))
    def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> Store:
        """An empty store, of each kind in turn."""
        return self.open_store(tmp_path / "place", request.param)

    def save(
        self,
        store: Store,
        tag: Tag | str,
        *,
        origin: str = "saved",
        created: datetime = _DAY,
        files: Mapping[str, bytes] = _FILES,
        before_the_end: Callable[[], object] = lambda: None,
        is_latest: bool = False,
    ) -> Tag:
        """Store one version with a right manifest."""
        exact = Tag.from_taglike(tag)
        with store.draft(exact, origin=origin, is_latest=is_latest) as folder:
            write_version(folder, store.kind, exact, created, files)
            before_the_end()
        return exact

    def test_a_saved_version_is_found_with_all_its_files(self, store: Store) -> None:
        tag = self.save(store, "iris:v1")
        folder = store.open(tag)
        info = read_info(folder, store.kind)
        assert info.tag == tag
        assert {entry.path: (folder / entry.path).read_bytes() for entry in info.files} == _FILES
        verify_sizes(folder, info.files, leave_out=(store.kind.manifest_name,))
        verify_files(folder, info.files)
        assert store.list() == store.list("iris") == [tag]
        store.verify_manifest(tag)
        assert store.origin(tag) in ("saved", "")

    def test_a_store_opened_again_has_the_same_versions(self, store: Store, tmp_path: Path) -> None:
        first, second = self.save(store, "iris:b"), self.save(store, "iris:a")
        again = self.open_store(tmp_path / "place", store.kind)
        assert again.list() == [second, first]
        assert again.resolve(Tag("iris")) == second

    def test_models_and_bentos_in_one_place_do_not_meet(self, tmp_path: Path) -> None:
        models, bentos = (self.open_store(tmp_path / "place", kind) for kind in StoreKind)
        tag = self.save(models, "iris:v1")
        assert bentos.list() == []
        self.save(bentos, tag)
        bentos.delete(tag)
        assert models.list() == [tag]

    def test_a_block_that_raises_leaves_nothing(self, store: Store) -> None:
        def fail() -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            self.save(store, "iris:v1", before_the_end=fail)
        assert store.list() == []
        with pytest.raises(NotFound):
            store.open(Tag("iris", "v1"))
        self.save(store, "iris:v1")
        assert store.resolve(Tag("iris")) == Tag("iris", "v1")

    def test_a_block_that_writes_no_manifest_or_another_versions_is_refused(self, store: Store) -> None:
        tag = Tag("iris", "v1")
        with pytest.raises(JubakoError, match=store.kind.manifest_name), store.draft(tag) as folder:
            (folder / "weights.bin").write_bytes(b"1")
        with pytest.raises(JubakoError, match="iris:v2"), store.draft(tag) as folder:
            write_version(folder, store.kind, Tag("iris", "v2"), _DAY, _FILES)
        assert store.list() == []

    def test_versions_come_from_another_store_and_go_to_one_as_they_are(self, store: Store, tmp_path: Path) -> None:
        tag = self.save(store, "iris:v1")
        other = LocalStore(tmp_path / "other", store.kind)
        manifest = store.read_manifest(tag)
        assert copy_version(read_version(tag, store), other, origin=store.url).is_new
        store.delete(tag)
        assert copy_version(read_version(tag, other), store, origin=other.url).is_new
        assert not copy_version(read_version(tag, other), store, origin=other.url).is_new
        assert store.read_manifest(tag) == manifest
        assert store.origin(tag) in (other.url, "")

    def test_a_version_is_not_seen_before_the_block_ends(self, store: Store) -> None:
        self.save(store, "iris:v1", before_the_end=lambda: self.expect_absent(store, Tag("iris", "v1")))

    def expect_absent(self, store: Store, tag: Tag) -> None:
        """Check that a version cannot be seen in any way."""
        assert store.list() == store.list(tag.name) == []
        for wanted in (tag, Tag(tag.name)):
            with pytest.raises(NotFound):
                store.resolve(wanted)

    def test_a_store_refuses_a_tag_it_already_has(self, store: Store) -> None:
        tag = self.save(store, "iris:v1")
        with pytest.raises(AlreadyExists, match="iris:v1"):
            self.save(store, tag, files={"weights.bin": b"other"})
        assert (store.open(tag) / "weights.bin").read_bytes() == _FILES["weights.bin"]

    def test_a_writer_that_was_overtaken_is_told_and_changes_nothing(self, store: Store) -> None:
        tag = Tag("iris", "v1")
        with pytest.raises(AlreadyExists):
            self.save(store, tag, before_the_end=lambda: self.save(store, tag, files={"weights.bin": b"fast"}))
        assert (store.open(tag) / "weights.bin").read_bytes() == b"fast"
        self.save(store, "iris:v2")
        assert store.resolve(Tag("iris")) == Tag("iris", "v2")

    def test_a_version_is_replaced_when_that_is_asked_for_and_the_new_one_is_whole(self, store: Store) -> None:
        tag = self.save(store, "iris:v1")
        for is_finished in (False, True):
            with contextlib.suppress(KeyboardInterrupt), store.draft(tag, is_replacing=True) as folder:
                write_version(folder, store.kind, tag, _DAY, {"new": b"new"})
                if not is_finished:
                    raise KeyboardInterrupt
            assert (store.open(tag) / "new").exists() is is_finished
            assert (store.list(), store.resolve(Tag("iris"))) == ([tag], tag)
            store.verify_manifest(tag)

    def test_of_many_writers_of_one_tag_one_wins(self, store: Store) -> None:
        def write(number: int) -> bool:
            try:
                self.save(store, "iris:v1", files={"weights.bin": b"%d" % number})
            except AlreadyExists:
                return False
            return True

        self.save(store, "iris:v0")
        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(write, range(8)))
        assert sum(won) == 1
        assert (store.open(Tag("iris", "v1")) / "weights.bin").read_bytes() == b"%d" % won.index(True)
        assert store.resolve(Tag("iris")) == Tag("iris", "v1")

    def test_many_writers_of_one_name_lose_no_version(self, store: Store) -> None:
        with ThreadPoolExecutor(8) as threads:
            tags = list(threads.map(lambda number: self.save(store, f"iris:v{number:02}"), range(24)))
        assert store.list("iris") == tags
        assert store.resolve(Tag("iris")) in tags
        assert store.resolve(Tag("iris")) == store.resolve(Tag("iris", "latest"))

    def test_latest_is_the_version_saved_last_whatever_the_clock_says(self, store: Store) -> None:
        for version, day in (("m", 5), ("z", 9), ("a", 1)):
            tag = self.save(store, f"iris:{version}", created=_DAY + timedelta(days=day))
            assert store.resolve(Tag("iris")) == tag

    def test_deleting_the_latest_falls_back_to_the_one_before(self, store: Store) -> None:
        first, second, third = (self.save(store, f"iris:{version}") for version in ("c", "a", "b"))
        store.delete(third)
        assert store.resolve(Tag("iris")) == second
        store.delete(first)
        assert store.resolve(Tag("iris")) == second
        store.delete(second)
        with pytest.raises(NotFound):
            store.resolve(Tag("iris"))

    def test_an_import_becomes_latest_only_if_it_was_created_later(self, store: Store) -> None:
        saved = self.save(store, "iris:m", created=_DAY)
        self.save(store, "iris:old", origin="a file", created=_DAY - timedelta(days=1))
        assert store.resolve(Tag("iris")) == saved
        newer = self.save(store, "iris:a", origin="a file", created=_DAY + timedelta(days=1))
        assert store.resolve(Tag("iris")) == newer
        assert store.origin(newer) in ("a file", "")

    def test_an_import_becomes_latest_if_that_is_asked_for(self, store: Store) -> None:
        self.save(store, "iris:m", created=_DAY)
        old = self.save(store, "iris:old", origin="a file", created=_DAY - timedelta(days=1), is_latest=True)
        assert store.resolve(Tag("iris")) == old
        again = self.save(store, "iris:again")
        assert store.resolve(Tag("iris")) == again

    def test_a_manifest_is_read_without_the_rest(self, store: Store) -> None:
        tag = self.save(store, "iris:v1")
        manifest = store.read_manifest(tag)
        assert manifest == (store.open(tag) / store.kind.manifest_name).read_bytes()
        with pytest.raises(NotFound):
            store.read_manifest(Tag("iris", "v2"))

    def test_imports_alone_are_ordered_by_creation(self, store: Store) -> None:
        for version, day in (("b", 2), ("c", 1), ("a", 3), ("d", 0)):
            self.save(store, f"iris:{version}", origin="a file", created=_DAY + timedelta(days=day))
        assert store.resolve(Tag("iris")) == Tag("iris", "a")

    def test_a_deleted_version_is_gone_and_can_be_saved_again(self, store: Store) -> None:
        tag, other = self.save(store, "iris:v1"), self.save(store, "iris:v2")
        store.delete(tag)
        assert store.list() == [other]
        with pytest.raises(NotFound):
            store.open(tag)
        with pytest.raises(NotFound):
            store.delete(tag)
        self.save(store, tag)
        assert store.resolve(Tag("iris")) == tag

    def test_tags_are_sorted_by_name_and_version(self, store: Store) -> None:
        tags = [self.save(store, tag) for tag in ("b:2", "a-b:1", "b:10", "a:9", "a.b:1")]
        assert store.list() == sorted(tags)
        assert store.list("b") == [Tag("b", "10"), Tag("b", "2")]
        assert store.list("nobody") == []

    def test_what_is_not_there_is_named_with_what_is_like_it(self, store: Store) -> None:
        self.save(store, "iris:abcdef")
        with pytest.raises(NotFound, match="iris:abcdef"):
            store.resolve(Tag("iris", "abc"))
        with pytest.raises(NotFound, match=r"irys(.|\n)*iris"):
            store.resolve(Tag("irys"))

    def test_only_exact_tags_are_written_opened_and_deleted(self, store: Store) -> None:
        self.save(store, "iris:v1")
        for tag in (Tag("iris"), Tag("iris", "latest")):
            with pytest.raises(InvalidArgument, match="exact"):
                store.open(tag)
            with pytest.raises(InvalidArgument, match="exact"):
                store.delete(tag)
            with pytest.raises(InvalidArgument, match="exact"), store.draft(tag):
                pytest.fail("the block must not run")


def write_version(folder: Path, kind: StoreKind, tag: Tag, created: datetime, files: Mapping[str, bytes]) -> None:
    """Write files and the manifest that lists them into an empty folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    entries = digest_folder(folder)
    if kind is StoreKind.MODELS:
        context = ModelContext(jubako_version="0.1.0", python_version="3.11.0")
        write_model_info(folder, ModelInfo(tag, "", "", created, context, files=entries))
    else:
        write_bento_info(folder, BentoInfo("service:svc", tag, "0.1.0", created, files=entries))
