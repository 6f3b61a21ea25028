"""Choosing and running an engine; engines here are scripts that behave as docker, podman and buildah do."""

from __future__ import annotations

import json
import sys

import pytest

from jubako.bentos.containers.engines import ENGINES, ImageBuild, build_image, choose_engine, command_of
from jubako.errors import BuildError, InvalidArgument, MissingDependency

DOCKER_FAILS = """\
#9 [5/7] RUN ["/bin/sh", "-ec", "apt-get update"]
#9 0.412 E: Unable to locate package lib-not-there
#9 ERROR: process "/bin/sh -ec apt-get update" did not complete successfully: exit code: 100
#10 [6/7] COPY [".", "/opt/jubako/bento/"]
------
 > [5/7] RUN ["/bin/sh", "-ec", "apt-get update"]:
0.412 E: Unable to locate package lib-not-there
------
ERROR: failed to solve: exit code: 100
"""
BUILDAH_FAILS = """\
STEP 1/3: FROM base
STEP 2/3: USER 0:0
STEP 3/3: RUN ["/bin/sh", "-ec", "false"]
error: building at STEP "RUN /bin/sh -ec false": while running runtime: exit status 1
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that puts an engine on the path: what it prints, how it ends, and what a probe says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name, *, says="", ends=0, probe_ends=0):
        (folder / f"{name}.txt").write_text(says)
        script = folder / name
        script.write_text(
            f"#!{sys.executable}\n"
            "import json, os, pathlib, sys\n"
            "if sys.argv[1] in ('version', 'info'):\n"
            f"    if {probe_ends}: print('Cannot connect to the daemon.', file=sys.stderr)\n"
            f"    sys.exit({probe_ends})\n"
            "here = pathlib.Path(__file__)\n"
            "called = {'argv': sys.argv[1:], 'env': dict(os.environ), 'cwd': os.getcwd()}\n"
            "here.with_suffix('.json').write_text(json.dumps(called))\n"
            "sys.stdout.write(here.with_suffix('.txt').read_text())\n"
            f"sys.exit({ends})\n"
        )
        script.chmod(0o755)
        return lambda: json.loads((folder / f"{name}.json").read_text())

    return put


@pytest.fixture
def order(tmp_path):
    context = tmp_path / "context"
    context.mkdir()
    return ImageBuild(names=["iris:1", "iris:latest"], dockerfile=tmp_path / "Dockerfile", context=context)


def test_the_first_engine_that_can_be_used_is_chosen(install):
    install("buildah")
    install("podman")
    assert choose_engine().name == "podman"
    install("docker")
    assert choose_engine().name == "docker"
    assert choose_engine("buildah").name == "buildah"


def test_one_whose_daemon_does_not_answer_is_passed_over(install):
    install("docker", probe_ends=1)
    install("buildah")
    assert choose_engine().name == "buildah"
    with pytest.raises(MissingDependency, match="docker is installed, but cannot be used: Cannot connect to"):
        choose_engine("docker")


def test_without_any_the_error_says_what_to_install(install):
    with pytest.raises(MissingDependency) as caught:
        choose_engine()
    assert str(caught.value) == (
        "no image can be built.\n"
        "docker is not installed; podman is not installed; buildah is not installed.\n"
        "Do: install one of them (buildah needs no daemon), "
        "or write what another machine builds from: --dockerfile-only DIR"
    )


def test_an_engine_that_nobody_knows_is_refused():
    with pytest.raises(InvalidArgument, match=r"there is no engine 'kaniko'\.\nKnown: docker, podman, buildah\."):
        choose_engine("kaniko")


def test_values_of_build_arguments_stand_in_no_command_line(install, order, tmp_path):
    called = install("podman")
    build = ImageBuild(
        names=order.names,
        dockerfile=order.dockerfile,
        context=order.context,
        build_args={"TOKEN": "value-of-token"},
        labels={"team": "a b; $(id)"},
        platform="linux/arm64",
        secrets={"pip_config": tmp_path / "pip.conf"},
        is_cached=False,
    )
    build_image(ENGINES["podman"], build, lambda _: None)
    assert called()["argv"] == [
        "build",
        f"--file={tmp_path}/Dockerfile",
        "--tag=iris:1",
        "--tag=iris:latest",
        "--build-arg=TOKEN",
        "--label=team=a b; $(id)",
        "--platform=linux/arm64",
        f"--secret=id=pip_config,src={tmp_path}/pip.conf",
        "--no-cache",
        str(order.context),
    ]
    assert called()["env"]["TOKEN"] == "value-of-token"
    assert called()["cwd"] == str(order.context)


def test_buildah_is_told_to_use_its_cache_as_the_others_do(order):
    assert "--layers" in command_of(ENGINES["buildah"], order)
    assert "--layers" not in command_of(ENGINES["docker"], order)


def test_what_the_engine_writes_is_passed_on_line_by_line(install, order):
    install("buildah", says="STEP 1/1: FROM base\n\nCOMMIT iris:1\n")
    lines = []
    build_image(ENGINES["buildah"], order, lines.append)
    assert lines == ["STEP 1/1: FROM base", "", "COMMIT iris:1"]


@pytest.mark.parametrize(
    ("engine", "says", "instruction", "last"),
    [
        (
            "docker",
            DOCKER_FAILS,
            'RUN ["/bin/sh", "-ec", "apt-get update"]',
            "Unable to locate package lib-not-there",
        ),
        ("buildah", BUILDAH_FAILS, 'RUN ["/bin/sh", "-ec", "false"]', "while running runtime: exit status 1"),
    ],
)
def test_a_build_that_fails_names_the_instruction_and_shows_the_last_lines(
    install, order, engine, says, instruction, last
):
    install(engine, says=says, ends=100)
    with pytest.raises(BuildError) as caught:
        build_image(ENGINES[engine], order, lambda _: None)
    assert str(caught.value).startswith(
        f"{engine} could not build iris:1.\nIt ended with 100 in the instruction\n  {instruction}\nIts last lines:\n  "
    )
    assert last in str(caught.value)
    assert "\nDo: mend what these lines name" in str(caught.value)


def test_an_engine_that_says_nothing_is_still_an_error(install, order):
    install("docker", ends=1)
    with pytest.raises(BuildError, match=r"docker could not build iris:1\.\nIt ended with 1, and wrote nothing\."):
        build_image(ENGINES["docker"], order, lambda _: None)


def test_an_error_while_lines_are_shown_ends_the_engine(install, order):
    install("docker", says="a line\n" * 1000)

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_image(ENGINES["docker"], order, interrupt)
