from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from jubako.errors import ModelDigestMismatch
from jubako.stores.digests import digest_folder
from jubako.stores.private import private_files

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")


@pytest.fixture
def version(tmp_path):
    """A version's folder, as a store keeps it."""
    folder = tmp_path / "models/iris/v1"
    (folder / "deep").mkdir(parents=True)
    for name in ("object.pkl", "deep/weights.bin"):
        (folder / name).write_bytes(name.encode())
        (folder / name).chmod(0o444)
    return folder


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


def exchange(path, content):
    (path.parent / "other").write_bytes(content)
    (path.parent / "other").replace(path)


def test_files_that_only_we_can_write_are_read_in_their_place(version, temporary):
    with private_files(version, digest_folder(version)) as folder:
        assert folder == version
        assert not list(temporary.iterdir())


@pytest.mark.parametrize("open_to_others", ["", "deep", "object.pkl", "..", "../.."])
def test_what_others_exchange_after_the_check_is_not_what_is_read(open_to_others, version, temporary):
    files = digest_folder(version)
    (version / open_to_others).chmod(0o775)
    with private_files(version, files) as folder:
        for name in ("object.pkl", "deep/weights.bin"):
            exchange(version / name, b"planted")
            assert (folder / name).read_bytes() == name.encode()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(temporary.iterdir())


def test_a_version_reached_through_a_folder_of_others_by_a_link_is_copied(version, tmp_path, temporary):
    (tmp_path / "link").symlink_to(version)
    with private_files(tmp_path / "link", digest_folder(version)) as folder:
        assert folder == tmp_path / "link"
    version.chmod(0o777)
    with private_files(tmp_path / "link", digest_folder(version)) as folder:
        assert folder.parent == temporary


def test_a_sticky_folder_above_lets_nobody_exchange_what_is_ours(version, tmp_path):
    tmp_path.chmod(0o1777)
    with private_files(version, digest_folder(version)) as folder:
        assert folder == version
    tmp_path.chmod(0o777)
    with private_files(version, digest_folder(version)) as folder:
        assert folder != version


@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_files_that_are_not_as_listed_are_refused_with_their_own_names(mode, version, temporary):
    files = digest_folder(version)
    version.chmod(mode)
    for content in (b"planted", b"object.pkl, and more"):
        exchange(version / "object.pkl", content)
        with (
            pytest.raises(ModelDigestMismatch, match=f"{version}/object.pkl is damaged"),
            private_files(version, files),
        ):
            pytest.fail("the block must not run")
    (version / "object.pkl").unlink()
    for make in (lambda: None, lambda: os.mkfifo(version / "object.pkl")):
        make()
        with pytest.raises(ModelDigestMismatch, match=f"{version}/object.pkl"), private_files(version, files):
            pytest.fail("the block must not run")
    assert not list(temporary.iterdir())


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")
def test_files_of_another_account_are_copied(version):
    files = digest_folder(version)
    os.chown(version / "object.pkl", 65534, 65534)
    with private_files(version, files) as folder:
        assert folder != version
        assert (Path(folder) / "object.pkl").read_bytes() == b"object.pkl"
