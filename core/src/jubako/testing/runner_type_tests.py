"""`RunnerTypeTests`: the contract of runner types, for plugins' own tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

import jubako.models
from jubako.backends.inline import open_backend
from jubako.contracts.offers import RunnerType
from jubako.errors import InvalidArgument, NotFound
from jubako.settings import Settings
from jubako.values.tag import Tag
from jubako.workspace import Workspace, open_workspace, using_workspace


class RunnerTypeTests:
    """Subclass it as `TestX`, name the runner type, and give a model with inputs and its own answers.

    Attributes:
        name: the offer's name.
    """

    name: str

    def make_model(self) -> Any:
        """A small, trained model."""
        raise NotImplementedError("return a model")

    def batch(self) -> Any:
        """A batch of at least two rows for the model."""
        raise NotImplementedError("return a batch")

    def predict(self, model: Any, batch: Any) -> Any:
        """What the framework itself answers for the batch, as the runner's default method does."""
        raise NotImplementedError("return the model's own answers")

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
    def functions(self, workspace: Workspace) -> Sequence[Any]:
        """`save`, `load` and `load_runner`."""
        composition = workspace.composition
        offer = composition.find(RunnerType, self.name)
        return [composition.resolve(offer, field) for field in ("save", "load", "load_runner")]

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
