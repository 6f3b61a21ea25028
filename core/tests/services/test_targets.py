"""What a text names, and importing it into a process that serves it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import jubako.bentos
from jubako.errors import ImportServiceError
from jubako.services.targets import resolve_target


@pytest.fixture
def resolve(workspace, project):
    """`resolve_target` in the project."""
    return lambda text: resolve_target(text, workspace=workspace, working_dir=project)


@pytest.fixture
def bento(workspace, tmp_path, write_service):
    """A stored Bento named `toy`."""
    write_service(tmp_path / "built" / "inside.py")
    return jubako.bentos.build("inside:svc", build_ctx=tmp_path / "built", version="v1")


def test_a_folder_with_a_manifest_is_a_bento(resolve, bento, project, write_service):
    (project / "toy").symlink_to(bento.path)
    assert resolve("toy").bento.tag == bento.tag
    assert resolve(f"{bento.path}/").bento.tag == bento.tag


@pytest.mark.parametrize(
    "text", ["toy", "toy:v1", "toy:latest", "Toy:V1", "bento:toy", "bento:toy:v1", "bento:toy:latest"]
)
def test_a_stored_tag_is_a_bento(resolve, bento, text):
    target = resolve(text)
    assert target.bento.tag == bento.tag
    assert target.working_dir == bento.path / "src"
    assert target.import_string == "inside:svc"


@pytest.mark.parametrize(
    ("text", "import_string"),
    [
        ("service.py:svc", "service:svc"),
        ("service.py", "service"),
        ("./service.py:svc", "service:svc"),
        ("service:svc", "service:svc"),
        ("service", "service"),
        ("pkg.inner.service:svc", "pkg.inner.service:svc"),
        ("pkg/inner/service.py:holder.svc", "pkg.inner.service:holder.svc"),
        ("pkg:svc", "pkg:svc"),
        ("./pkg:svc", "pkg:svc"),
        ("./loose/service.py:svc", "./loose/service.py:svc"),
        ("my-dir/my-service.py:svc", "./my-dir/my-service.py:svc"),
        ("my-service.py:svc", "./my-service.py:svc"),
    ],
)
def test_import_strings_in_all_their_forms(resolve, project, text, import_string):
    files = ["service", "pkg/__init__", "pkg/inner/__init__", "pkg/inner/service", "loose/service", "my-dir/my-service"]
    for file in [*files, "my-service"]:
        (project / file).parent.mkdir(parents=True, exist_ok=True)
        (project / f"{file}.py").write_text("raise RuntimeError('resolving runs nothing')  # svc, holder\n")
    target = resolve(text)
    assert target.import_string == import_string
    assert target.working_dir == project
    # Written down and read again, it is the same.
    assert resolve(import_string) == target


def test_an_absolute_path_inside_the_working_directory_is_the_same_file(resolve, project, write_service):
    write_service(project / "service.py")
    assert resolve(f"{project}/service.py:svc") == resolve("service:svc")


def test_a_path_in_the_home_folder_is_found(resolve, project, write_service, monkeypatch):
    monkeypatch.setenv("HOME", str(project))
    write_service(project / "service.py")
    assert resolve("~/service.py:svc") == resolve("service:svc")


def test_a_path_starts_from_the_working_directory_and_not_from_the_processs(workspace, project, write_service):
    write_service(project / "inner" / "service.py")
    target = resolve_target("service.py:svc", workspace=workspace, working_dir=project / "inner")
    assert target.module.file == project / "inner" / "service.py"
    with pytest.raises(ImportServiceError, match="does not exist"):
        resolve_target("service.py:svc", workspace=workspace, working_dir=project)


def test_a_tag_that_is_also_a_module_is_refused_with_both_spellings(resolve, bento, project, write_service):
    write_service(project / "toy.py")
    with pytest.raises(ImportServiceError, match="more than one Service") as caught:
        resolve("toy")
    assert "'bento:toy:v1'" in str(caught.value)
    assert "'./toy.py'" in str(caught.value)
    assert resolve("bento:toy:v1").bento.tag == bento.tag
    assert resolve("./toy.py").import_string == "toy"


def test_a_module_without_the_word_behind_the_colon_does_not_stand_against_a_tag(
    resolve, bento, project, write_service
):
    write_service(project / "toy.py")
    assert resolve("toy:v1").bento.tag == bento.tag
    assert resolve("toy:svc").import_string == "toy:svc"


def test_a_module_named_bento_is_still_reachable(resolve, bento, project, write_service):
    write_service(project / "bento.py")
    assert resolve("bento:svc").import_string == "bento:svc"
    write_service(project / "bento.py", name="toy")
    with pytest.raises(ImportServiceError, match=r"'\./bento\.py:toy'"):
        resolve("bento:toy")


def test_an_installed_module_is_found_after_tags_and_the_working_directory(
    resolve, tmp_path, monkeypatch, write_service
):
    write_service(tmp_path / "installed" / "elsewhere" / "__init__.py")
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    assert resolve("elsewhere:svc").module.file == tmp_path / "installed" / "elsewhere" / "__init__.py"


def test_a_module_in_folders_without_init_files_is_found_wherever_it_is_installed(
    resolve, tmp_path, monkeypatch, write_service
):
    write_service(tmp_path / "installed" / "outer" / "inner" / "elsewhere.py")
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    assert resolve("outer.inner.elsewhere:svc").module.file == (
        tmp_path / "installed" / "outer" / "inner" / "elsewhere.py"
    )


def test_what_names_nothing_is_answered_with_everything_that_was_tried(resolve, project):
    with pytest.raises(ImportServiceError) as caught:
        resolve("nothing:here")
    message = str(caught.value)
    for part in ("a folder: ", "tag 'nothing:here'", "no module 'nothing' in", "installed packages", "Do:"):
        assert part in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "It is empty."),
        (" \t", "It is empty."),
        (" service", "write 'service'"),
        (":svc", "put the module or file there: 'service.py:svc'"),
        (":", "Nothing stands before its colon."),
        ("service.py:", "put the Service's name there, or write 'service.py'"),
        ("service.py:svc()", "write for example 'service.py:svc'"),
        ("./service.py:2nd", "'2nd' is no name of a variable."),
        ("s3://bucket/bentos/toy", "It is a URL"),
        ("https://example.org/toy.bento", "It is a URL"),
        (".", "has neither bento.yaml nor __init__.py"),
        ("..", "has neither bento.yaml nor __init__.py"),
        ("./project", "write 'project/service.py'"),
        ("project", "has no bento.yaml"),
        ("service:svcc", "Did you mean 'svc'?"),
        ("missing.py:svc", "does not exist"),
        ("./service:svc", "write './service.py'"),
        ("./data.txt", "is no Python file"),
        ("../outside.py:svc", "outside of the working directory"),
        ("/etc", "has neither bento.yaml nor __init__.py"),
        ("folder", "no module 'folder'"),
        ("a b", "not written as one"),
        ("x" * 5000, "names no Service"),
        ("nul\0", "null character"),
        ("/", "has neither bento.yaml nor __init__.py"),
        ("x/" * 3000, "File name too long"),
        ("~nobody-has-this-name/service.py", "home directory"),
        ("service:nothing", "does not mention 'nothing'"),
    ],
)
def test_each_mistake_is_named(resolve, project, write_service, text, words):
    write_service(project / "service.py")
    (project / "data.txt").write_text("")
    (project / "folder").mkdir()
    write_service(project / "project" / "service.py")
    (project.parent / "outside.py").write_text("svc = 1")
    with pytest.raises(ImportServiceError) as caught:
        resolve(text)
    assert words in str(caught.value)


def test_a_working_directory_that_does_not_exist_is_named(workspace, project):
    with pytest.raises(ImportServiceError, match="does not exist"):
        resolve_target("service:svc", workspace=workspace, working_dir=project / "nowhere")


# What a serving process does, in a process of its own: it keeps its working directory and sys.path for good.
SERVE = """
import sys, os
from pathlib import Path
from jubako.services.targets import import_target, resolve_target
from jubako.workspace import current_workspace, using_workspace
target = resolve_target(sys.argv[1], workspace=current_workspace(), working_dir=Path.cwd())
with using_workspace(target.workspace(current_workspace())):
    service = import_target(target)
    print(service, service.apis["answer"].func(1))
    assert Path.cwd() == target.working_dir, Path.cwd()
    assert sys.path[0] == str(target.module.root), sys.path
"""


@pytest.fixture
def serve(project, tmp_path):
    """Resolve and import a target in a process of its own; returns its output."""

    def run(text):
        environment = {**os.environ, "JUBAKO_HOME": str(tmp_path / "home")}
        done = subprocess.run(
            [sys.executable, "-c", SERVE, text],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
            check=False,
        )
        return done.stdout + done.stderr

    return run


def test_a_serving_process_imports_late_from_its_working_directory(serve, project, write_service):
    (project / "late.py").write_text("VALUE = 41\n")
    write_service(project / "service.py", answer="__import__('late').VALUE + value")
    assert serve("service.py:svc").strip().endswith(" 42")


def test_a_serving_process_imports_beside_the_file_and_from_the_working_directory(serve, project, write_service):
    (project / "top.py").write_text("VALUE = 40\n")
    (project / "my-dir").mkdir()
    (project / "my-dir" / "beside.py").write_text("VALUE = 1\n")
    write_service(
        project / "my-dir" / "service.py", before="import beside, top\n", answer="beside.VALUE + top.VALUE + value"
    )
    assert serve("my-dir/service.py:svc").strip().endswith(" 42")


def test_a_serving_process_imports_a_bento_and_writes_nothing_into_it(serve, bento):
    before = sorted(bento.path.rglob("*"))
    assert "tag='toy:v1'" in serve("toy")
    assert sorted(bento.path.rglob("*")) == before


def test_a_file_named_like_a_module_of_python_is_refused(serve, project, write_service):
    # In a folder of its own: beside the program's first entry of sys.path, Python itself would import it.
    write_service(project / "inner" / "json.py")
    output = serve("./inner/json.py:svc")
    assert "belongs to" in output
    assert "rename the file" in output
