"""`jubako containerize` as it is typed; the engine is a script that says what it was called with."""

from __future__ import annotations

import json
import os
import sys

import pytest

SERVICE = """
import jubako
from jubako.io import JSON

svc = jubako.Service("toy")


@svc.api(input=JSON(), output=JSON())
def answer(value):
    return value
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """Put a `buildah` on the path that prints a step and what it was called with, and may fail."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def put(ends=0):
        script = folder / "buildah"
        script.write_text(
            f"#!{sys.executable}\nimport json, os, sys\n"
            "print('STEP 1/1: RUN [\"false\"]')\n"
            "print(json.dumps([sys.argv[1:], os.environ.get('TOKEN')]))\n"
            f"sys.exit({ends})\n"
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")

    return put


@pytest.fixture
def bento(executable, tmp_path):
    context = tmp_path / "context"
    context.mkdir()
    (context / "service.py").write_text(SERVICE)
    built = executable("build", str(context), "--service", "service:svc", "--version", "v1")
    assert built.returncode == 0, built.stderr
    return "toy:v1"


def test_an_image_is_built_through_the_program_and_the_engine_is_heard_on_stderr(executable, bento, engine, tmp_path):
    engine()
    (tmp_path / "pip.conf").write_text("")
    done = executable(
        *("containerize", bento, "-t", "toy:1", "-t", "toy:2", "--label", "team=a=b", "--no-cache"),
        *("--build-arg", "TOKEN", "--build-arg", "MIRROR=x y", "--pip-config", str(tmp_path / "pip.conf")),
        TOKEN="of the environment",
        PATH=os.environ["PATH"],
    )
    assert (done.returncode, done.stdout) == (0, "built toy:1\n")
    lines = done.stderr.splitlines()
    assert lines[0] == 'STEP 1/1: RUN ["false"]'
    argv, token = json.loads(lines[1])
    assert token == "of the environment"
    assert {"--tag=toy:1", "--tag=toy:2", "--label=team=a=b", "--no-cache"} <= set(argv)
    assert {"--build-arg=TOKEN", "--build-arg=MIRROR", f"--secret=id=pip_config,src={tmp_path / 'pip.conf'}"} <= set(
        argv
    )
    assert lines[2:] == ["Run it:  docker run --rm -p 3000:3000 toy:1"]


def test_quietly_only_the_answer_is_written(jubako, bento, engine):
    engine()
    done = jubako("containerize", bento, "--engine", "buildah", "--quiet")
    assert (done.exit_code, done.output) == (0, "built toy:v1\n")


def test_a_step_that_fails_is_named_with_the_last_lines(jubako, bento, engine):
    engine(ends=3)
    done = jubako("containerize", bento, "--engine", "buildah", "-q")
    assert done.exit_code == 1
    assert done.stderr.startswith(
        'Error: buildah could not build toy:v1.\nIt ended with 3 in the instruction\n  RUN ["false"]\nIts last lines:\n'
    )
    assert "Do: mend what these lines name, in the options of docker, python or conda" in done.stderr


def test_the_engine_can_be_a_setting(jubako, bento, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = jubako("containerize", bento, JUBAKO_CONTAINERS__ENGINE="podman")
    assert done.exit_code == 1
    assert "Error: no image can be built with podman.\npodman is not installed.\nDo: install podman, or" in done.stderr
    wrong = jubako("containerize", bento, JUBAKO_CONTAINERS__ENGINE="kaniko")
    assert "engine cannot be 'kaniko'" in wrong.stderr


def test_what_is_built_from_can_be_written_instead(jubako, bento, tmp_path):
    folder = tmp_path / "image"
    done = jubako("containerize", bento, "--dockerfile-only", str(folder))
    assert (done.exit_code, done.stdout) == (0, f"wrote {folder / 'Dockerfile'}\n")
    assert f"Build it:  docker build -f {folder / 'Dockerfile'} {folder / 'bento'}\n" in done.stderr
    assert (folder / "bento" / "bento.yaml").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--label", "team"), "--label 'team' has no value."),
        (("--build-arg", "NO_SUCH_NAME"), "There is none in the environment either."),
        (("--build-arg", "=x"), "--build-arg '=x' has no value."),
        (("-t", "toy:1", "--dockerfile-only", "x"), "cannot stand beside --dockerfile-only"),
        (("--platform", "linux"), "platform cannot be 'linux'"),
    ],
)
def test_options_that_make_no_sense_are_explained(jubako, tmp_path, arguments, message):
    done = jubako("containerize", "toy", *arguments)
    assert done.exit_code == 1
    assert message in done.stderr


def test_a_bento_that_is_not_there_is_an_error(jubako):
    done = jubako("containerize", "absent")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: there is no Bento absent.")
