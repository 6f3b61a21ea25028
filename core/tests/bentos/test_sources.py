"""Which files are packed, and that no link leads out of the build context."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jubako.bentos
from jubako.bentos.confined import open_below
from jubako.errors import BuildError, InvalidArgument
from jubako.settings import Settings, StoreSettings
from jubako.workspace import open_workspace, using_workspace

SECRETS = [
    ".env",
    ".env.local",
    "deploy/.env",
    ".git/config",
    ".aws/credentials",
    ".ssh/id_ed25519",
    "id_rsa",
    "keys/id_rsa.pub",
    "server.pem",
    "tls/private.key",
    ".netrc",
    ".pypirc",
    "credentials.json",
    "__pycache__/service.cpython-311.pyc",
    ".venv/lib/x.py",
    "env/pyvenv.cfg",
    "env/lib/secret.py",
    ".pytest_cache/x",
    "node_modules/x.js",
]


def write(context, *paths):
    for path in paths:
        (context / path).parent.mkdir(parents=True, exist_ok=True)
        (context / path).write_text(f"content of {path}\n")


def build(**options):
    return jubako.bentos.build("service:svc", **options)


def test_everything_is_packed_but_secrets_caches_and_environments(context, packed):
    write(context, *SECRETS, "data/words.txt", ".env.example", "notes.md")
    assert packed(build()) == [".env.example", "data/words.txt", "notes.md", "service.py"]


def test_an_exclude_that_begins_with_an_exclamation_mark_takes_a_built_in_one_back(context, packed):
    write(context, "ca.pem", "server.pem")
    assert packed(build(exclude=["!ca.pem"])) == ["ca.pem", "service.py"]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.py"], [], ["inner/deep/d.py", "inner/i.py", "service.py"]),
        (["*.py", "data/"], ["inner/deep"], ["data/a.csv", "data/b.txt", "inner/i.py", "service.py"]),
        (["/service.py"], [], ["service.py"]),
        (["*"], ["*", "!service.py"], ["service.py"]),
        (["*"], ["**/*.csv", "inner/"], ["data/b.txt", "service.py"]),
        (["**/d.py", "service.py"], [], ["inner/deep/d.py", "service.py"]),
    ],
)
def test_patterns_mean_what_they_mean_to_git(context, packed, include, exclude, expected):
    write(context, "data/a.csv", "data/b.txt", "inner/i.py", "inner/deep/d.py")
    assert packed(build(include=include, exclude=exclude)) == expected


def test_an_ignore_file_counts_in_its_own_folder_and_below(context, packed):
    write(context, "a.txt", "inner/a.txt", "inner/b.txt", "inner/deep/a.txt", "other/a.txt", "top/x", "inner/top/x")
    (context / "inner" / ".bentoignore").write_text("# comment\na.txt\n")
    (context / ".bentoignore").write_text("/top/\n")
    assert packed(build(include=["*.txt", "*.py", "top/"])) == [
        "a.txt",
        "inner/b.txt",
        "inner/top/x",
        "other/a.txt",
        "service.py",
    ]


def test_a_store_inside_the_context_is_not_packed(context, packed):
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=context / "home")))):
        build()
        assert packed(build()) == ["service.py"]


def test_the_file_that_defines_the_service_must_be_packed(context, workspace):
    write(context, "data.txt")
    with pytest.raises(BuildError, match=r"'service\.py'[\s\S]*include it"):
        build(include=["*.txt"])
    assert workspace.bento_store.list() == []


def test_a_build_that_packs_nothing_says_so(context):
    with pytest.raises(BuildError, match="no file of"):
        build(include=["nothing"])


@pytest.mark.parametrize("pattern", ["../secret", "a/../../b"])
def test_patterns_that_lead_out_are_refused(context, pattern):
    with pytest.raises(InvalidArgument, match="build context"):
        build(include=[pattern])


def test_a_link_inside_the_context_is_stored_as_the_file_it_leads_to(context):
    write(context, "data/real.txt")
    (context / "link.txt").symlink_to("data/real.txt")
    (context / "absolute.txt").symlink_to(context / "data" / "real.txt")
    bento = build()
    for name in ("link.txt", "absolute.txt"):
        stored = bento.path / "src" / name
        assert not stored.is_symlink()
        assert stored.read_text() == "content of data/real.txt\n"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/etc/passwd", "leads out of the build context"),
        ("../outside.txt", "leads out of the build context"),
        ("inner/../../outside.txt", "leads out of the build context"),
        ("nowhere", "leads to nothing"),
        ("inner", "leads to a folder"),
        ("evil", "cannot be packed"),
        (".env", "which is excluded"),
        (".aws/credentials", "which is excluded"),
    ],
)
def test_a_link_that_leads_elsewhere_stops_the_build(context, workspace, target, words):
    write(context, "inner/x.txt", ".env", ".aws/credentials")
    (context.parent / "outside.txt").write_text("secret")
    (context / "evil").symlink_to(target)
    with pytest.raises(BuildError) as caught:
        build()
    assert words in str(caught.value)
    assert "exclude it" in str(caught.value)
    assert workspace.bento_store.list() == []
    assert build(exclude=["evil"]).info.files


def test_a_link_to_a_folder_outside_is_not_walked(context):
    (context.parent / "outside").mkdir()
    (context.parent / "outside" / "secret.txt").write_text("secret")
    (context / "folder").symlink_to(context.parent / "outside")
    with pytest.raises(BuildError, match="'folder'"):
        build()


def test_a_link_reached_through_a_linked_folder_does_not_lead_out(context):
    write(context, "inner/x.txt")
    (context / "inner" / "up").symlink_to(context.parent)
    (context / "far").symlink_to("inner/up/outside.txt")
    (context.parent / "outside.txt").write_text("secret")
    with pytest.raises(BuildError):
        build(exclude=["inner/up"])


def test_a_named_pipe_is_refused_and_does_not_hang(context):
    os.mkfifo(context / "pipe")
    with pytest.raises(BuildError, match="no plain file"):
        build()


@pytest.mark.parametrize(
    "name", ["back\\slash", "line\nfeed", "delete\x7f", "escape\x1b[2J", os.fsdecode(b"latin\xe4")]
)
def test_names_that_cannot_be_stored_everywhere_are_refused(context, name):
    (context / name).write_text("x")
    with pytest.raises(BuildError, match="rename it"):
        build()


def test_a_path_that_is_too_long_to_store_everywhere_is_refused_however_deep_it_is(context):
    folder = context
    for _ in range(12):
        folder = folder / ("n" * 200)
        folder.mkdir()
    with pytest.raises(BuildError, match="more than 2,000 bytes") as caught:
        build()
    assert len(str(caught.value)) < 500
    assert build(exclude=["n*/"]).info.files


def test_a_tree_that_is_too_deep_is_refused(context, packed):
    folder = context.joinpath(*(["d"] * 200))
    folder.mkdir(parents=True)
    (folder / "x").write_text("deep")
    assert packed(build())[0] == "d/" * 200 + "x"
    (folder / "d").mkdir()
    (folder / "d/x").write_text("deeper")
    with pytest.raises(BuildError, match="or 200 folders"):
        build()


@pytest.mark.parametrize("pattern", ["!", "[z-a]", "foo\\"])
def test_a_pattern_that_is_none_is_named_with_its_place(context, pattern):
    with pytest.raises(BuildError, match=r"exclude has .*, which is no pattern"):
        build(exclude=["*.txt", pattern])
    (context / "inner").mkdir()
    (context / "inner/.bentoignore").write_text(f"*.txt\n{pattern}\n")
    with pytest.raises(BuildError, match=r"inner/\.bentoignore has .*, which is no pattern[\s\S]*\.gitignore"):
        build()


def test_an_ignore_file_has_an_end(context):
    (context / ".bentoignore").write_text("x\n" * 600_000)
    with pytest.raises(BuildError, match=r"'\.bentoignore' .* cannot be used[\s\S]*more than 1,048,576 bytes"):
        build()


def test_a_link_that_leads_back_to_itself_says_so(context):
    (context / "round").symlink_to("again")
    (context / "again").symlink_to("round")
    with pytest.raises(BuildError, match=r"leads back to itself|symbolic links"):
        build()


def test_a_file_swapped_for_a_link_is_never_followed(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("secret")
    (root / "file").write_text("plain")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            (root / "new").symlink_to(tmp_path / "secret")
            (root / "new").replace(root / "file")
            (root / "new").write_text("plain")
            (root / "new").replace(root / "file")

    thread = threading.Thread(target=swap)
    thread.start()
    read = set()
    try:
        for _ in range(2000):
            try:
                with open_below(root, "file") as file:
                    read.add(file.read())
            except BuildError:
                continue
    finally:
        stop.set()
        thread.join(60)
    assert read <= {b"plain", b""}


def test_a_folder_swapped_for_a_link_is_never_followed(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "folder").symlink_to(tmp_path / "outside")
    with pytest.raises(BuildError):
        open_below(root, "folder/file")


def test_executable_files_stay_executable(context):
    write(context, "run.sh", "plain.sh")
    (context / "run.sh").chmod(0o755)
    source = build().path / "src"
    assert os.access(source / "run.sh", os.X_OK)
    assert not (source / "plain.sh").stat().st_mode & 0o111


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.dictionaries(
        st.lists(st.sampled_from(["a", "b", "c.txt"]), min_size=1, max_size=3).map("/".join),
        st.binary(max_size=20),
        max_size=6,
    )
)
def test_what_is_packed_is_what_stands_in_the_context(context, packed, tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("context")
    (folder / "service.py").write_bytes((context / "service.py").read_bytes())
    expected = {"service.py": (context / "service.py").read_bytes()}
    for path, content in files.items():
        place = folder / path
        if place.exists() or any(parent.is_file() for parent in place.parents):
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        expected[path] = content
    bento = build(build_ctx=folder)
    assert {path: Path(bento.path / "src" / path).read_bytes() for path in packed(bento)} == expected
