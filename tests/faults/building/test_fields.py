"""Fields of a bentofile that name a file: none reads anything but a plain file of the build context."""

from __future__ import annotations

import contextlib

import pytest

import jubako.bentos
from jubako.errors import JubakoError
from tests.faults.building.conftest import SECRET

pytestmark = pytest.mark.row("build-fields")

# How a path may try to lead to the file outside; `{outside}` is its folder.
PATHS = {
    "absolute": "{outside}/secret.txt",
    "parent": "../outside/secret.txt",
    "through a folder": "inner/../../outside/secret.txt",
    "home": "~/secret.txt",
    "variable": "$HOME/secret.txt",
    "braced variable": "${{HOME}}/secret.txt",
    "URL": "file://{outside}/secret.txt",
    "process": "/proc/self/environ",
    "own process": "/proc/self/cwd/../outside/secret.txt",
    "link": "link.txt",
    "link in a folder": "linked/secret.txt",
    "folder": "inner",
    "context": ".",
    "missing": "nowhere.txt",
    "device": "/dev/zero",
    "NUL": "inner/plain.txt\0.md",
    "line feed": "inner/plain.txt\n../outside/secret.txt",
    "backslashes": "..\\outside\\secret.txt",
    "empty": "",
    "long": "x/" * 3000 + "secret.txt",
}
FIELDS = {
    "description": lambda path: {"description": f"file: {path}"},
    "requirements_txt": lambda path: {"python": {"requirements_txt": path}},
    "wheels": lambda path: {"python": {"wheels": [path]}},
    "find_links": lambda path: {"python": {"no_index": True, "find_links": [path]}},
    "setup_script": lambda path: {"docker": {"setup_script": path}},
    "environment_yml": lambda path: {"conda": {"environment_yml": path}},
    "include": lambda path: {"include": ["service.py", path]},
}


@pytest.fixture
def tricky(context):
    context.write("inner/plain.txt")
    (context.folder / "link.txt").symlink_to(context.outside / "secret.txt")
    (context.folder / "linked").symlink_to(context.outside)
    return context


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("field", FIELDS)
def test_no_field_reads_what_lies_elsewhere(tricky, figures, field, path):
    said = ""
    with contextlib.suppress(JubakoError):
        # A pattern or a folder that has nothing, or a path that only looks odd: it is looked for below the context.
        try:
            tricky.build(exclude=["link.txt", "linked"], **FIELDS[field](PATHS[path].format(outside=tricky.outside)))
        except JubakoError as error:
            said = str(error)
            raise
    assert SECRET not in said
    assert len(said) < 9_000
    assert len(tricky.workspace.bento_store.list()) == (not said)
    tricky.check_nothing_escaped()
    figures(fields=f"{len(FIELDS)} fields, {len(PATHS)} paths each: 0 bytes of files outside")


@pytest.mark.quick
@pytest.mark.parametrize("path", [name for name in PATHS if name != "empty"])
def test_a_description_elsewhere_is_refused_with_its_name(tricky, path):
    text = PATHS[path].format(outside=tricky.outside)
    message = tricky.refusal(description=f"file: {text}", exclude=["link.txt", "linked"])
    assert "the description 'file: " in message
    assert "cannot be read." in message


@pytest.mark.quick
def test_a_bentofile_is_no_way_round(tricky):
    (tricky.folder / "bentofile.yaml").write_text(
        f"service: service:svc\nexclude: [link.txt, linked]\ndescription: 'file: {tricky.outside}/secret.txt'\n"
    )
    with pytest.raises(JubakoError, match="is outside of the build context") as caught:
        jubako.bentos.build_bentofile(build_ctx=tricky.folder)
    assert SECRET not in str(caught.value)
    tricky.check_nothing_escaped()


@pytest.mark.parametrize(
    "service", ["../outside/evil.py:svc", "{outside}/evil.py:svc", "/proc/self/exe:svc", "..evil:svc"]
)
def test_the_service_comes_from_the_context(tricky, figures, service):
    canary = tricky.outside / "canary"
    (tricky.outside / "evil.py").write_text(f"open({str(canary)!r}, 'w')\nsvc = None\n")
    with pytest.raises(JubakoError):
        jubako.build(service.format(outside=tricky.outside), build_ctx=tricky.folder, exclude=["link.txt", "linked"])
    assert not canary.exists()
    figures(service="import strings that lead outside: refused, canary 0")
