"""What stands in a build context beside plain files: links that lead anywhere, pipes, sockets, devices, odd names."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from jubako.bentos.confined import open_below
from jubako.errors import BuildError

pytestmark = [pytest.mark.row("build-links"), pytest.mark.quick]

LINKS = {
    "absolute": lambda context: context.outside / "secret.txt",
    "relative": lambda _: "../outside/secret.txt",
    "through a folder": lambda _: "inner/../../outside/secret.txt",
    "home": lambda _: "~/secret.txt",
    "process": lambda _: "/proc/self/environ",
    "own files": lambda _: "/proc/self/fd/0",
    "kernel": lambda _: "/sys/kernel/notes",
    "to itself": lambda _: "evil",
    "folder outside": lambda context: context.outside,
    "folder inside": lambda _: "inner",
    "root": lambda _: "/",
    "context": lambda _: ".",
    "device": lambda _: "/dev/zero",
    "nothing": lambda _: "nowhere",
    "through a link": lambda _: "through/secret.txt",
    "long": lambda _: "x" * 4000,
    "excluded": lambda _: ".env",
}


@pytest.mark.parametrize("kind", LINKS)
def test_a_link_is_refused_with_its_name(context, figures, kind):
    context.write("inner/plain.txt")
    context.write(".env", "PASSWORD=1\n")
    (context.folder / "through").symlink_to(context.outside)
    (context.folder / "evil").symlink_to(LINKS[kind](context))
    text = context.refusal(exclude=["through"])
    assert "'evil'" in text
    # Leaving it out is always a way on.
    assert context.build(exclude=["evil", "through"]).info.files
    figures(links=f"{len(LINKS)} kinds of links, all refused: 0 bytes from outside")


@pytest.mark.parametrize("chain", [2, 39, 60])
def test_chains_of_links_are_followed_inside_only(context, chain):
    context.write("real.txt", "inside")
    (context.folder / "link-0").symlink_to("real.txt")
    for number in range(1, chain):
        (context.folder / f"link-{number}").symlink_to(f"link-{number - 1}")
    # Python follows more of them than the system does.
    assert (context.build().source_path / f"link-{chain - 1}").read_text() == "inside"
    (context.folder / "link-0").unlink()
    (context.folder / "link-0").symlink_to(context.outside / "secret.txt")
    with pytest.raises(BuildError, match=r"'link-\d+' .*[\s\S]*It leads out of the build context"):
        context.build()
    context.build(exclude=["link-*"])


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(path.parent, os.O_RDONLY)
        try:
            listening.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


SPECIAL = {
    "pipe": os.mkfifo,
    "socket": make_socket,
    "zeros without end": lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)),
    "block device": lambda path: os.mknod(path, stat.S_IFBLK | 0o666, os.makedev(7, 0)),
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("name", ["odd", ".bentoignore", "inner/odd", "README"])
def test_what_is_no_file_is_refused_at_once(context, figures, kind, name):
    (context.folder / "inner").mkdir()
    try:
        SPECIAL[kind](context.folder / name)
    except PermissionError:
        pytest.skip("only root makes devices")
    description = "file: README" if name == "README" else None
    text = context.refusal(**({"description": description, "exclude": ["README"]} if description else {}))
    assert name in text
    assert "no plain file" in text or "a device, a pipe or a socket" in text
    figures(special="pipes, sockets, devices: refused before they are opened")


NAMES = [
    *(b"line\nfeed", b"return\rto the start", b"escape\x1b[2Jclears", b"delete\x7f", b"tab\tstop", b"bell\x07"),
    *(b"latin\xe4", b"half\xc3", b"\xff\xfe", b"surrogate\xed\xa0\x80", b"back\\slash", b"..\\..\\up", b"C:\\x"),
]


@pytest.mark.parametrize("name", NAMES, ids=repr)
@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_names_that_cannot_be_shown_or_stored_everywhere_are_refused(context, figures, name, is_folder):
    place = context.folder / os.fsdecode(name)
    if is_folder:
        place.mkdir()
        place /= "inner.txt"
    place.write_text("x")
    text = context.refusal()
    assert "rename it" in text
    # Nothing of the name reaches a terminal as it is.
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    figures(names=f"{len(NAMES)} names, of files and folders: all refused, none printed raw")


HARMLESS = [
    "-rf",
    "--exclude=x",
    "$(id)",
    "`id`",
    "a b",
    "%2e%2e",
    "...",
    "..x",
    "ünïcode",
    "😀",
    "\u202etxt",
    "*",
    "[a]",
    "!x",
]


def test_names_that_only_look_dangerous_are_packed_as_they_are(context, figures):
    for name in HARMLESS:
        context.write(f"odd/{name}", name)
        context.write(f"{name}.d/file", name)
    packed = {entry.path for entry in context.build().info.files}
    assert {f"src/odd/{name}" for name in HARMLESS} <= packed
    assert {f"src/{name}.d/file" for name in HARMLESS} <= packed
    figures(looks=f"{len(HARMLESS)} harmless names packed as they are")


def test_a_file_that_cannot_be_read_is_named(context):
    # As another account: root reads everything.
    place = context.write("secret.txt")
    place.chmod(0)
    if os.access(place, os.R_OK):
        for path in (context.folder, context.folder.parent):
            path.chmod(0o755)
        text = _refusal_as_nobody(context)
    else:
        text = context.refusal()
    assert "'secret.txt' of the build context cannot be packed.\nPermission denied" in text


def _refusal_as_nobody(context):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            root = os.open(context.folder, os.O_RDONLY)
            os.fchdir(root)
            os.seteuid(65534)
            try:
                open_below(Path(), "secret.txt")
            except Exception as error:
                os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as answer:
        return answer.read().decode()
