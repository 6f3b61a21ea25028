"""Bentos that are served and loaded from their archives."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import jubako
from jubako.contracts.store import StoreKind
from jubako.errors import InvalidArchive
from jubako.services.targets import resolve_target
from jubako.settings import Settings, StoreSettings
from jubako.stores.digests import sha256_of
from jubako.stores.local import LocalStore
from jubako.workspace import open_workspace


@pytest.fixture
def archive(workspace, tmp_path, write_service):
    """An archive of the Bento `toy:v1`, which is in no store."""
    write_service(tmp_path / "built" / "inside.py", answer="value + 1")
    bento = jubako.build("inside:svc", build_ctx=tmp_path / "built", version="v1")
    place = bento.export(f"{tmp_path}/")
    jubako.delete("toy")
    return Path(place)


def test_an_archive_is_a_bento(archive, workspace, project):
    target = resolve_target(str(archive), workspace=workspace, working_dir=project)
    assert str(target.bento.tag) == "toy:v1"
    assert target.import_string == "inside:svc"
    assert workspace.bento_store.list() == []


def test_it_is_unpacked_once(archive, workspace, project):
    first = resolve_target(str(archive), workspace=workspace, working_dir=project).bento.path
    inode = (first / "bento.yaml").stat().st_ino
    archive.rename(project / "moved.bento")
    again = resolve_target("moved.bento", workspace=workspace, working_dir=project).bento.path
    assert (again, (again / "bento.yaml").stat().st_ino) == (first, inode)


def test_a_service_is_loaded_from_an_archive(archive, project):
    assert jubako.load(str(archive)).apis["answer"].func(1) == 2
    assert jubako.load(archive).tag == jubako.Tag("toy", "v1")


@pytest.mark.parametrize("name", ["toy.bento", "./toy.zip", "toy.tar.gz"])
def test_what_is_no_archive_is_refused_with_its_name(workspace, project, name):
    (project / name).write_bytes(b"nothing of the kind")
    with pytest.raises(InvalidArchive, match=rf"{Path(name).name} is no archive of Jubako"):
        resolve_target(name, workspace=workspace, working_dir=project)


@pytest.mark.skipif(os.name != "posix", reason="there are no such modes")
def test_whatever_the_umask_no_other_account_reaches_it_and_the_home_stays_fit_for_trust(archive, tmp_path):
    home = tmp_path / "fresh"
    before = os.umask(0)
    try:
        workspace = open_workspace(Settings(stores=StoreSettings(home=home)))
        bento = resolve_target(str(archive), workspace=workspace, working_dir=tmp_path).bento
    finally:
        os.umask(before)
    assert stat.S_IMODE((home / ".store" / "archives").stat().st_mode) == 0o700
    assert bento.path.is_relative_to(home / ".store" / "archives")
    workspace.trust.trust("sha256:" + "a" * 64, "of a test")
    assert workspace.trust.is_trusted("sha256:" + "a" * 64)


@pytest.mark.parametrize("version", ["v1", "v0"])
def test_what_a_killed_process_left_uncompared_is_not_taken_for_the_archive(
    archive, workspace, tmp_path, project, write_service, version
):
    write_service(tmp_path / "other" / "inside.py", answer="'exchanged'")
    jubako.build("inside:svc", build_ctx=tmp_path / "other", version=version).export(f"{tmp_path}/other.bento")
    left = LocalStore(
        workspace.settings.stores.home / ".store" / "archives" / sha256_of(archive)[:32], StoreKind.BENTOS
    )
    jubako.import_bento(tmp_path / "other.bento", _bento_store=left)
    for _ in range(2):
        assert jubako.load(str(archive)).apis["answer"].func(1) == 2
