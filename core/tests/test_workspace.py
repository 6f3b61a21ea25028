from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from jubako.contracts.store import StoreKind
from jubako.errors import InvalidArgument, OfferNotFound
from jubako.plugins import compose
from jubako.settings import PluginSettings, Settings, StoreSettings, TrustSettings
from jubako.workspace import current_workspace, open_store, open_workspace, using_workspace

DIGEST = "sha256:" + "0a" * 32


@pytest.fixture(scope="module")
def composition():
    return compose()


def test_the_stores_stand_under_the_home(tmp_path, composition):
    settings = Settings(stores=StoreSettings(home=tmp_path), trust=TrustSettings(digests=[DIGEST]))
    workspace = open_workspace(settings, composition)
    assert workspace.composition is composition
    assert workspace.settings is settings
    assert workspace.model_store.url == workspace.bento_store.url == tmp_path.as_uri()
    assert (workspace.model_store.kind, workspace.bento_store.kind) == (StoreKind.MODELS, StoreKind.BENTOS)
    assert workspace.trust.is_trusted(DIGEST)
    assert list(tmp_path.iterdir()) == []


def test_each_store_can_be_elsewhere(tmp_path, composition):
    other = tmp_path / "with space"
    stores = StoreSettings(home=tmp_path, model_store=other.as_uri(), bento_store=str(other))
    workspace = open_workspace(Settings(stores=stores), composition)
    assert workspace.model_store.url == workspace.bento_store.url == other.as_uri()


def test_a_workspace_composes_the_plugins_that_its_settings_allow(tmp_path):
    settings = Settings(stores=StoreSettings(home=tmp_path), plugins=PluginSettings(allow=()))
    reports = open_workspace(settings).composition.reports
    assert [report.name for report in reports if report.offers] == ["builtin"]


@pytest.mark.parametrize(("url", "error"), [("moon://crater", OfferNotFound), ("file://other/x", InvalidArgument)])
def test_a_store_that_nothing_can_open_is_refused(url, error, composition):
    with pytest.raises(error, match=r"moon|other"):
        open_store(composition, url, StoreKind.MODELS)


def test_a_block_has_its_own_workspace_and_blocks_nest(tmp_path, composition):
    outer, inner = (
        open_workspace(Settings(stores=StoreSettings(home=tmp_path / name)), composition) for name in ("a", "b")
    )
    with using_workspace(outer) as given:
        assert given is outer
        with using_workspace(inner):
            assert current_workspace() is inner
        assert current_workspace() is outer
        with pytest.raises(ZeroDivisionError), using_workspace(inner):
            raise ZeroDivisionError
        assert current_workspace() is outer


def test_another_thread_is_in_another_context(tmp_path, composition):
    workspace = open_workspace(Settings(stores=StoreSettings(home=tmp_path)), composition)
    seen = []
    with using_workspace(workspace):
        thread = threading.Thread(target=lambda: seen.append(current_workspace()))
        thread.start()
        thread.join(timeout=60)
    assert len(seen) == 1
    assert seen[0] is not workspace


SCRIPT = """
import threading
from jubako.workspace import current_workspace
seen = []
threads = [threading.Thread(target=lambda: seen.append(current_workspace())) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(set(map(id, seen))) == 1 and len(seen) == 16
print(seen[0].model_store.url)
"""


def test_a_script_has_one_default_from_its_environment_for_all_threads(tmp_path):
    environment = {"JUBAKO_HOME": str(tmp_path), "PATH": ""}
    script = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment, timeout=60, check=True
    )
    assert script.stdout.strip() == tmp_path.as_uri()
    assert list(tmp_path.iterdir()) == []


def test_a_script_reads_the_file_that_the_environment_names(tmp_path):
    (tmp_path / "jubako.yaml").write_text(f"stores:\n  home: {tmp_path / 'there'}\n")
    environment = {"JUBAKO_CONFIG": str(tmp_path / "jubako.yaml"), "PATH": ""}
    command = "from jubako.workspace import current_workspace; print(current_workspace().bento_store.url)"
    script = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, env=environment, timeout=60, check=True
    )
    assert script.stdout.strip() == (tmp_path / "there").as_uri()
