"""What `docker` may say, field by field, and what is refused."""

from __future__ import annotations

import pytest

from jubako._documents import structure
from jubako.bentos.docker_options import RESERVED_NAMES, DockerOptions
from jubako.errors import ConfigurationError, InvalidArgument

NASTY = (
    "x\nRUN touch /pwned",
    "x\r\nRUN touch /pwned",
    "$(id)",
    "`id`",
    'x"; id; "',
    "x'; id; '",
    "--platform=linux/amd64 x",
    "-o=Dpkg::Pre-Invoke::=id",
    "x AS y",
    "x\\\nRUN id",
    "<<EOF",
    "# escape=`",
    "x && id",
    "x;id",
    "${HOME}",
    "x\0y",
    "x y",
    " x",
    "",
    "é",
    "x\u2028RUN id",
)


def test_everything_may_be_left_out():
    assert DockerOptions().to_plain() == {
        "distro": "debian",
        "python_version": None,
        "gpu": False,
        "cuda_version": None,
        "system_packages": [],
        "env": {},
        "setup_script": None,
        "base_image": None,
    }


def test_what_is_recorded_makes_the_same_options_again():
    options = DockerOptions(
        distro="ubi9",
        python_version="3.12.4",
        cuda_version="12.6.3",
        system_packages=["libXext", "curl=8.0"],
        env=["LEVEL=a=b", "EMPTY="],
        setup_script="ops/setup.sh",
    )
    assert DockerOptions(**options.to_plain()) == options
    assert options.env == {"LEVEL": "a=b", "EMPTY": ""}


@pytest.mark.parametrize(
    "image",
    [
        "python",
        "python:3.11-slim",
        "localhost/base:1",
        "registry.example.org:5000/team/base_image@sha256:" + "a" * 64,
        "[::1]:5000/base:1",
    ],
)
def test_a_base_image_is_a_reference_by_the_grammar_of_the_oci(image):
    assert DockerOptions(base_image=image).base_image == image


@pytest.mark.parametrize(
    "image", [*NASTY, "Python", "python:", "python@sha256:abc", "a//b", "/a", "a/", "https://x/y", "x" * 2000]
)
def test_a_base_image_that_is_no_reference_is_refused(image):
    with pytest.raises(InvalidArgument, match=r"docker\.base_image cannot be .*\n.*does not refer to an image"):
        DockerOptions(base_image=image)


@pytest.mark.parametrize("distro", ["debian", "alpine", "ubi9", "ubi8", "amazonlinux"])
@pytest.mark.parametrize(
    "package", [*NASTY, "vim-", "-y", "a=", "a=1=2", "a=$x", "a/bookworm", "a:amd64", "../a.deb", 7]
)
def test_a_system_package_that_is_no_name_is_refused(distro, package):
    with pytest.raises(InvalidArgument, match=r"docker\.system_packages cannot have"):
        DockerOptions(distro=distro, system_packages=[package])


def test_packages_are_named_as_the_distribution_names_them():
    assert DockerOptions(system_packages=["libgl1", "g++", "curl=7.88.1-10+deb12u8", "x=1:2~rc1"]).system_packages
    assert DockerOptions(distro="ubi9", system_packages=["libXext", "mesa-libGL=23.3.3-1.el9"]).system_packages
    with pytest.raises(InvalidArgument, match="libXext"):
        DockerOptions(system_packages=["libXext"])


def test_a_lone_text_is_no_list_of_packages():
    with pytest.raises(InvalidArgument, match=r"docker\.system_packages cannot be 'curl'\.\nDo: write a list"):
        DockerOptions(system_packages="curl")


@pytest.mark.parametrize(
    "name", [name for name in NASTY if name != "<<EOF"] + ["<<EOF", "1A", "A-B", "A.B", "Ä", "A=B"]
)
def test_a_variable_whose_name_is_none_is_refused(name):
    with pytest.raises(InvalidArgument, match=r"docker\.env cannot have"):
        DockerOptions(env={name: "value"})


@pytest.mark.parametrize("name", RESERVED_NAMES)
def test_a_variable_that_the_image_sets_itself_is_refused(name):
    with pytest.raises(InvalidArgument, match=rf"docker\.env cannot set {name}\.\nThe image sets it itself\."):
        DockerOptions(env={name: "x"})


@pytest.mark.parametrize("value", ["x\0y", "\ud800", 3, None, ["a"]])
def test_a_variable_whose_value_is_no_text_is_refused(value):
    with pytest.raises(InvalidArgument, match=r"docker\.env\.LEVEL"):
        DockerOptions(env={"LEVEL": value})


@pytest.mark.parametrize("env", ["A=b", 3, ["A"], ["A=1", "A=2"], [3]])
def test_variables_are_a_mapping_or_a_list_of_names_with_values(env):
    with pytest.raises(InvalidArgument, match=r"docker\.env cannot"):
        DockerOptions(env=env)


def test_a_secret_among_the_variables_is_refused_and_not_shown():
    token = "ghp_" + "a1B2" * 9
    with pytest.raises(InvalidArgument, match=r"docker\.env\.TOKEN seems to hold a secret: a GitHub token") as caught:
        DockerOptions(env={"TOKEN": token})
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "~/x",
        "~root/x",
        "$HOME/x",
        "../x",
        "a/../../x",
        "a\\..\\x",
        "C:\\x",
        "x\ny",
        "",
        "a/$(id)",
        "\\x",
    ],
)
def test_a_setup_script_outside_of_the_context_is_refused(path):
    with pytest.raises(InvalidArgument, match=r"docker\.setup_script cannot be"):
        DockerOptions(setup_script=path)


@pytest.mark.parametrize(
    ("distro", "version"), [("ubi9", "3.13"), ("debian", "3.10"), ("debian", "3"), ("debian", "3.11\n")]
)
def test_a_python_that_the_distribution_lacks_is_refused(distro, version):
    with pytest.raises(InvalidArgument, match=r"docker\.python_version cannot be .*\nOn "):
        DockerOptions(distro=distro, python_version=version)


def test_a_number_is_no_version():
    with pytest.raises(InvalidArgument, match=r"docker\.python_version cannot be 3\.1\.\nDo: put it in quotes"):
        DockerOptions(python_version=3.1)


def test_an_unknown_distribution_is_refused_with_those_that_are_known():
    with pytest.raises(InvalidArgument, match=r"cannot be 'ubi7'\.\nKnown: alpine, amazonlinux, debian, ubi8, ubi9\."):
        DockerOptions(distro="ubi7")


@pytest.mark.parametrize("version", ["11.8.0", "12.6", "12.6.3; id", "12.6.3\n"])
def test_a_cuda_that_has_no_image_is_refused(version):
    with pytest.raises(InvalidArgument, match=r"docker\.cuda_version cannot be"):
        DockerOptions(distro="ubi9", cuda_version=version)


@pytest.mark.parametrize("others", [{"distro": "debian"}, {"distro": "ubi9", "base_image": "x"}])
def test_cuda_is_refused_where_the_image_would_not_have_it(others):
    with pytest.raises(InvalidArgument, match=r"docker\.cuda_version cannot stand beside .*\n.*\nDo: .*gpu: true"):
        DockerOptions(cuda_version="12.6.3", **others)


def test_a_template_is_refused_with_the_reason_and_what_to_use_instead():
    with pytest.raises(InvalidArgument, match=r"not supported\.\nA template is a program .*\nDo: use base_image"):
        DockerOptions(dockerfile_template="{{ lipsum.__globals__['os'].popen('id') }}")


def test_an_unknown_key_is_refused_with_what_was_meant():
    with pytest.raises(ConfigurationError, match=r"unknown key 'gpus'\. Did you mean 'gpu'\?"):
        structure({"gpus": True}, DockerOptions, "bentofile.yaml")
