"""Wheels that are written: always the same bytes, and such that pip installs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import attrs
import pytest

from jubako.bentos.wheels import Member, WheelName, write_wheel
from jubako.bentos.wheels_given import copy_given, list_folder, read_given
from jubako.bentos.wheels_installed import pack_installed
from jubako.errors import BuildError

SCRIPTS = "tool-1.0.data/scripts"
TOOL = """
def main():
    print("tool 1.0 says hello")
"""


@pytest.fixture
def installed(tmp_path):
    """A function that installs `tool` 1.0 by hand: files by path, and what RECORD has of others."""

    def install(files=(), record=(), **metadata):
        site = tmp_path / "site"
        folder = site / "Tool_X-1.0.dist-info"
        folder.mkdir(parents=True)
        texts = {
            "METADATA": "Metadata-Version: 2.1\nName: Tool.X\nVersion: 1.0\n",
            "WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "entry_points.txt": "[console_scripts]\ntool = tool:main\n",
            "INSTALLER": "pip\n",
            "uv_cache.json": "{}",
            **metadata,
        }
        for name, text in texts.items():
            (folder / name).write_text(text)
        for name, text in dict(files).items():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text(text)
        lines = [*(f"{folder.name}/{name}" for name in texts), *dict(files), *record, f"{folder.name}/RECORD"]
        (folder / "RECORD").write_text("".join(f"{line},,\n" for line in lines))
        return Distribution.at(folder)

    return install


def editable(url, *, is_editable=True):
    return json.dumps({"url": url, "dir_info": {"editable": is_editable}})


def names_in(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return [name for name in archive.namelist() if ".dist-info/" not in name]


def new_folder(parent, name):
    (parent / name).mkdir()
    return parent / name


def test_equal_members_give_equal_bytes_in_any_order(tmp_path):
    members = [
        Member.from_text("b.py", "2"),
        Member.from_text("a/ä, b.py", "1"),
        WheelName("x", "1").describe(is_pure=True),
    ]
    one = write_wheel(new_folder(tmp_path, "one"), WheelName("x", "1"), members)
    two = write_wheel(new_folder(tmp_path, "two"), WheelName("x", "1"), reversed(members))
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}


def test_a_wheel_is_named_by_the_rules():
    tags = ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux2014_x86_64")
    assert WheelName("Tool.X-y", "1.0-rc1+cpu", tags).file_name == (
        "tool_x_y-1.0rc1+cpu-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    )


def test_what_is_installed_is_packed_again_without_the_marks_of_the_installation(installed, tmp_path):
    found = installed({"tool.py": TOOL, "__pycache__/tool.cpython-311.pyc": "x"}, record=["../bin/tool"])
    path = pack_installed(found, new_folder(tmp_path, "out"))
    assert path.name == "tool_x-1.0-py3-none-any.whl"
    assert names_in(path) == ["tool.py"]
    with zipfile.ZipFile(path) as archive:
        inside = {name.partition("/")[2] for name in archive.namelist() if ".dist-info/" in name}
    assert inside == {"METADATA", "WHEEL", "RECORD", "entry_points.txt"}


def test_a_file_outside_of_the_environment_is_not_packed(installed, tmp_path):
    with pytest.raises(BuildError, match=r"(?s)/etc/passwd is no part of this Python environment.*install"):
        pack_installed(installed(record=["../" * 40 + "etc/passwd"]), tmp_path)


def test_a_file_that_is_gone_is_named(installed, tmp_path):
    with pytest.raises(BuildError, match=r"(?s)gone\.py.*cannot be packed.*No such file.*install it anew"):
        pack_installed(installed(record=["gone.py"]), tmp_path)


def test_an_installation_without_a_list_of_its_files_is_refused(installed, tmp_path):
    found = installed({"tool.py": TOOL})
    (tmp_path / "site" / "Tool_X-1.0.dist-info" / "RECORD").unlink()
    with pytest.raises(BuildError, match=r"(?s)Tool\.X cannot be packed.*RECORD.*python\.wheels"):
        pack_installed(found, tmp_path)


@pytest.fixture
def project(tmp_path):
    """A project with a package in `src/`, and what stands beside it."""
    folder = tmp_path / "project"
    for name, text in {
        "src/tool/__init__.py": TOOL,
        "src/tool/data.txt": "data",
        "src/tool/.env": "SECRET=1",
        "src/tool/__pycache__/x.pyc": "x",
        "src/tool.egg-info/PKG-INFO": "x",
        "tests/__init__.py": "",
        "setup.py": "",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_what_is_installed_editable_is_packed_from_its_sources(installed, project, tmp_path):
    pth = {"__editable__.tool.pth": f"{project / 'src'}\n"}
    path = pack_installed(installed(pth, **{"direct_url.json": editable(project.as_uri())}), tmp_path)
    assert names_in(path) == ["tool/__init__.py", "tool/data.txt"]


def test_of_a_project_without_a_src_folder_only_the_package_is_packed(installed, project, tmp_path):
    (project / "src" / "tool").rename(project / "tool")
    metadata = {"direct_url.json": editable(project.as_uri()), "top_level.txt": "tool\n"}
    path = pack_installed(installed({"tool.pth": f"{project}\n"}, **metadata), tmp_path)
    assert names_in(path) == ["tool/__init__.py", "tool/data.txt"]


def test_editable_sources_that_nobody_can_name_are_refused(installed, project, tmp_path):
    metadata = {"direct_url.json": editable(project.as_uri()), "top_level.txt": "nothing\n"}
    with pytest.raises(BuildError, match=r"(?s)editable Tool\.X cannot be packed.*python\.wheels"):
        pack_installed(installed({"tool.pth": f"{project}\n"}, **metadata), tmp_path)


def test_the_finder_of_setuptools_is_read_and_not_run(installed, project, tmp_path):
    finder = f"raise SystemExit\nMAPPING: dict[str, str] = {{'tool': {str(project / 'src' / 'tool')!r}}}\n"
    files = {"__editable___tool_finder.py": finder, "__editable__.tool.pth": "import __editable___tool_finder\n"}
    path = pack_installed(installed(files, **{"direct_url.json": editable(project.as_uri())}), tmp_path)
    assert names_in(path) == ["tool/__init__.py", "tool/data.txt"]


def test_a_link_that_leads_out_of_editable_sources_is_refused(installed, project, tmp_path):
    (project / "src" / "tool" / "passwd").symlink_to("/etc/passwd")
    pth = {"tool.pth": f"{project / 'src'}\n"}
    with pytest.raises(BuildError, match="leads out"):
        pack_installed(installed(pth, **{"direct_url.json": editable(project.as_uri())}), tmp_path)


def test_a_secret_in_editable_sources_is_refused(installed, project, tmp_path):
    (project / "src" / "tool" / "token.py").write_text(f"TOKEN = 'ghp_{'a' * 36}'\n")
    pth = {"tool.pth": f"{project / 'src'}\n"}
    with pytest.raises(BuildError, match=r"(?s)token\.py is not packed.*GitHub token.*editable.*python\.wheels"):
        pack_installed(installed(pth, **{"direct_url.json": editable(project.as_uri())}), tmp_path)


def test_pip_installs_a_wheel_made_again_with_its_command_and_its_scripts(tmp_path):
    """The whole way: pip installs, we pack what it installed, pip installs that, and both are alike."""
    first = write_wheel(
        tmp_path,
        WheelName("tool", "1.0"),
        [
            WheelName("tool", "1.0").describe(is_pure=True),
            Member.from_text("tool.py", TOOL),
            attrs.evolve(
                Member.from_text(f"{SCRIPTS}/greet", "#!python\nimport tool; tool.main()\n"), is_executable=True
            ),
            Member.from_text("tool-1.0.data/data/share/tool/notes.txt", "notes"),
            Member.from_text("tool-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n"),
            Member.from_text("tool-1.0.dist-info/entry_points.txt", "[console_scripts]\ntool = tool:main\n"),
        ],
    )
    place = tmp_path / "venv"
    venv.create(place, with_pip=True)
    python, again = str(place / "bin" / "python"), new_folder(tmp_path, "again")

    def install(wheel):
        command = [python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--force-reinstall", str(wheel)]
        subprocess.run(command, check=True, timeout=120)
        programs = [[str(place / "bin" / "tool")], [str(place / "bin" / "greet")]]
        said = [
            subprocess.run(each, check=True, capture_output=True, text=True, timeout=60).stdout for each in programs
        ]
        assert said == ["tool 1.0 says hello\n"] * 2
        assert (place / "share" / "tool" / "notes.txt").read_text() == "notes"

    install(first)
    # In an interpreter of its own, whose prefix is that environment.
    code = (
        "import sys; sys.path += sys.argv[2:]\n"
        "from importlib.metadata import distribution; from pathlib import Path\n"
        "from jubako.bentos.wheels_installed import pack_installed\n"
        "print(pack_installed(distribution('tool'), Path(sys.argv[1])))\n"
    )
    command = [python, "-c", code, str(again), *(path for path in sys.path if path)]
    packed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    assert Path(packed).read_bytes() == first.read_bytes()
    install(packed)


def test_wheels_of_the_context_are_read_by_what_they_hold(tmp_path, make_wheel):
    make_wheel(tmp_path, "tool", "1.0", requires=["click>=8"])
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "tool-1.0-py3-none-any.whl").symlink_to("../tool-1.0-py3-none-any.whl")
    for path in ("tool-1.0-py3-none-any.whl", "./tool-1.0-py3-none-any.whl", "link/tool-1.0-py3-none-any.whl"):
        (wheel,) = read_given(tmp_path, [path]).values()
        assert (wheel.name, wheel.version, wheel.requires) == ("tool", "1.0", ("click>=8",))
    copy_given(tmp_path, "link/tool-1.0-py3-none-any.whl", tmp_path / "copy")
    assert not (tmp_path / "copy").is_symlink()
    assert [wheel.name for wheel in list_folder(tmp_path, ".")] == ["tool"]


def test_a_wheel_that_is_none_is_refused(tmp_path, make_wheel):
    make_wheel(tmp_path, "tool", "1.0").rename(tmp_path / "other-1.0-py3-none-any.whl")
    (tmp_path / "text-1.0-py3-none-any.whl").write_text("no zip")
    (tmp_path / "out-1.0-py3-none-any.whl").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe-1.0-py3-none-any.whl")
    with zipfile.ZipFile(tmp_path / "bomb-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb-1.0.dist-info/METADATA", " " * 20_000_000)
    for name, words in {
        "other": r"holds tool 1\.0",
        "text": "is no wheel",
        "out": "leads out",
        "pipe": "no plain file",
        "bomb": "a huge one",
        "absent": "No such file",
    }.items():
        with pytest.raises(BuildError, match=rf"(?s)python\.wheels .*{words}"):
            read_given(tmp_path, [f"{name}-1.0-py3-none-any.whl"])


def test_two_wheels_of_one_distribution_are_refused(tmp_path, make_wheel):
    make_wheel(tmp_path, "tool", "1.0")
    make_wheel(tmp_path, "tool", "2.0")
    with pytest.raises(BuildError, match=r"(?s)two wheels of tool.*find_links"):
        read_given(tmp_path, ["tool-1.0-py3-none-any.whl", "tool-2.0-py3-none-any.whl"])
