"""`export`, `import`, `push` and `pull`, for models and Bentos: what they say, and what to do next."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from jubako.contracts.store import StoreKind
from jubako.models import save_object
from jubako.settings import Settings, StoreSettings
from jubako.stores.local import LocalStore
from jubako.stores.manifests import read_info
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag
from jubako.workspace import open_workspace, using_workspace

TAG = Tag("iris", "v1")
GROUPS = {StoreKind.MODELS: ("models",), StoreKind.BENTOS: ()}


@pytest.fixture(params=list(StoreKind), ids=lambda kind: str(kind.value))
def store(request, tmp_path, monkeypatch):
    """A store with iris:v1; its home's folder is the working directory."""
    monkeypatch.chdir(tmp_path)
    store = LocalStore(tmp_path / "home", request.param)
    with store.draft(TAG) as folder:
        write_version(folder, store.kind, TAG, datetime(2026, 1, 1, tzinfo=UTC), {"weights.bin": b"w" * 1500})
    return store


@pytest.fixture
def command(jubako, store):
    """Run a command for what the store keeps, and return its lines; it has to succeed unless `code` says otherwise."""

    def run(*arguments, code=0, home="home"):
        done = jubako(*GROUPS[store.kind], *arguments, JUBAKO_HOME=home)
        assert done.exit_code == code, done.output
        return done.output

    return run


@pytest.fixture
def digest(store):
    return read_info(store.open(TAG), store.kind).digest


def test_a_version_goes_to_another_home_and_each_step_says_what_it_did(command, store, digest, tmp_path):
    native = "jubako-model" if store.kind is StoreKind.MODELS else "bento"
    size = (len(store.read_manifest(TAG)) + 1500) / 1000
    exported = command("export", "iris")
    place = tmp_path / f"iris-v1.{native}"
    assert exported.splitlines()[:2] == ["exported iris:v1", f"  path    {place}"]
    assert exported.splitlines()[3] == f"  digest  {digest}"
    imported = command("import", place.name, home="other")
    assert imported.splitlines()[:4] == [
        "imported iris:v1",
        f"  path    {tmp_path}/other/{store.kind.value}/iris/v1",
        f"  size    {size:.1f} kB",
        f"  digest  {digest}",
    ]
    assert ("Serve it:  jubako serve iris:v1" in imported) == (store.kind is StoreKind.BENTOS)
    again = command("import", place.name, home="other")
    assert again.startswith("iris:v1 is here already, and the same: nothing was written\n")


def test_programs_get_the_same_as_data(command, store, digest, tmp_path):
    exported = json.loads(command("export", "iris", "x.tar.xz", "--json"))
    assert exported == {
        "tag": "iris:v1",
        "path": str(tmp_path / "x.tar.xz"),
        "format": "xz",
        "size_bytes": (tmp_path / "x.tar.xz").stat().st_size,
        "digest": digest,
    }
    assert command("export", "iris", "y", "-f", "zip", "-o", "path") == f"{tmp_path}/y\n"
    imported = yaml.safe_load(command("import", "y", "--yaml", home="other"))
    assert (imported["tag"], imported["is_new"], imported["digest"]) == ("iris:v1", True, digest)
    assert imported["untrusted"] == []
    pushed = json.loads(command("push", "iris", "./shared", "--json"))
    assert (pushed["tag"], pushed["is_new"], pushed["path"]) == ("iris:v1", True, "./shared")
    assert command("pull", "iris", "./shared", "-o", "path", home="third").endswith(f"{store.kind.value}/iris/v1\n")
    assert command("export", "iris", "z.zip", "--quiet") == f"{tmp_path}/z.zip\n"


def test_a_version_is_pushed_and_pulled_once(command, digest):
    assert command("push", "iris", "./shared").startswith("pushed iris:v1\n  to      ./shared\n")
    assert command("push", "iris", "./shared").startswith("iris:v1 is there already, and the same\n")
    assert command("pull", "iris", "./shared", home="other").startswith("pulled iris:v1\n  path    ")
    assert "iris:v1 is here already" in command("pull", "iris:v1", "./shared", "--latest", home="other")


def test_a_file_is_written_over_only_if_that_is_asked_for(command, tmp_path):
    (tmp_path / "x.zip").write_text("mine")
    assert "x.zip is there already." in command("export", "iris", "x.zip", code=1)
    assert (tmp_path / "x.zip").read_text() == "mine"
    command("export", "iris", "x.zip", "--force")


def test_another_version_of_the_tag_is_replaced_only_by_force(command, store, tmp_path):
    other = LocalStore(tmp_path / "other", store.kind)
    with other.draft(TAG) as folder:
        write_version(folder, store.kind, TAG, datetime(2026, 1, 2, tzinfo=UTC), {"a": b"old"})
    assert "--force" in command("push", "iris", "./other", code=1)
    assert "--force" in command("pull", "iris", "./other", code=1)
    command("push", "iris", "./other", "-f")
    assert other.read_manifest(TAG) == store.read_manifest(TAG)


def test_an_older_version_becomes_latest_if_that_is_asked_for(command, store, tmp_path):
    for name, arguments in (("a", ()), ("b", ("--latest",))):
        other = LocalStore(tmp_path / name, store.kind)
        newer = Tag("iris", "v2")
        with other.draft(newer) as folder:
            write_version(folder, store.kind, newer, datetime(2026, 5, 1, tzinfo=UTC), {"a": b"new"})
        command("export", "iris", f"{name}.zip")
        command("import", f"{name}.zip", *arguments, home=name)
        assert other.resolve(Tag("iris")) == (TAG if arguments else newer)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pull", "iris", "prod"), "'prod' names no store."),
        (("push", "iris", "s3://me:secret@bucket"), "has credentials in it."),
        (("import", "nowhere.zip"), "there is no archive "),
        (("import", "s3://bucket/x.zip"), "is no path of an archive."),
        (("export", "nobody"), " nobody."),
        (("export", "iris", "nowhere/x.zip"), "There is no folder "),
    ],
)
def test_what_cannot_be_done_is_said_in_one_paragraph(command, arguments, words):
    said = command(*arguments, code=1)
    assert said.startswith("Error: ")
    assert words in said
    assert "Traceback" not in said
    assert "secret" not in said


@pytest.mark.parametrize("verb", ["push", "pull"])
def test_a_store_has_to_be_named(command, verb):
    assert "Missing argument 'URL'" in command(verb, "iris", code=2)


def test_a_hostile_archive_is_refused_with_its_member(command, store, tmp_path):
    folder = Path(json.loads(command("export", "iris", "out", "-f", "folder", "--json"))["path"])
    (folder / "weights.bin").unlink()
    (folder / "weights.bin").symlink_to("/etc/passwd")
    said = command("import", "out", code=1, home="other")
    assert said == (
        f"Error: {tmp_path}/out is refused: its member 'weights.bin' is a symbolic link.\n"
        "Do: get the archive anew from whoever made it; nothing of this one was stored\n"
    )


def test_what_has_to_be_trusted_is_said_with_the_command(jubako, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = using_workspace(open_workspace(Settings(stores=StoreSettings(home=tmp_path / "home"))))
    with here, pytest.warns(UserWarning, match="can run code"):
        tag = save_object("objects", {1}, module="toy", serializers=["cloudpickle"], framework_distributions=())
    jubako("models", "export", "objects", "x.zip")
    done = jubako("models", "import", "x.zip", JUBAKO_HOME="other")
    assert done.output.splitlines()[-2:] == [
        "It can run any code when it is loaded, and is not trusted on this machine.",
        f"If you trust whoever made it:  jubako models trust {tag}",
    ]


def test_the_installed_program_moves_a_model(executable, store, tmp_path):
    group = GROUPS[store.kind]
    home, other = {"JUBAKO_HOME": str(tmp_path / "home")}, {"JUBAKO_HOME": str(tmp_path / "other")}
    for arguments, environment in (
        (("export", "iris", f"{tmp_path}/x.zip"), home),
        (("import", f"{tmp_path}/x.zip"), other),
        (("push", "iris", f"{tmp_path}/shared"), home),
        (("pull", "iris", f"{tmp_path}/shared"), other),
    ):
        done = executable(*group, *arguments, **environment)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert "iris:v1" in done.stdout
