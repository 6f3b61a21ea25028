"""Bentos that are served and loaded from their archives."""

from __future__ import annotations

from pathlib import Path

import pytest

import jubako
from jubako.errors import InvalidArchive
from jubako.services.targets import resolve_target


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
