"""Every attack in every format: the whole archive is refused, with its member named, and nothing is left anywhere."""

from __future__ import annotations

import shutil

import pytest

from jubako.errors import InvalidArchive, InvalidManifest
from tests.faults.archives.conftest import FILES, TAG
from tests.faults.archives.hostile import folder_attacks, tar_attacks, zip_attacks
from tests.faults.archives.raw import TAR_FORMATS, tar_of, zip_of

pytestmark = [pytest.mark.row("hostile-archives"), pytest.mark.quick]


@pytest.fixture
def refuses(take_in, target, everything):
    """Return a function that imports an archive and returns what was wrong about how it was refused."""

    def attempt(path, label, named):
        before = everything()
        try:
            take_in(path)
        except (InvalidArchive, InvalidManifest) as error:
            text = str(error)
            wrong = [] if named in text and path.name in text and (error.why or error.do) else [f"{label}: {text}"]
        except Exception as error:  # whatever it is, it is another than what is documented
            wrong = [f"{label}: {type(error).__name__}: {error}"]
        else:
            wrong = [f"{label}: was imported"]
        found = everything() - before - {str(target.home), str(target.home / "models")}
        return wrong + [f"{label}: left {path}" for path in found] + [f"{label}: {tag}" for tag in target.list()]

    return attempt


@pytest.mark.parametrize("wrapping", TAR_FORMATS)
def test_a_hostile_tar_is_refused_whole(wrapping, sound, outside, tmp_path, refuses, figures):
    archive, wrong, tried = tmp_path / f"archive.{wrapping}", [], 0
    for attack in tar_attacks(sound, str(outside).encode()):
        archive.write_bytes(TAR_FORMATS[wrapping](attack.data))
        wrong += refuses(archive, attack.name, attack.named)
        tried += 1
    assert wrong == []
    figures(**{wrapping: f"{tried} of {tried} refused, 0 files outside, 0 published"})


def test_a_hostile_zip_is_refused_whole(sound, outside, tmp_path, refuses, figures):
    archive, wrong, tried = tmp_path / "archive.zip", [], 0
    for attack in zip_attacks(sound, str(outside).encode()):
        archive.write_bytes(attack.data)
        wrong += refuses(archive, attack.name, attack.named)
        tried += 1
    assert wrong == []
    figures(zip=f"{tried} of {tried} refused, 0 files outside, 0 published")


def test_a_hostile_folder_is_refused_whole(sound, outside, tmp_path, refuses, figures):
    wrong, tried = [], 0
    for label, change, named in folder_attacks(sound, outside):
        folder = tmp_path / "archive"
        for member in sound:
            path = folder / member.name.decode()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(member.content)
        change(folder)
        # Its own files are no leftovers.
        moved = folder.rename(tmp_path.parent / f"{tmp_path.name}-archive")
        wrong += refuses(moved, label, named)
        shutil.rmtree(moved)
        tried += 1
    assert wrong == []
    figures(folder=f"{tried} of {tried} refused, 0 files outside, 0 published")


@pytest.mark.parametrize("wrapping", [*TAR_FORMATS, "zip"])
def test_an_archive_with_one_bit_changed_publishes_the_right_bytes_or_nothing(
    wrapping, sound, tmp_path, take_in, target, figures, length
):
    good = zip_of(sound).join() if wrapping == "zip" else TAR_FORMATS[wrapping](tar_of(sound))
    archive, refused, read = tmp_path / "archive", 0, 0
    for at in range(0, len(good), max(1, len(good) // int(length(150, 5000)))):
        archive.write_bytes(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])
        try:
            take_in(archive)
        except (InvalidArchive, InvalidManifest):
            refused += 1
            assert target.list() == []
        else:
            # What tells nothing, such as the time in a header, or a label of the manifest, may be another.
            (tag,) = target.list()
            assert {name: (target.open(tag) / name).read_bytes() for name in FILES} == FILES
            target.delete(tag)
            read += 1
    assert refused > 0
    figures(**{f"{wrapping}, one bit": f"{refused} refused, {read} read with the right bytes, 0 with others"})


@pytest.mark.parametrize("wrapping", [*TAR_FORMATS, "zip"])
def test_an_archive_that_was_cut_anywhere_is_refused(wrapping, sound, tmp_path, take_in, target, length):
    good = zip_of(sound).join() if wrapping == "zip" else TAR_FORMATS[wrapping](tar_of(sound))
    archive = tmp_path / "archive"
    for at in range(0, len(good), max(1, len(good) // int(length(60, 5000)))):
        archive.write_bytes(good[:at])
        with pytest.raises((InvalidArchive, InvalidManifest)):
            take_in(archive)
        archive.write_bytes(good + good[: at + 1])
        with pytest.raises((InvalidArchive, InvalidManifest)):
            take_in(archive)
    assert target.list() == []


@pytest.mark.parametrize("wrapping", [*TAR_FORMATS, "zip"])
def test_the_sound_one_is_taken(wrapping, sound, tmp_path, take_in, target):
    good = zip_of(sound).join() if wrapping == "zip" else TAR_FORMATS[wrapping](tar_of(sound))
    (tmp_path / "archive").write_bytes(good)
    assert take_in(tmp_path / "archive").tag == TAG
    assert target.list() == [TAG]
