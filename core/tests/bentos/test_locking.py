"""The python step and its lock, with an index that is a folder of little wheels."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
import warnings
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import jubako
import jubako.bentos
from jubako._documents import dump_yaml, parse_yaml
from jubako.bentos.locking import LOCK_NAME, keep_lock, parse_pinned
from jubako.bentos.locking_tools import LockOrder, LockTool, find_lock_tool, run_lock_tool
from jubako.bentos.python_options import PythonOptions
from jubako.bentos.requirements_installed import follow
from jubako.errors import BuildError, InvalidArgument
from jubako.stores.digests import digest_folder
from jubako.values.tag import Tag
from jubako.workspace import open_workspace, using_workspace

OPTIONS = {"packages": ["tool>=1"], "no_index": True, "find_links": "index"}
JUBAKO_WHEEL = f"jubako-{jubako.__version__}-py3-none-any.whl"


@pytest.fixture
def index(context, make_wheel):
    """The folder `index/` of the context: `tool` 1.0 and 2.0, and what Jubako needs, as wheels with next to nothing."""
    folder = context / "index"
    folder.mkdir()
    make_wheel(folder, "tool", "1.0", requires=["helper"])
    make_wheel(folder, "tool", "2.0", requires=["helper"])
    make_wheel(folder, "helper", "0.3")
    for name, found in follow([Requirement("jubako")], {}).pins.items():
        make_wheel(folder, name, found)
    return folder


def build(**options):
    return jubako.bentos.build("service:svc", include=["*.py"], **options)


def lines_of(bento, name="requirements.lock.txt"):
    return (bento.path / "env" / "python" / name).read_text().splitlines()


def files_of(bento):
    return {entry.path: entry for entry in digest_folder(bento.path)}


def test_packages_are_locked_with_everything_that_they_need(context, index):
    bento = build(python=OPTIONS)
    lines = lines_of(bento)
    assert lines[1:3] == ["--no-index", "--find-links ./wheels"]
    assert lines[3] == f"./wheels/{JUBAKO_WHEEL} \\"
    pinned = [line for line in lines if "==" in line]
    assert pinned == sorted(pinned)
    assert {"tool==2.0 \\", "helper==0.3 \\"} <= set(pinned)
    assert all(
        line.startswith("    --hash=sha256:") for before, line in itertools.pairwise(lines) if before.endswith("\\")
    )
    assert lines_of(bento, "requirements.txt")[1:] == [
        "--no-index",
        "--find-links ./wheels",
        f"./wheels/{JUBAKO_WHEEL}",
        "tool>=1",
    ]
    # What the lock names of the folder is packed, for there is no index to ask where the Bento is installed.
    wheels = {path.name for path in (bento.path / "env" / "python" / "wheels").iterdir()}
    assert {JUBAKO_WHEEL, "tool-2.0-py3-none-any.whl", "helper-0.3-py3-none-any.whl"} <= wheels
    assert "tool-1.0-py3-none-any.whl" not in wheels
    assert bento.info.build["python"]["packages"] == ["tool>=1"]


def test_two_builds_of_one_tree_have_equal_digests_though_the_index_is_another(context, index, make_wheel):
    first = build(python=OPTIONS, version="v1")
    make_wheel(index, "helper", "0.4")
    second = build(python=OPTIONS, version="v2")
    assert first.info.digest == second.info.digest
    one, two = files_of(first), files_of(second)
    assert {path for path in one.keys() | two.keys() if one.get(path) != two.get(path)} == {"bento.yaml"}
    assert "helper==0.3 \\" in lines_of(second)


def test_the_lock_is_an_input_that_is_kept_in_the_context_and_not_packed_as_a_source(context, index):
    bento = jubako.bentos.build("service:svc", python=OPTIONS)
    kept = (context / LOCK_NAME).read_text().splitlines()
    assert kept[0].startswith("# Made by `jubako build`")
    assert re.fullmatch(r"# inputs: sha256:[0-9a-f]{64}", kept[2])
    assert (context / LOCK_NAME).stat().st_mode & 0o777 == 0o644
    assert not any("jubako" in line for line in kept[3:])
    assert not (bento.path / "src" / LOCK_NAME).exists()
    assert not [path for path in context.iterdir() if path.name.startswith(f".{LOCK_NAME}")]


def test_the_lock_is_made_anew_when_what_is_asked_changes_or_when_it_is_wanted(context, index, make_wheel):
    build(python=OPTIONS)
    make_wheel(index, "helper", "0.4")
    assert "helper==0.4 \\" in lines_of(build(python=OPTIONS, relock=True))
    assert "tool==1.0 \\" in lines_of(build(python={**OPTIONS, "packages": ["tool<2"]}))
    assert "tool==2.0 \\" in lines_of(build(python=OPTIONS))


def test_versions_that_are_installed_here_are_preferred(context, index, make_wheel, site):
    site.install("tool", modules={"tool.py": ""}, version="1.0")
    assert "tool==1.0 \\" in lines_of(build(python=OPTIONS))
    assert "tool==2.0 \\" in lines_of(build(python={**OPTIONS, "packages": ["tool>1"]}))


def test_a_version_that_there_is_not_is_told_with_the_tools_own_words(context, index):
    with pytest.raises(BuildError, match=r"(?s)cannot lock the packages.*It says: .*tool.*99.*lock_packages: false"):
        build(python={**OPTIONS, "packages": ["tool==99"]})
    assert not (context / LOCK_NAME).exists()


def test_a_lock_that_cannot_be_kept_is_told(tmp_path):
    with pytest.warns(UserWarning, match=rf"{LOCK_NAME} is not kept in .*No such file.*only this Bento has it"):
        keep_lock(tmp_path / "absent", "sha256:0", [])


def test_a_lock_that_was_tampered_with_is_refused(context, index):
    build(python=OPTIONS)
    right = (context / LOCK_NAME).read_text()
    for wrong, words in (
        (right.replace("tool==2.0", "tool>=1"), "is not locked to one version"),
        (right + "evil @ https://evil.example/evil.whl\n", "from a URL"),
        (right + "--index-url https://evil.example\n", "Only requirements"),
        (right + "-r /etc/passwd\n", "Only requirements"),
        (right + "evil==1.0\n", "no hash of evil"),
        (right + "evil==1.* --hash=sha256:00\n", "is not locked to one version"),
        (right + "#" * 17_000_000, "larger than 16 MiB"),
    ):
        (context / LOCK_NAME).write_text(wrong)
        with pytest.raises(BuildError, match=f"(?s){words}.*jubako build --relock"):
            build(python=OPTIONS)


def test_a_lock_that_is_a_link_out_of_the_context_is_refused(context, index, tmp_path):
    build(python=OPTIONS)
    (context / LOCK_NAME).rename(tmp_path / "elsewhere")
    (context / LOCK_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BuildError, match="leads out"):
        build(python=OPTIONS)


def test_hashes_of_a_requirements_file_are_heeded(context, index):
    (context / "requirements.txt").write_text(f"tool==2.0 --hash=sha256:{'0' * 64}\n")
    options = {**OPTIONS, "packages": [], "requirements_txt": "requirements.txt"}
    with pytest.raises(BuildError, match=r"(?s)line 1 has hashes.*lock_packages: true"):
        build(python=options)
    with pytest.raises(BuildError, match=r"no file of tool 2\.0 has one of the hashes"):
        build(python={**options, "lock_packages": True})


def test_what_is_locked_can_be_installed_and_nothing_else(context, index, tmp_path):
    folder = build(python=OPTIONS).path / "env" / "python"
    place = shutil.copytree(folder, tmp_path / "python")

    def install():
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes", "--no-cache"]
        command += ["--python", sys.executable, "--target", str(tmp_path / "there"), "-r", "requirements.lock.txt"]
        return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120, check=False)

    done = install()
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "there" / "tool.py").read_text() == "version = '2.0'\n"
    assert (tmp_path / "there" / "jubako" / "__init__.py").is_file()
    for name in (JUBAKO_WHEEL, "tool-2.0-py3-none-any.whl"):
        wheel = place / "wheels" / name
        right = wheel.read_bytes()
        wheel.chmod(0o644)
        with zipfile.ZipFile(wheel, "a") as archive:
            archive.comment = b"one byte more"
        shutil.rmtree(tmp_path / "there")
        done = install()
        assert done.returncode != 0
        assert "Hash mismatch" in done.stderr
        wheel.write_bytes(right)


def test_without_a_lock_the_installation_decides(context, index):
    (context / "requirements.txt").write_text("tool\n")
    bento = build(python={**OPTIONS, "packages": [], "requirements_txt": "requirements.txt"})
    assert not (bento.path / "env" / "python" / "requirements.lock.txt").exists()
    assert lines_of(bento, "requirements.txt")[-1] == "tool"
    wheels = {path.name for path in (bento.path / "env" / "python" / "wheels").iterdir()}
    assert {"tool-1.0-py3-none-any.whl", "tool-2.0-py3-none-any.whl"} <= wheels
    assert not (build(python={"lock_packages": False}).path / "env" / "python" / "requirements.lock.txt").exists()


def test_a_folder_of_wheels_that_is_a_link_out_of_the_context_is_refused(context, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (context / "index").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BuildError, match=r"python\.find_links.*no folder of the build context"):
        build(python={**OPTIONS, "lock_packages": False})


def test_a_wheel_of_the_user_goes_before_what_is_installed(context, make_wheel, site):
    make_wheel(context, "attrs", "99.0")
    bento = build(python={"wheels": "attrs-99.0-py3-none-any.whl"})
    assert "./wheels/attrs-99.0-py3-none-any.whl" in lines_of(bento)
    assert not any(line.startswith("attrs==") for line in lines_of(bento))


def test_another_version_of_what_is_packed_is_refused(context):
    with pytest.raises(BuildError, match=rf"(?s)asks for jubako==99, but jubako {jubako.__version__} is packed.*alone"):
        build(python={"packages": ["jubako==99"], "lock_packages": False})


def test_extras_of_what_is_packed_are_asked_for(context):
    assert f"./wheels/{JUBAKO_WHEEL}[lock,pandas]" in lines_of(
        build(python={"packages": ["jubako[pandas]", "Jubako[lock]"], "lock_packages": False}), "requirements.txt"
    )


def test_options_for_pip_stand_in_both_files(context):
    options = {
        "index_url": "https://one.example/simple",
        "extra_index_url": "https://two.example/simple",
        "find_links": "https://three.example/",
        "trusted_host": "two.example",
        "pip_args": "--pre --only-binary :all:",
    }
    bento = build(python=options)
    for name in ("requirements.txt", "requirements.lock.txt"):
        assert lines_of(bento, name)[1:7] == [
            "--index-url https://one.example/simple",
            "--extra-index-url https://two.example/simple",
            "--find-links https://three.example/",
            "--trusted-host two.example",
            "--pre",
            "--only-binary :all:",
        ]


def test_the_models_of_a_bento_say_what_it_needs(context, workspace):
    with jubako.models.create("numbers", framework_distributions=("attrs",)) as model:
        (Path(model.path) / "value.txt").write_text("1")
    bento = build(additional_models=["numbers"])
    (asked,) = [line for line in lines_of(bento, "requirements.txt") if line.startswith("attrs")]
    assert asked in lines_of(bento)
    with pytest.warns(UserWarning, match=r"model numbers:\S+ was saved with attrs==\S+; .* attrs==24\.3 "):
        bento = build(additional_models=["numbers"], python={"packages": ["attrs==24.3"], "lock_packages": False})
    assert "attrs==24.3" in lines_of(bento, "requirements.txt")


def test_a_model_saved_with_a_build_for_one_kind_of_device_asks_for_what_an_index_has(context, workspace, site):
    site.install("device", modules={"device.py": ""})
    metadata = next(site.folder.glob("device-1.0.dist-info")) / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.0+cpu"))
    with jubako.models.create("numbers", framework_distributions=("device",)) as model:
        (Path(model.path) / "value.txt").write_text("1")
    with warnings.catch_warnings(action="error", category=UserWarning):
        bento = build(additional_models=["numbers"], python={"lock_packages": False})
    assert [line for line in lines_of(bento, "requirements.txt") if "device" in line] == ["device==1.0"]


@pytest.mark.parametrize(
    "text", ["evil @ https://evil.example/x.whl", "-r /etc/passwd", "a\n--index-url https://evil.example"]
)
def test_what_a_hostile_model_asks_for_is_refused(context, workspace, text):
    with jubako.models.create("numbers", framework_distributions=()) as model:
        (Path(model.path) / "value.txt").write_text("1")
    manifest = workspace.model_store.open(model.tag) / "model.yaml"
    data = parse_yaml(manifest.read_text(), "model.yaml")
    data["context"]["pip_requirements"] = [text]
    # As an import would store it, with the digest that it then has.
    with workspace.model_store.draft(Tag("numbers", "evil"), origin="imported") as folder:
        (folder / "model.yaml").write_text(dump_yaml({**data, "version": "evil"}))
        (folder / "value.txt").write_text("1")
    with pytest.raises(InvalidArgument, match=r"model numbers:evil cannot have"):
        build(additional_models=["numbers:evil"])


PLUGIN = """
import jubako


class One(jubako.SimpleRunner):
    def _setup(self):
        "Nothing is needed."

    def _run(self, value):
        return value
"""


def test_the_plugin_of_a_runner_is_packed(context, site, workspace):
    site.install_plugin("lonely", PLUGIN)
    text = (context / "service.py").read_text().replace('Service("toy"', 'Service("toy", runners=[One("one")]')
    (context / "service.py").write_text(f"from jubako_lonely import One\n{text}")
    with using_workspace(open_workspace(workspace.settings)):
        assert "./wheels/jubako_lonely-1.0-py3-none-any.whl" in lines_of(build())


def test_without_a_tool_the_lock_has_what_is_installed_and_says_so(context, monkeypatch):
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", "")
    with pytest.warns(UserWarning, match="lock") as caught:
        bento = build(python={"packages": ["click", "no-such-tool>=1"]})
    assert [str(warning.message) for warning in caught] == [
        "the lock has no hashes, because neither uv nor pip-compile is installed: pip install 'jubako[lock]'",
        "not locked, because they are not installed here: no-such-tool>=1",
    ]
    assert {f"click=={version('click')}", "no-such-tool>=1"} <= set(lines_of(bento))
    assert not (context / LOCK_NAME).exists()


def test_a_tool_is_found_on_the_search_path_too(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "uv", None)
    program = tmp_path / "pip-compile"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_lock_tool(str(tmp_path)) == LockTool("pip-compile", (str(program),))


def test_pip_compile_gets_arguments_and_its_last_words_are_told(tmp_path):
    program = tmp_path / "pip-compile"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nprint('Traceback:\\n  File \"x\"\\n  ^^^^\\n' + ' '.join(sys.argv[1:]))\n"
        "print('asked https://me:geheim@host.example/simple', file=sys.stderr); sys.exit(3)\n"
    )
    program.chmod(0o755)
    options = PythonOptions(
        pip_args="--pre --prefer-binary", trusted_host="a.example", extra_index_url="https://b.example/x"
    )
    order = LockOrder(["tool>=1"], [], [], options, tmp_path, "{}.{}".format(*sys.version_info[:2]))
    with pytest.raises(BuildError, match=r"It says: asked https://host\.example/simple\n"):
        run_lock_tool(LockTool("pip-compile", (str(program),)), order)
    program.write_text(
        f"#!{sys.executable}\nimport sys\nargs = sys.argv[1:]\n"
        "out = args[args.index('-o') + 1]\n"
        "assert args[-1] == 'requirements.in' and '--generate-hashes' in args\n"
        "index = ['--extra-index-url', 'https://b.example/x', '--trusted-host', 'a.example']\n"
        "assert args[-9:-3] == [*index, '--pre', '--pip-args=--prefer-binary']\n"
        "open(out, 'w').write(open('requirements.in').read().replace('>=', '==') + '    # via nothing\\n')\n"
    )
    assert run_lock_tool(LockTool("pip-compile", (str(program),)), order).startswith("tool==1")
    with pytest.raises(BuildError, match=r"(?s)cannot lock packages for Python 3\.99.*pip install uv"):
        run_lock_tool(LockTool("pip-compile", (str(program),)), LockOrder([], [], [], options, tmp_path, "3.99"))


def test_what_a_tool_writes_is_read_back_in_one_order():
    one, two = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
    text = f"b==2 ; sys_platform == 'win32' \\\n    --hash={two} \\\n    --hash={one}\nA.x==1 --hash={one}\njubako @ file:///x.whl\n"
    pinned = parse_pinned(text, "there", frozenset({"jubako"}))
    assert [str(each) for each in pinned] == [
        f"a-x==1 \\\n    --hash={one}",
        f'b==2 ; sys_platform == "win32" \\\n    --hash={one} \\\n    --hash={two}',
    ]
