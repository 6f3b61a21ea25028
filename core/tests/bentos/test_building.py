from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import jubako.bentos
import jubako.models
from jubako.errors import AlreadyExists, BuildError, ImportServiceError, InvalidArgument, ModelDigestMismatch, NotFound
from jubako.services import load
from jubako.settings import Settings, StoreSettings
from jubako.stores.digests import verify_files
from jubako.workspace import open_workspace, using_workspace


def build(**options):
    return jubako.bentos.build("service:svc", **options)


@pytest.fixture
def model(workspace):
    """A stored model named `numbers`."""
    with jubako.models.create("numbers") as created:
        Path(created.path_of("value.txt")).write_text("42")
    return jubako.models.get("numbers")


def test_a_bento_holds_what_its_manifest_lists(context, model):
    bento = build(labels={"team": "a"}, additional_models=["numbers"], version="v1")
    assert str(bento.tag) == "toy:v1"
    assert bento.info.labels == {"team": "a"}
    assert bento.info.service == "service:svc"
    assert [(api.name, api.route, api.input_type) for api in bento.info.apis] == [("answer", "answer", "JSON")]
    assert [(str(m.tag), m.digest) for m in bento.info.models] == [(str(model.tag), model.info.digest)]
    environment = [entry.path for entry in bento.info.files if entry.path.startswith("env/")]
    assert {"env/python/requirements.txt", "env/python/version.txt", "env/docker/Dockerfile"} <= set(environment)
    paths = [entry.path for entry in bento.info.files if entry.path not in environment]
    root = f"models/numbers/{model.tag.version}"
    models = [f"{root}/model.yaml", f"{root}/value.txt"]
    assert paths == ["README.md", "apis/openapi.yaml", *models, "sbom.cdx.json", "src/service.py"]
    verify_files(bento.path, bento.info.files)
    assert jubako.bentos.get("toy").info == bento.info


def test_equal_inputs_give_equal_digests(context, model, tmp_path):
    first = build(additional_models=["numbers"])
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    (copy / "service.py").write_bytes((context / "service.py").read_bytes())
    os.utime(copy / "service.py", (1, 1))
    second = build(additional_models=["numbers"], build_ctx=copy, labels={"only": "in the manifest"}, version="other")
    assert first.digest == second.digest
    (copy / "service.py").write_text((copy / "service.py").read_text() + "# changed\n")
    assert build(additional_models=["numbers"], build_ctx=copy).digest != first.digest


def test_a_build_leaves_the_program_as_it_was(context, tmp_path, monkeypatch):
    (context / "helper.py").write_text("VALUE = 1\n")
    source = (context / "service.py").read_text()
    (context / "service.py").write_text("import helper, os\nHERE = os.getcwd()\n" + source)
    monkeypatch.chdir(tmp_path)
    path, cwd = list(sys.path), Path.cwd()
    build(build_ctx=context)
    assert (sys.path, Path.cwd()) == (path, cwd)
    assert "helper" not in sys.modules
    assert "service" not in sys.modules
    (context / "service.py").write_text("1 / 0\n")
    with pytest.raises(ImportServiceError):
        build(build_ctx=context)
    assert (sys.path, Path.cwd()) == (path, cwd)


def test_the_source_runs_in_the_build_context(context, tmp_path, monkeypatch):
    (context / "name.txt").write_text("read-at-import")
    source = (context / "service.py").read_text().replace('"toy"', "open('name.txt').read()")
    (context / "service.py").write_text(
        source.replace("open('name.txt').read()", "__import__('pathlib').Path('name.txt').read_text()")
    )
    monkeypatch.chdir(tmp_path)
    assert build(build_ctx=context).tag.name == "read-at-import"


@pytest.mark.parametrize("service", ["service.py:svc", "./service.py", "service", "service:svc"])
def test_the_service_is_named_by_any_import_string(context, service):
    bento = jubako.bentos.build(service)
    assert load(bento.tag).apis["answer"].func(3) == 3


def test_a_service_in_an_inner_folder_is_built_and_loaded_with_what_stands_beside_it(context):
    (context / "my-dir").mkdir()
    (context / "my-dir" / "beside.py").write_text("VALUE = 1\n")
    (context / "my-dir" / "service.py").write_text("import beside\n" + (context / "service.py").read_text())
    bento = jubako.bentos.build("my-dir/service.py:svc")
    assert bento.info.service == "./my-dir/service.py:svc"
    assert load(bento.tag).apis["answer"].func(3) == 3


def test_a_service_outside_of_the_context_is_not_built(context, tmp_path):
    build()
    (tmp_path / "outside.py").write_text((context / "service.py").read_text())
    for service in ("../outside.py:svc", "toy", "toy:latest", "json:dumps"):
        with pytest.raises(ImportServiceError):
            jubako.bentos.build(service)


SERVICE_WITH_MODELS = """
import jubako, jubako.models
from jubako.runners import Runner

class Counting(Runner):
    required_models = [jubako.models.get("numbers").tag]
    def _setup(self): pass
    def _run_batch(self, rows): return rows

svc = jubako.Service("counter", runners=[Counting("one"), Counting("two")])
"""


def test_a_model_that_several_need_is_packed_once(context, model):
    (context / "service.py").write_text(SERVICE_WITH_MODELS)
    bento = build(additional_models=["numbers", "numbers:latest", str(model.tag)])
    assert [entry.tag for entry in bento.info.models] == [model.tag]
    assert [(r.name, r.runner_type, r.models) for r in bento.info.runners] == [
        ("one", "Counting", (str(model.tag),)),
        ("two", "Counting", (str(model.tag),)),
    ]


def test_a_packed_model_outlives_the_one_in_the_store(context, model):
    (context / "service.py").write_text(SERVICE_WITH_MODELS)
    bento = build()
    jubako.models.delete("numbers")
    assert load(bento.tag).runners["one"].required_models == [model.tag]
    assert bento.path_of(f"models/numbers/{model.tag.version}/value.txt").read_text() == "42"


def test_a_missing_model_stops_the_build(context, workspace):
    with pytest.raises(NotFound, match="absent"):
        build(additional_models=["absent"])
    assert workspace.bento_store.list() == []


def test_a_damaged_model_is_not_packed(context, model, workspace):
    file = Path(model.path_of("value.txt"))
    file.chmod(0o644)
    file.write_text("43")
    with pytest.raises(ModelDigestMismatch):
        build(additional_models=["numbers"])
    assert workspace.bento_store.list() == []


def test_a_version_is_never_built_twice(context):
    build(version="v1")
    with pytest.raises(AlreadyExists):
        build(version="v1")


@pytest.mark.parametrize("version", ["", "a b", "latest", "../x"])
def test_what_is_no_version_is_refused(context, version):
    with pytest.raises(InvalidArgument):
        build(version=version)


@pytest.mark.parametrize(
    "options",
    [
        {"labels": {"a": 1}},
        {"labels": ["a"]},
        {"include": "*.py"},
        {"exclude": "*.py"},
        {"additional_models": ["a:b:c"]},
    ],
)
def test_wrong_options_are_refused(context, options):
    with pytest.raises(InvalidArgument):
        build(**options)


def test_nested_options_are_checked_and_recorded(context):
    bento = jubako.bentos.build("service:svc", docker={"distro": "ubi9"}, conda={"dependencies": ["numpy"]})
    assert bento.info.build["docker"]["distro"] == "ubi9"
    assert bento.info.build["conda"]["dependencies"] == ["numpy"]
    for name, given, meant in (("docker", "distr", "distro"), ("conda", "pips", "pip"), ("python", "wheel", "wheels")):
        with pytest.raises(InvalidArgument, match=f"(?s){name}.*unknown key '{given}'. Did you mean '{meant}'"):
            jubako.bentos.build("service:svc", **{name: {given: "x"}})


def test_a_context_that_is_no_folder_is_refused(context):
    with pytest.raises(BuildError, match="no folder"):
        build(build_ctx=context / "nowhere")


@pytest.mark.parametrize("description", ["# Mine\n", "file: docs/about.md", "file:./docs/about.md"])
def test_the_description_becomes_the_readme(context, description):
    (context / "docs").mkdir()
    (context / "docs" / "about.md").write_text("# Mine\n")
    assert build(description=description).doc == "# Mine\n"


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "link", "absent", "docs", ".", "latin"])
def test_a_description_is_read_from_the_context_only(context, path):
    (context.parent / "secret").write_text("secret")
    (context / "docs").mkdir()
    (context / "link").symlink_to("../secret")
    (context / "latin").write_bytes(b"\xe4")
    with pytest.raises(BuildError):
        build(description=f"file: {path}", exclude=["link"])


def test_without_a_description_the_apis_are_listed(context):
    assert build().doc == "# toy\n\n- `POST /answer`: Answer the same.\n"


def test_a_step_of_a_plugin_takes_part_in_its_phase(context, site):
    site.install_plugin(
        "licences",
        "import jubako\n"
        "from jubako.contracts.offers import BuildStepType\n"
        "@jubako.hookimpl\n"
        "def jubako_register_build_steps():\n"
        "    yield BuildStepType(name='licences', summary='Lists licences.', phase=50, step='jubako_licences:write')\n"
        "def write(draft):\n"
        "    names = sorted(path.name for path in draft.folder.iterdir())\n"
        "    (draft.folder / 'LICENCES.txt').write_text(' '.join(names))\n",
    )
    bento = _build_with_plugins(context)
    assert bento.path_of("LICENCES.txt").read_text() == "README.md apis env sbom.cdx.json src"


def test_a_step_that_raises_is_named_with_its_plugin_and_publishes_nothing(context, site, workspace):
    site.install_plugin(
        "broken",
        "import jubako\n"
        "from jubako.contracts.offers import BuildStepType\n"
        "@jubako.hookimpl\n"
        "def jubako_register_build_steps():\n"
        "    yield BuildStepType(name='bad', summary='Fails.', phase=50, step='jubako_broken:fail')\n"
        "def fail(draft):\n"
        "    1 / 0\n",
    )
    with pytest.raises(BuildError, match=r"'bad' of plugin 'broken' failed[\s\S]*ZeroDivisionError"):
        _build_with_plugins(context)
    assert workspace.bento_store.list() == []


def _build_with_plugins(context):
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=context.parent / "home")))):
        return build()
