"""The docker step: the files of the image, and what of the context cannot get into them."""

from __future__ import annotations

import os

import pytest

from jubako.bentos.conda_options import CondaOptions
from jubako.bentos.docker_options import DockerOptions
from jubako.bentos.draft import Draft
from jubako.bentos.options import BuildOptions
from jubako.bentos.steps.docker import write_docker_files
from jubako.errors import BuildError
from jubako.services import Service
from jubako.testing import BuildStepTests


class TestDocker(BuildStepTests):
    name = "docker"

    def options(self):
        docker = DockerOptions(setup_script="ops/setup.sh", env={"A": "x\ny"}, python_version="3.12.4")
        return BuildOptions(service="service:svc", docker=docker)

    def fill_context(self, folder):
        super().fill_context(folder)
        (folder / "ops").mkdir()
        (folder / "ops" / "setup.sh").write_bytes(b"#!/bin/bash\necho ready\n")

    def check(self, folder):
        docker = folder / "env/docker"
        assert sorted(path.name for path in docker.iterdir()) == ["Dockerfile", "entrypoint.sh", "setup_script"]
        assert (docker / "setup_script").read_bytes() == b"#!/bin/bash\necho ready\n"
        assert "export A='x\ny'" in (docker / "entrypoint.sh").read_text()
        assert "FROM docker.io/library/python:3.12-slim-bookworm\n" in (docker / "Dockerfile").read_text()


@pytest.fixture
def write(tmp_path):
    """Return a function that runs the step with options of docker, and returns the Dockerfile."""
    context, folder = tmp_path / "context", tmp_path / "bento"
    context.mkdir()
    folder.mkdir()

    def run(**docker):
        options = BuildOptions(service="service:svc", docker=DockerOptions(**docker), conda=CondaOptions())
        write_docker_files(Draft(folder, context, Service("toy"), options.to_plain()))
        return (folder / "env/docker/Dockerfile").read_text()

    run.context, run.folder = context, folder
    return run


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"requirements.txt": "numpy\n"}, '"-r", "requirements.txt"]'),
        ({"requirements.txt": "numpy\n", "requirements.lock.txt": "numpy==2.0\n"}, '"-r", "requirements.lock.txt"]'),
        (
            {"requirements.lock.txt": f"numpy==2.0 --hash=sha256:{'a' * 64}\n"},
            '"--require-hashes", "-r", "requirements.lock.txt"]',
        ),
    ],
)
def test_pip_installs_from_the_lock_and_checks_hashes_where_there_are_some(write, files, expected):
    (write.folder / "env/python").mkdir(parents=True)
    for name, text in files.items():
        (write.folder / "env/python" / name).write_text(text)
    text = write(python_version="3.11")
    assert ("pip" in text) is (expected is not None)
    assert expected is None or expected in text
    assert ("--require-hashes" in text) is ("--require-hashes" in (expected or ""))


def test_a_python_that_the_distribution_lacks_is_said_at_once(write, monkeypatch):
    monkeypatch.setattr("platform.python_version", lambda: "3.99.1")
    with pytest.raises(BuildError, match=r"'ubi9' has no Python 3\.99\.\nIt has 3\.11, 3\.12\.\nDo: choose another"):
        write(distro="ubi9")
    assert "FROM own:1\n" in write(distro="ubi9", base_image="own:1")


@pytest.mark.parametrize("kind", ["link out", "link inside", "link to a folder", "folder", "fifo", "absent", "swapped"])
def test_a_setup_script_that_is_no_plain_file_of_the_context_is_refused(write, tmp_path, kind):
    secret = tmp_path / "secret"
    secret.write_text("outside")
    (write.context / "real.sh").write_text("inside")
    place = write.context / "setup.sh"
    path = "setup.sh"
    if kind == "link out":
        place.symlink_to(secret)
    elif kind == "link inside":
        place.symlink_to("real.sh")
    elif kind == "link to a folder":
        (write.context / "ops").symlink_to(tmp_path)
        path = "ops/secret"
    elif kind == "folder":
        place.mkdir()
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "swapped":
        place.symlink_to("/proc/self/environ")
    with pytest.raises(BuildError, match=r"docker\.setup_script cannot be '.*'\.\n.*\nDo: give a plain"):
        write(setup_script=path)
    assert not (write.folder / "env/docker/setup_script").exists()


def test_a_setup_script_with_a_secret_is_refused_and_not_shown(write):
    token = "ghp_" + "a1B2" * 9
    (write.context / "setup.sh").write_text(f"curl -H 'Authorization: {token}' https://example.org\n")
    with pytest.raises(BuildError, match=r"docker\.setup_script 'setup\.sh' seems to hold a secret: a Git") as caught:
        write(setup_script="setup.sh")
    assert token not in str(caught.value)


def test_a_setup_script_with_line_ends_of_windows_is_refused(write):
    (write.context / "setup.sh").write_bytes(b"#!/bin/sh\r\necho\r\n")
    with pytest.raises(BuildError, match=r"cannot be run\.\nIts first line ends with CR LF.*\nDo: save it"):
        write(setup_script="setup.sh")


def test_a_setup_script_that_is_too_large_is_refused(write):
    (write.context / "setup.sh").write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(BuildError, match=r"It has more than 1,048,576 bytes\."):
        write(setup_script="setup.sh")
