"""Build contexts that somebody hostile has prepared, and a secret outside of them that must not get into a Bento."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

import jubako
from jubako.errors import JubakoError
from jubako.settings import PluginSettings, Settings, StoreSettings
from jubako.stores.digests import verify_files
from jubako.workspace import Workspace, open_workspace, using_workspace

SECRET = "the secret that stands outside"
SERVICE = """
import jubako
from jubako.io import JSON

svc = jubako.Service("toy")


@svc.api(input=JSON(), output=JSON())
def answer(value):
    return value
"""


@attrs.frozen
class Context:
    """A build context beside a file with a secret.

    Args:
        folder: the context.
        outside: a folder beside it, with the file `secret.txt`.
        workspace: whose stores are used.
    """

    folder: Path
    outside: Path
    workspace: Workspace

    def write(self, path: str, content: str | bytes = "harmless\n") -> Path:
        """Write a file of the context, and return its path."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        return place

    def build(self, **options: object) -> jubako.Bento:
        """Build, and check that what was built is whole and has nothing from outside."""
        bento = jubako.build("service:svc", build_ctx=self.folder, **options)
        verify_files(bento.path, bento.info.files)
        self.check_nothing_escaped()
        return bento

    def refusal(self, **options: object) -> str:
        """What a build that has to be refused says; nothing is left of it."""
        with pytest.raises(JubakoError) as caught:
            self.build(**options)
        text = str(caught.value)
        assert SECRET not in text
        assert "\nDo: " in text, text
        assert len(text) < 2_000, "nobody reads that"
        assert self.workspace.bento_store.list() == []
        self.check_nothing_escaped()
        return text

    def check_nothing_escaped(self) -> None:
        """Look for the secret in everything that was written to the stores, and for half-written versions."""
        root = self.workspace.settings.stores.home
        for path in root.rglob("*"):
            assert not path.is_symlink(), path
            assert ".draft-" not in str(path), path
            if path.is_file() and path.stat().st_size < 1024 * 1024:
                assert SECRET.encode() not in path.read_bytes(), path


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """An empty home, a context with a Service, and the secret outside of it."""
    folder, outside = tmp_path / "context", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    (folder / "service.py").write_text(SERVICE)
    monkeypatch.setenv("HOME", str(outside))
    settings = Settings(stores=StoreSettings(home=tmp_path / "home"), plugins=PluginSettings(allow=()))
    with using_workspace(open_workspace(settings)) as workspace:
        yield Context(folder, outside, workspace)


@pytest.fixture
def count(figures: Callable[..., None]) -> Callable[[str, str], None]:
    """Return a function that records one more case of a kind, with what came of it."""

    def record(case: str, outcome: str) -> None:
        figures(**{case: outcome})

    return record
