"""`RunnerTypeTests`: the contract of runner types, for plugins' own tests."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

import jubako.models
from jubako.backends.inline import open_backend
from jubako.contracts.offers import RunnerType
from jubako.contracts.runner_type import LoadModel, LoadRunner, SaveModel
from jubako.contracts.store import Store, StoreKind
from jubako.errors import InvalidArgument, NotFound
from jubako.settings import Settings
from jubako.testing._required import required_name
from jubako.testing._signatures import check_signature
from jubako.values.signature import Signature
from jubako.values.tag import Tag
from jubako.workspace import Workspace, open_store, open_workspace, using_workspace

_FUNCTIONS = ("save", "load", "load_runner")


class RunnerTypeTests:
    """Subclass it as `TestX`, name the runner type, and give a model with inputs and its own answers.

    Attributes:
        name: the offer's name.
    """

    name: str = required_name("runner type")

    def make_model(self) -> Any:
        """A small, trained model."""
        raise NotImplementedError("return a model")

    def batch(self) -> Any:
        """A batch of at least two rows for the model."""
        raise NotImplementedError("return a batch")

    def predict(self, model: Any, batch: Any) -> Any:
        """What the framework itself answers for the batch, as the runner's default method does."""
        raise NotImplementedError("return the model's own answers")

    def signatures(self) -> Mapping[str, Signature]:
        """Signatures for a method that the model has, other than those that the runner type would tell by itself."""
        return {"predict": Signature(batchable=False)}

    def same(self, left: Any, right: Any) -> bool:
        """True if two answers are equal."""
        return bool((left == right).all()) if hasattr(left == right, "all") else bool(left == right)

    @pytest.fixture
    def workspace(self, tmp_path: Path) -> Iterator[Workspace]:
        """An empty home, with everything that is installed."""
        settings = Settings()
        settings = attrs.evolve(settings, stores=attrs.evolve(settings.stores, home=tmp_path / "home"))
        workspace = open_workspace(settings)
        with using_workspace(workspace):
            yield workspace

    @pytest.fixture
    def other_store(self, workspace: Workspace, tmp_path: Path) -> Store:
        """An empty store that is not the workspace's."""
        return open_store(workspace.composition, (tmp_path / "other").as_uri(), StoreKind.MODELS)

    @pytest.fixture
    def functions(self, workspace: Workspace) -> Sequence[Any]:
        """`save`, `load` and `load_runner`."""
        composition = workspace.composition
        offer = composition.find(RunnerType, self.name)
        return [composition.resolve(offer, field) for field in _FUNCTIONS]

    @pytest.mark.parametrize(
        ("index", "protocol"),
        [(0, SaveModel), (1, LoadModel), (2, LoadRunner)],
        ids=["save", "load", "load_runner"],
    )
    def test_a_function_takes_every_argument_that_is_promised(
        self, functions: Sequence[Any], index: int, protocol: type
    ) -> None:
        words = f"{_FUNCTIONS[index]} of runner type {self.name!r}"
        check_signature(functions[index], protocol, words)

    def test_a_saved_model_is_loaded_and_answers_the_same(self, functions: Sequence[Any]) -> None:
        save, load, _ = functions
        model = self.make_model()
        tag = save("contract", model)
        assert isinstance(tag, Tag)
        assert tag.is_exact
        assert self.same(self.predict(load(tag), self.batch()), self.predict(model, self.batch()))
        assert self.same(self.predict(load("contract:latest"), self.batch()), self.predict(model, self.batch()))

    def test_the_manifest_names_the_runner_type_and_what_it_was_saved_with(self, functions: Sequence[Any]) -> None:
        save, _, _ = functions
        tag = save("contract", self.make_model(), labels={"stage": "test"}, metadata={"score": 0.5})
        info = jubako.models.get(tag).info
        assert info.module == self.name
        assert dict(info.labels) == {"stage": "test"}
        assert dict(info.metadata) == {"score": 0.5}
        assert info.files

    def test_custom_objects_come_back(self, functions: Sequence[Any]) -> None:
        save, _, _ = functions
        tag = save("contract", self.make_model(), custom_objects={"classes": ["a", "b"]})
        assert jubako.models.get(tag).custom_objects == {"classes": ["a", "b"]}

    def test_signatures_that_are_given_are_recorded(self, functions: Sequence[Any]) -> None:
        save, _, _ = functions
        given = self.signatures()
        recorded = jubako.models.get(save("contract", self.make_model(), signatures=given)).info.signatures
        lost = {method for method, signature in given.items() if recorded.get(method) != signature}
        assert not lost, f"save of runner type {self.name!r} does not record its argument `signatures` for {lost}"

    def test_save_writes_to_the_store_that_it_is_given(
        self, functions: Sequence[Any], workspace: Workspace, other_store: Store
    ) -> None:
        save, _, _ = functions
        tag = save("contract", self.make_model(), _model_store=other_store)
        assert workspace.model_store.list() == [], self.ignored("save", "writes to")
        assert other_store.list() == [tag], self.ignored("save", "writes to")

    def test_load_and_the_runner_read_from_the_store_that_they_are_given(
        self, functions: Sequence[Any], other_store: Store
    ) -> None:
        _, load, load_runner = functions
        model = self.make_model()
        tag = self.save_elsewhere(functions, model, other_store)
        expected = self.predict(model, self.batch())
        for wanted in (tag, str(tag), "contract"):
            with self.looks_in_the_given_store("load"):
                assert self.same(self.predict(load(wanted, _model_store=other_store), self.batch()), expected)
            with self.looks_in_the_given_store("load_runner"):
                runner = load_runner(wanted, name="elsewhere", _model_store=other_store)
                assert self.same(runner.run_batch(self.batch()), expected)
            assert runner.name == "elsewhere", f"load_runner of runner type {self.name!r} ignores its argument `name`"

    def save_elsewhere(self, functions: Sequence[Any], model: Any, store: Store) -> Tag:
        """Save a model to `store`, wherever `save` itself would write it."""
        tag: Tag = functions[0]("contract", model)
        default = jubako.models.get(tag).path
        with store.draft(tag) as folder:
            shutil.copytree(default, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        jubako.models.delete(tag)
        return tag

    @contextlib.contextmanager
    def looks_in_the_given_store(self, function: str) -> Iterator[None]:
        """Say of a model that is not found that the wrong store was asked."""
        try:
            yield
        except NotFound as error:
            raise AssertionError(self.ignored(function, "reads from")) from error

    def ignored(self, function: str, does: str) -> str:
        """The message about a function that ignores `_model_store`."""
        return (
            f"{function} of runner type {self.name!r} {does} the default store, "
            "not the one that it is given as the argument `_model_store`"
        )

    def test_the_runner_answers_as_the_framework_does(self, functions: Sequence[Any]) -> None:
        save, _, load_runner = functions
        model = self.make_model()
        tag = save("contract", model)
        runner = load_runner(tag)
        assert runner.name == "contract"
        assert list(runner.required_models) == [tag]
        assert self.same(runner.run_batch(self.batch()), self.predict(model, self.batch()))

    def test_the_runner_serves_through_the_inline_backend(self, functions: Sequence[Any], workspace: Workspace) -> None:
        save, _, load_runner = functions
        model = self.make_model()
        runner = load_runner(save("contract", model), name="served")

        async def serve() -> Any:
            backend = open_backend(workspace.composition, workspace.settings)
            await backend.start([runner])
            try:
                return await runner.async_run_batch(self.batch())
            finally:
                await backend.stop()

        assert self.same(asyncio.run(serve()), self.predict(model, self.batch()))

    def test_a_runner_keeps_the_version_that_was_the_latest_when_it_was_made(self, functions: Sequence[Any]) -> None:
        save, _, load_runner = functions
        first = save("contract", self.make_model())
        runner = load_runner("contract:latest")
        save("contract", self.make_model())
        assert list(runner.required_models) == [first]

    def test_what_is_missing_or_of_another_type_is_refused(self, functions: Sequence[Any]) -> None:
        _, load, load_runner = functions
        with pytest.raises(NotFound, match="missing"):
            load("missing")
        with pytest.raises(NotFound, match="missing"):
            load_runner("missing")
        with jubako.models.create("foreign", module="someone_else") as model:
            model.path_of("model.bin").write_bytes(b"-")
        with pytest.raises(InvalidArgument, match="someone_else"):
            load("foreign")
