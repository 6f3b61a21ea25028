"""`BuildStepTests`: the contract of build steps, for plugins' own tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jubako.bentos.draft import Draft
from jubako.bentos.options import BuildOptions
from jubako.contracts.build_step import BuildStep
from jubako.contracts.offers import BuildStepType
from jubako.descriptors import JSON
from jubako.plugins import Composition, compose
from jubako.services import Service
from jubako.settings import Settings, StoreSettings
from jubako.stores.digests import digest_folder
from jubako.testing._required import required_name
from jubako.workspace import open_workspace, using_workspace


class BuildStepTests:
    """Subclass it as `TestX` and name the step.

    Attributes:
        name: the offer's name.
    """

    name: str = required_name("build step")

    def fill_context(self, folder: Path) -> None:
        """Write the files that the Bento is built from."""
        (folder / "service.py").write_text("svc = None\n")
        (folder / "data").mkdir()
        (folder / "data" / "words.txt").write_text("one\ntwo\n")

    def service(self) -> Service:
        """The Service that is built."""
        service = Service("echo")

        @service.api(input=JSON(), output=JSON())
        def echo(value: object) -> object:
            """Say the same again."""
            return value

        return service

    def options(self) -> BuildOptions:
        """The options of the build."""
        return BuildOptions(service="service:svc")

    def check(self, folder: Path) -> None:
        """Look at what the step wrote."""

    @pytest.fixture
    def composition(self, tmp_path: Path) -> Iterator[Composition]:
        """Everything that is installed, current for the test, with empty stores."""
        composition = compose()
        settings = Settings(stores=StoreSettings(home=tmp_path / "home"))
        with using_workspace(open_workspace(settings, composition)):
            yield composition

    @pytest.fixture
    def step(self, composition: Composition) -> BuildStep:
        """The step of this name."""
        found: BuildStep = composition.resolve(composition.find(BuildStepType, self.name), "step")
        return found

    def draft(self, folder: Path) -> Draft:
        """A new draft below `folder`."""
        for part in ("context", "bento"):
            (folder / part).mkdir(parents=True)
        self.fill_context(folder / "context")
        return Draft(folder / "bento", folder / "context", self.service(), self.options().to_plain())

    def test_the_step_is_offered_and_writes_what_it_should(self, step: BuildStep, tmp_path: Path) -> None:
        draft = self.draft(tmp_path / "one")
        step(draft)
        self.check(draft.folder)

    def test_equal_drafts_give_equal_files(self, step: BuildStep, tmp_path: Path) -> None:
        first, second = self.draft(tmp_path / "one"), self.draft(tmp_path / "two")
        step(first)
        step(second)
        assert digest_folder(first.folder) == digest_folder(second.folder)

    def test_the_context_is_left_as_it_was(self, step: BuildStep, tmp_path: Path) -> None:
        draft = self.draft(tmp_path / "one")
        before = digest_folder(draft.context)
        step(draft)
        assert digest_folder(draft.context) == before

    def test_the_manifest_is_left_to_the_core(self, step: BuildStep, tmp_path: Path) -> None:
        draft = self.draft(tmp_path / "one")
        step(draft)
        assert not (draft.folder / "bento.yaml").exists()
