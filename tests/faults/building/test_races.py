"""Threads that swap files and folders for links while they are packed."""

from __future__ import annotations

import contextlib
import os
import threading
import time

import pytest

from jubako.bentos.confined import list_below, open_below, resolve_link
from jubako.errors import BuildError
from tests.faults.building.conftest import SECRET

pytestmark = [pytest.mark.row("build-races"), pytest.mark.quick]


def swap_file(folder, outside):
    """A plain file, and in its place a link out of the context."""
    with contextlib.suppress(FileExistsError):
        (folder / "new").symlink_to(outside / "secret.txt")
    (folder / "new").replace(folder / "victim")
    (folder / "new").write_text("plain")
    (folder / "new").replace(folder / "victim")


def swap_folder(folder, outside):
    """A folder with a file `victim`, and in its place a link to one outside that has a file of that name, too."""
    (folder / "inner").rename(folder.parent / "aside")
    (folder / "inner").symlink_to(outside)
    (folder / "inner").unlink()
    (folder.parent / "aside").rename(folder / "inner")


def swap_target(folder, outside):
    """A link inside the context, and what it leads to swapped for a link outside."""
    (folder / "new").write_text("plain")
    (folder / "new").replace(folder / "target")
    (folder / "new").symlink_to(outside / "secret.txt")
    (folder / "new").replace(folder / "target")


@contextlib.contextmanager
def swapping(swap, folder, outside):
    stop, swaps = threading.Event(), []

    def run():
        while not stop.is_set():
            swap(folder, outside)
            swaps.append(1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield swaps
    finally:
        stop.set()
        thread.join(30)


@pytest.fixture
def place(context):
    (context.outside / "victim").write_text(SECRET)
    (context.outside / "only-outside.txt").write_text(SECRET)
    context.write("victim", "plain")
    context.write("inner/victim", "plain")
    context.write("target", "plain")
    (context.folder / "link").symlink_to("target")
    return context


def read_file(folder):
    with open_below(folder, "victim") as file:
        return {file.read().decode()}


def read_in_folder(folder):
    with open_below(folder, "inner/victim") as file:
        return {file.read().decode()}


def list_folder(folder):
    return {"plain"} if [name for name, _ in list_below(folder, "inner")] == ["victim"] else {"listed"}


def read_through_link(folder):
    with open_below(folder, resolve_link(folder, "link")) as file:
        return {file.read().decode()}


@pytest.mark.parametrize(
    ("swap", "read"),
    [
        (swap_file, read_file),
        (swap_folder, read_in_folder),
        (swap_folder, list_folder),
        (swap_target, read_through_link),
    ],
    ids=lambda function: function.__name__,
)
def test_nothing_is_read_through_a_link_that_comes_in_between(place, figures, length, swap, read):
    seen, refused, tries = set(), 0, 0
    end = time.monotonic() + length(1.0, 20.0)
    with swapping(swap, place.folder, place.outside) as swaps:
        while time.monotonic() < end:
            tries += 1
            try:
                seen |= read(place.folder)
            except BuildError:
                refused += 1
    assert seen <= {"plain", ""}
    assert swaps, "nothing was swapped"
    figures(**{read.__name__: f"{tries:,} tries against {len(swaps):,} swaps, {refused:,} refused, 0 followed"})


@pytest.mark.parametrize("swap", [swap_file, swap_folder, swap_target], ids=lambda function: function.__name__)
def test_a_build_beside_it_packs_the_file_or_is_refused(place, figures, length, swap):
    outcomes = {"built": 0, "refused": 0}
    with swapping(swap, place.folder, place.outside):
        for _ in range(int(length(3, 40))):
            try:
                bento = place.build()
            except BuildError:
                outcomes["refused"] += 1
            else:
                outcomes["built"] += 1
                names = {entry.path for entry in bento.info.files}
                assert not any("only-outside" in name for name in names)
    place.check_nothing_escaped()
    assert os.path.lexists(place.folder / "service.py")
    figures(
        **{f"{swap.__name__} beside builds": f"{outcomes['built']} built, {outcomes['refused']} refused, 0 followed"}
    )
