"""What is written into a Dockerfile is what a parser reads out of it, whatever the values are."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys

import pytest
from dockerfile_parse import DockerfileParser
from hypothesis import given
from hypothesis import strategies as st

from jubako.bentos.containers.distros import DISTROS
from jubako.bentos.containers.dockerfile import Image, quote, write_dockerfile, write_env, write_exec
from jubako.bentos.docker_options import DockerOptions
from jubako.errors import BuildError, InvalidArgument

NASTY = (
    "$(id)",
    "${HOME} $HOME \\$HOME",
    "`id`",
    "\"; RUN id; '",
    "--platform=linux/amd64 x AS y",
    "ends in a backslash \\",
    "\\",
    '\\"',
    "<<EOF",
    "# escape=`",
    "  blanks  at both ends  ",
    "é \u3000 漢字 😀",
    "",
    "=",
    "a=b c=d",
)
# What starts an engine's own reading, and letters that end a line somewhere.
_TELLING = "$`\"'\\ #<={}()\n\r\t\x0b\x0c\x85\u2028AEFNRUV"
TEXTS = st.text(st.one_of(st.sampled_from(_TELLING), st.characters(exclude_characters="\0", exclude_categories=["Cs"])))


def parsed(text: str) -> list[tuple[str, str]]:
    """Instructions and what stands behind them, by a parser that is not ours; one in each line."""
    found = DockerfileParser(fileobj=io.BytesIO(text.encode())).structure
    assert all(each["startline"] == each["endline"] for each in found)
    return [(each["instruction"], each["value"]) for each in found if each["instruction"] != "COMMENT"]


def read_value(quoted: str) -> str:
    """What engines make of a double-quoted value (moby/buildkit, frontend/dockerfile/shell/lex.go); none replaced."""
    assert quoted[0] == quoted[-1] == '"'
    inner = quoted[1:-1]
    value = re.sub(r'\\(["$\\])|(["$])|\\', lambda match: match[1] or ("<replaced>" if match[2] else "\\"), inner)
    assert not re.search(r"(?<!\\)(?:\\\\)*\\$", inner)  # nothing escapes the quote that ends it
    return value


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True), TEXTS, max_size=5))
def test_every_variable_is_one_line_with_exactly_its_value(env):
    lines = write_env(env)
    read = [("ENV", line.removeprefix("ENV ")) for line in lines]
    assert parsed("FROM x\n" + "".join(f"{line}\n" for line in lines))[1:] == read
    values = dict(value.split("=", 1) for _, value in read)
    on_lines = {name: value for name, value in env.items() if not re.search("[\x00-\x1f\x7f\x85\u2028\u2029]", value)}
    assert {name: read_value(value) for name, value in values.items()} == on_lines


@pytest.mark.parametrize("value", NASTY)
def test_values_that_have_broken_out_elsewhere_stay_inside(value):
    assert read_value(quote(value)) == value


def test_a_value_that_ends_a_line_is_never_quoted():
    with pytest.raises(BuildError, match="no line of a Dockerfile can hold"):
        quote("a\nRUN id")


@given(st.lists(TEXTS))
def test_words_of_a_command_are_a_list_in_one_line(words):
    line = write_exec(words)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == words


@given(st.sampled_from(sorted(DISTROS)), st.data())
def test_packages_are_arguments_of_a_script_that_is_always_the_same(distro, data):
    grammar = DISTROS[distro].package.pattern
    packages = data.draw(st.lists(st.from_regex(re.compile(grammar, re.ASCII), fullmatch=True), min_size=1, max_size=4))
    options = DockerOptions(distro=distro, system_packages=packages)
    image = Image(distro=distro, python_version="3.12", system_packages=options.system_packages, base_image="base")
    command = json.loads(next(value for name, value in parsed(write_dockerfile(image)) if name == "RUN"))
    mark = DISTROS[distro].version_mark
    assert command == ["/bin/sh", "-ec", DISTROS[distro].install, "sh", *(p.replace("=", mark, 1) for p in packages)]


def test_the_whole_is_exactly_the_instructions_that_are_meant():
    image = Image(
        distro="debian",
        python_version="3.12",
        system_packages=("curl", "g++=4:12"),
        env={"B": "$(id)", "A": "x\ny"},
        requirements="requirements.lock.txt",
        requires_hashes=True,
        has_setup_script=True,
    )
    instructions = parsed(write_dockerfile(image))
    assert " ".join(name for name, _ in instructions) == (
        "FROM USER ENV RUN RUN WORKDIR COPY RUN WORKDIR RUN WORKDIR ENV RUN COPY ENV ENV USER EXPOSE ENTRYPOINT CMD"
    )
    assert instructions[0] == ("FROM", "docker.io/library/python:3.12-slim-bookworm")
    assert instructions[2] == ("ENV", 'B="\\$(id)"')
    assert json.loads(instructions[3][1])[3:] == ["sh", "curl", "g++=4:12"]
    secret, _, pip = instructions[9][1].partition(" ")
    assert secret == "--mount=type=secret,id=pip_config,target=/opt/jubako/env/pip.conf"
    assert json.loads(pip)[-3:] == ["--require-hashes", "-r", "requirements.lock.txt"]
    assert json.loads(instructions[12][1])[3:] == ["sh", "env/docker/setup_script"]
    assert instructions[-4:-2] == [("USER", "1034:1034"), ("EXPOSE", "3000")]
    assert json.loads(instructions[-2][1]) == ["/bin/sh", "/opt/jubako/bento/env/docker/entrypoint.sh"]
    assert json.loads(instructions[-1][1]) == ["jubako", "serve", "/opt/jubako/bento", "--host", "0.0.0.0"]


def test_every_command_is_a_list_and_no_shell_reads_it():
    image = Image(
        distro="ubi9", python_version="3.12", cuda_version="12.6.3", requirements="requirements.txt", has_conda=True
    )
    for name, value in parsed(write_dockerfile(image)):
        if name in ("RUN", "CMD", "ENTRYPOINT", "COPY"):
            assert json.loads(re.sub(r"^--\S+ ", "", value)), value


def test_the_same_values_give_the_same_text_whatever_their_order():
    one = Image(distro="debian", python_version="3.11", env={"A": "1", "B": "2"})
    other = Image(distro="debian", python_version="3.11", env={"B": "2", "A": "1"})
    assert write_dockerfile(one) == write_dockerfile(other)


@pytest.mark.parametrize(
    ("image", "base"),
    [
        (Image(distro="alpine", python_version="3.13"), "docker.io/library/python:3.13-alpine"),
        (Image(distro="ubi8", python_version="3.12"), "registry.access.redhat.com/ubi8/ubi"),
        (Image(distro="amazonlinux", python_version="3.11"), "docker.io/library/amazonlinux:2023"),
        (
            Image(distro="ubi9", python_version="3.11", cuda_version="12.6.3"),
            "docker.io/nvidia/cuda:12.6.3-cudnn-runtime-ubi9",
        ),
        (Image(distro="debian", python_version="3.11", base_image="own:1"), "own:1"),
    ],
)
def test_the_base_is_that_of_the_distribution_or_the_one_that_was_named(image, base):
    assert parsed(write_dockerfile(image))[0] == ("FROM", base)


def test_a_distribution_without_python_installs_it_and_a_named_base_has_it():
    with_python = json.loads(parsed(write_dockerfile(Image(distro="ubi9", python_version="3.12")))[2][1])
    assert with_python[-1] == "python3.12"
    named = write_dockerfile(Image(distro="ubi9", python_version="3.12", base_image="own:1"))
    assert "python3.12" not in named


@pytest.mark.parametrize("options", [{"gpu": True}, {"cuda_version": "12.6.3"}])
def test_a_container_with_gpus_asks_for_the_hosts_and_may_be_told_which(options):
    text = write_dockerfile(Image(distro="ubi9", python_version="3.12", **options, env={"NVIDIA_VISIBLE_DEVICES": "0"}))
    assert ("ENV", 'NVIDIA_VISIBLE_DEVICES="0"') in parsed(text)
    assert ("ENV", 'NVIDIA_DRIVER_CAPABILITIES="compute,utility"') in parsed(text)


@pytest.mark.parametrize("values", [{"base_image": "x\nRUN id"}, {"base_image": "x AS y"}, {"env": {"A\nRUN id": "x"}}])
def test_the_writer_checks_what_it_cannot_quote_once_more(values):
    with pytest.raises(InvalidArgument):
        write_dockerfile(Image(distro="debian", python_version="3.11", **values))


def test_the_script_that_makes_the_environment_finds_the_python_that_is_wanted(tmp_path):
    text = write_dockerfile(Image(distro="debian", python_version="3.11"))
    command = next(json.loads(value) for name, value in parsed(text) if name == "RUN" and "venv" in value)
    version = "{}.{}".format(*sys.version_info[:2])
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "python3").symlink_to(sys.executable)
    (bin_folder / "python").write_text("#!/bin/sh\nexit 1\n")
    (bin_folder / "python").chmod(0o755)
    ran = subprocess.run(
        [*command[:4], version, "--help"], env={"PATH": str(bin_folder)}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0
    assert "usage: venv" in ran.stdout
    missing = subprocess.run(
        [*command[:4], "3.99", "/nowhere"], env={"PATH": str(bin_folder)}, capture_output=True, text=True, check=False
    )
    assert (missing.returncode, missing.stderr) == (1, "the base image has no Python 3.99\n")
