"""The conda step: a description of the environment, written anew from what was parsed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jubako._documents import parse_yaml
from jubako.bentos.conda_options import CondaOptions
from jubako.bentos.docker_options import DockerOptions
from jubako.bentos.draft import Draft
from jubako.bentos.options import BuildOptions
from jubako.bentos.steps.conda import describe_environment, write_conda_environment
from jubako.errors import BuildError, InvalidArgument
from jubako.services import Service
from jubako.testing import BuildStepTests


class TestConda(BuildStepTests):
    name = "conda"

    def options(self):
        conda = CondaOptions(channels=["conda-forge", "nvidia"], dependencies=["numpy=1.26"], pip=["httpx==0.28.1"])
        docker = DockerOptions(python_version="3.12")
        return BuildOptions(service="service:svc", conda=conda, docker=docker)

    def check(self, folder):
        # REFERENCE's build wrote another name than its image looked for.
        document = parse_yaml((folder / "env/conda/environment.yml").read_text(), "environment.yml")
        assert document == {
            "channels": ["conda-forge", "nvidia"],
            "dependencies": ["python=3.12", "pip", "numpy=1.26", {"pip": ["httpx==0.28.1"]}],
        }


class TestNoConda(BuildStepTests):
    name = "conda"

    def check(self, folder):
        assert list(folder.iterdir()) == []


@pytest.fixture
def write(tmp_path):
    """Return a function that runs the step, and returns the parsed document."""
    context, folder = tmp_path / "context", tmp_path / "bento"
    context.mkdir()
    folder.mkdir()

    def run(text=None, *, distro="debian", **conda):
        if text is not None:
            (context / "environment.yml").write_text(text)
            conda = {"environment_yml": "environment.yml"}
        docker = DockerOptions(distro=distro, python_version="3.11")
        options = BuildOptions(service="service:svc", conda=CondaOptions(**conda), docker=docker)
        write_conda_environment(Draft(folder, context, Service("toy"), options.to_plain()))
        return parse_yaml((folder / "env/conda/environment.yml").read_text(), "environment.yml")

    run.context = context
    return run


def test_a_file_is_read_and_written_anew_without_what_belongs_to_another_machine(write):
    document = write(
        "name: mine\nprefix: /home/me/env\nchannels: [nvidia]\n"
        "dependencies:\n  - python >=3.11\n  - cuda-nvcc\n  - pip:\n      - requests==2.32.3\n"
    )
    assert document == {
        "channels": ["nvidia"],
        "dependencies": ["python=3.11", "pip", "python >=3.11", "cuda-nvcc", {"pip": ["requests==2.32.3"]}],
    }


def test_without_channels_it_is_conda_forge(write):
    assert write(dependencies=["numpy"])["channels"] == ["conda-forge"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dependencies: ['numpy\\nfoo']", r"conda\.dependencies cannot have"),
        ("dependencies: ['--file=/etc/passwd']", r"conda\.dependencies cannot have"),
        ("dependencies: [{pip: ['-r /etc/passwd']}]", r"conda\.pip cannot have"),
        ("dependencies: [{pip: ['--index-url=http://x/']}]", r"conda\.pip cannot have"),
        ("dependencies: [{npm: [x]}]", "only texts and 'pip:' with a list"),
        ("dependencies: [{pip: x}]", "only texts and 'pip:' with a list"),
        ("dependencies: numpy", "is no list"),
        ("channels: ['file:///etc']\ndependencies: []", r"conda\.channels cannot have"),
        ("dependencies: []\nvariables: {LD_PRELOAD: x}", "unknown key 'variables'"),
        ("dependencies: []\ndependencies: []", "twice|duplicate"),
        ("dependencies: !!python/object/apply:os.system [id]", "environment.yml"),
        ("channels: [x]", "'dependencies' is missing"),
        ("- numpy", "not a mapping"),
        ("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\ndependencies: [*c]", "environment.yml"),
    ],
)
def test_a_file_that_says_anything_else_is_refused_with_its_name(write, text, message):
    with pytest.raises(BuildError, match=message) as caught:
        write(text)
    assert "conda.environment_yml 'environment.yml'" in str(caught.value)


def test_a_file_that_a_link_leads_to_is_refused(write, tmp_path):
    (tmp_path / "secret.yml").write_text("dependencies: [numpy]")
    (write.context / "environment.yml").symlink_to(tmp_path / "secret.yml")
    with pytest.raises(BuildError, match=r"conda\.environment_yml cannot be 'environment\.yml'"):
        write(environment_yml="environment.yml")


def test_alpine_has_no_conda(write):
    with pytest.raises(BuildError, match=r"conda cannot be used on alpine\.\n.*glibc.*\nDo: choose another"):
        write(distro="alpine", dependencies=["numpy"])


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_whatever_is_accepted_is_read_back_exactly(dependencies, pip):
    try:
        options = CondaOptions(dependencies=dependencies, pip=pip)
    except InvalidArgument:
        return
    if options.is_empty:
        return
    document = _written(options)
    assert document["dependencies"][2:] == [*dependencies, *([{"pip": pip}] if pip else [])]


@given(st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]*( ?[=<>!~][A-Za-z0-9_.*+!=<>~|, -]*)?", fullmatch=True)))
def test_what_looks_like_yaml_is_text(dependencies):
    document = _written(CondaOptions(dependencies=dependencies, pip=["a[b]>=1; python_version > '3.10'"]))
    assert document["dependencies"][2:] == [*dependencies, {"pip": ["a[b]>=1; python_version > '3.10'"]}]


def _written(options):
    return parse_yaml(describe_environment(options, "3.11"), "environment.yml")
