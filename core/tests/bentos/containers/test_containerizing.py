"""`containerize`: what is handed to the engine, and what never is; the engine is a script that keeps what it gets."""

from __future__ import annotations

import json
import os
import stat
import sys
import warnings

import pytest

import jubako
from jubako.bentos import containerize
from jubako.bentos.containers.containerizing import ImageOptions, build_bento_image
from jubako.errors import BuildError, InvalidArgument, MissingDependency, ModelDigestMismatch, NotFound
from jubako.models import create, save_object
from jubako.stores.digests import digest_folder
from jubako.workspace import current_workspace


class Other:
    """What no format that is data can hold."""

    def __init__(self, name=""):
        self.name = name


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A `buildah` that is all there is, and a function that returns what it was called with."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "buildah"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, os, pathlib, shutil, sys\n"
        "here = pathlib.Path(__file__)\n"
        "shutil.copytree(sys.argv[-1], here.with_name('context'), copy_function=os.link)\n"
        "dockerfile = next(word for word in sys.argv if word.startswith('--file=')).removeprefix('--file=')\n"
        "shutil.copy(dockerfile, here.with_name('Dockerfile'))\n"
        "here.with_name('called.json').write_text(json.dumps({'argv': sys.argv[1:], 'env': dict(os.environ)}))\n"
        "print('STEP 1/1: FROM base')\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))

    def called():
        return json.loads((folder / "called.json").read_text())

    called.folder = folder
    return called


@pytest.fixture
def bento(context):
    return jubako.build("service:svc", docker={"env": {"LEVEL": "$(id)"}, "python_version": "3.12"})


def save(value):
    with warnings.catch_warnings(action="ignore"):  # of code
        return save_object("toy", value, module="toy", serializers=("json", "cloudpickle"))


def test_the_image_is_built_from_the_bento_alone(bento, engine, capfd):
    assert containerize(bento.tag) == str(bento.tag)
    assert f"--tag={bento.tag}" in engine()["argv"]
    staged = engine.folder / "context"
    assert digest_folder(staged, leave_out=("bento.yaml",)) == bento.info.files
    assert (staged / "bento.yaml").samefile(bento.path / "bento.yaml")  # a link, not a copy
    assert "STEP 1/1: FROM base" in capfd.readouterr().err
    assert list(bento.path.parent.parent.glob(".draft-*")) == []


def test_everybody_can_read_what_is_staged_whatever_the_modes_of_the_store(bento, engine):
    for path in (bento.path / "src").iterdir():
        path.chmod(0o400)
    before = os.umask(0o077)
    try:
        containerize(bento.tag)
    finally:
        os.umask(before)
    modes = {path.stat().st_mode for path in (engine.folder / "context").rglob("*") if path.is_file()}
    assert all(mode & 0o444 == 0o444 for mode in modes)
    assert all(stat.S_IMODE((bento.path / "src" / name).stat().st_mode) == 0o400 for name in ("service.py",))


def test_files_that_are_not_the_bentos_are_left_out(bento, engine):
    bento.path.chmod(0o700)
    (bento.path / "id_rsa").write_text("secret")
    containerize(bento.tag)
    assert not (engine.folder / "context" / "id_rsa").exists()


def test_a_file_that_was_changed_is_refused(bento, engine):
    path = bento.path / "env/docker/Dockerfile"
    path.chmod(0o600)
    path.write_text(path.read_text() + "RUN id\n")
    with pytest.raises(ModelDigestMismatch):
        containerize(bento.tag)
    assert not (engine.folder / "called.json").exists()


def test_names_labels_and_platform_are_handed_on(bento, engine):
    containerize(
        bento.tag, ["iris:1", "iris:2"], labels={"org.example.team": "a b"}, platform="linux/arm64", no_cache=True
    )
    argv = engine()["argv"]
    assert [word for word in argv if word.startswith(("--tag", "--platform", "--no-cache"))] == [
        "--tag=iris:1",
        "--tag=iris:2",
        "--platform=linux/arm64",
        "--no-cache",
    ]
    assert [word for word in argv if word.startswith("--label=")] == [
        "--label=org.opencontainers.image.title=toy",
        f"--label=org.opencontainers.image.version={bento.tag.version}",
        f"--label=jubako.bento.digest={bento.digest}",
        "--label=org.example.team=a b",
    ]


def test_build_arguments_are_declared_and_their_values_kept_out_of_the_command_line(bento, engine):
    containerize(bento.tag, build_args={"MIRROR": "a b\n$(id)", "HTTPS_PROXY": "http://user:word@proxy"})
    lines = (engine.folder / "Dockerfile").read_text().splitlines()
    base = next(index for index, line in enumerate(lines) if line.startswith("FROM "))
    assert lines[base + 1] == "ARG MIRROR"
    assert "ARG HTTPS_PROXY" not in lines  # known to engines, which then keep it out of the history
    assert {"--build-arg=MIRROR", "--build-arg=HTTPS_PROXY"} <= set(engine()["argv"])
    assert engine()["env"]["MIRROR"] == "a b\n$(id)"
    assert "user:word" not in " ".join(engine()["argv"])


def test_the_digests_that_are_trusted_at_that_moment_are_copied_and_no_others(context, engine):
    trusted, untrusted = save(Other("one")), save(Other("two"))
    bento = jubako.build("service:svc", additional_models=[str(trusted), str(untrusted)])
    digests = {model.tag: model.digest for model in bento.info.models}
    current_workspace().trust.distrust(digests[untrusted])
    shown = []
    build_bento_image(bento, ["toy:1"], ImageOptions(), shown.append)
    last = (engine.folder / "Dockerfile").read_text().splitlines()[-1]
    assert last == f'ENV JUBAKO_TRUST__DIGESTS="{digests[trusted]}"'
    notes = [line for line in shown if line.startswith("Note:")]
    assert len(notes) == 1
    assert f"model {untrusted} can run code and is not trusted on this machine" in notes[0]
    assert f"jubako models trust {untrusted}" in notes[0]


def test_a_bento_cannot_grant_itself_trust(bento, engine):
    containerize(bento.tag)
    assert (engine.folder / "Dockerfile").read_text().splitlines()[-1] == 'ENV JUBAKO_TRUST__DIGESTS=""'


def test_models_that_are_data_and_files_without_a_format_need_no_note(context, engine):
    data = save([1, 2])
    with create("plain") as model:
        (model.path / "words.txt").write_text("one")
    bento = jubako.build("service:svc", additional_models=[str(data), str(model.tag)])
    shown = []
    build_bento_image(bento, [], ImageOptions(), shown.append)
    assert not any(line.startswith("Note:") for line in shown)


def test_pips_configuration_is_a_secret_of_the_build(bento, engine, tmp_path):
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://user:word@index.example.org/simple\n")
    containerize(bento.tag, pip_config=config)
    assert f"--secret=id=pip_config,src={config}" in engine()["argv"]
    staged = [path.read_bytes() for path in (engine.folder / "context").rglob("*") if path.is_file()]
    assert not any(b"user:word" in content for content in (*staged, (engine.folder / "Dockerfile").read_bytes()))


def test_instead_of_an_image_what_it_is_built_from_can_be_written(bento, tmp_path):
    folder = tmp_path / "image"
    assert containerize(bento.tag, dockerfile_only=folder, build_args={"A": "1"}) == str(folder / "Dockerfile")
    assert digest_folder(folder / "bento", leave_out=("bento.yaml",)) == bento.info.files
    assert "ARG A" in (folder / "Dockerfile").read_text()
    with pytest.raises(InvalidArgument, match=r"image is not empty\.\nDo: give a folder that is"):
        containerize(bento.tag, dockerfile_only=folder)


def test_what_only_an_engine_could_do_is_refused_without_one(bento, tmp_path):
    with pytest.raises(InvalidArgument, match="only build arguments can stand beside dockerfile_only"):
        containerize(bento.tag, dockerfile_only=tmp_path / "image", labels={"a": "b"})


def test_a_wrong_argument_is_refused_before_anything_is_built(bento, engine):
    wrong = [
        ({"docker_image_tag": "Iris"}, "docker_image_tag cannot be 'Iris'"),
        ({"docker_image_tag": "--help"}, "docker_image_tag cannot be '--help'"),
        ({"build_args": {"A\nB": "x"}}, "build_args cannot have the name"),
        ({"build_args": {"PATH": "/x"}}, "build_args cannot have PATH"),
        ({"build_args": {"DOCKER_HOST": "x"}}, "build_args cannot have DOCKER_HOST"),
        ({"build_args": {"A": "x\0"}}, "build argument A cannot hold a NUL"),
        ({"labels": {"a b": "x"}}, "labels cannot have the key 'a b'"),
        ({"labels": {"a": "x\0"}}, "label a cannot hold a NUL"),
        ({"platform": "linux/amd64,--x"}, "platform cannot be"),
        ({"engine": "kaniko"}, "there is no engine 'kaniko'"),
        ({"pip_config": "/nowhere/pip.conf"}, "pip_config cannot be '/nowhere/pip.conf'"),
    ]
    for arguments, message in wrong:
        with pytest.raises(InvalidArgument, match=message):
            containerize(bento.tag, **arguments)
    assert not (engine.folder / "called.json").exists()


def test_a_bento_that_is_not_there_and_one_without_a_dockerfile_are_refused(bento, engine):
    with pytest.raises(NotFound):
        containerize("absent:latest")
    (bento.path / "env/docker").chmod(0o700)
    (bento.path / "env/docker/Dockerfile").unlink()
    with pytest.raises(BuildError, match=r"has no env/docker/Dockerfile\.\n.*\nDo: build it again"):
        containerize(bento.tag)


def test_an_engine_that_is_missing_is_told_before_anything_is_staged(bento, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="buildah is not installed"):
        containerize(bento.tag)
