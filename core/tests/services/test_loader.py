from __future__ import annotations

import importlib
import pickle
import shutil
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

import jubako.bentos
import jubako.models
from jubako.contracts.store import StoreKind
from jubako.errors import BadInput, ImportServiceError, InvalidArgument, NotFound, OfferNotFound
from jubako.plugins import compose
from jubako.services import load
from jubako.settings import PluginSettings
from jubako.stores.local import open_store
from jubako.workspace import open_workspace, using_workspace

pytestmark = pytest.mark.usefixtures("workspace")


def answer(service, value=1):
    return service.apis["answer"].func(value)


@pytest.mark.parametrize(
    "text",
    ["service.py:svc", "service:svc", "service", "./service.py", "pkg.inner.service:svc", "pkg/inner/service.py:svc"],
)
def test_every_form_loads_and_leaves_the_program_as_it_was(project, write_service, untouched, text):
    write_service(project / "service.py")
    write_service(project / "pkg" / "inner" / "service.py", before="from .. import VALUE\n")
    (project / "pkg" / "__init__.py").write_text("VALUE = 1\n")
    (project / "pkg" / "inner" / "__init__.py").write_text("")
    assert answer(load(text), 5) == 5


def test_a_service_inside_another_object_is_found_by_its_path(project):
    (project / "service.py").write_text("import jubako\nclass holder:\n    svc = jubako.Service('held')\n")
    assert load("service:holder.svc").name == "held"


def test_a_working_directory_can_be_given(project, write_service, untouched):
    write_service(project / "inner" / "service.py")
    service = load("service:svc", working_dir=project / "inner")
    assert service.working_dir == project / "inner"
    assert service.import_string == "service:svc"


def test_the_working_directory_is_the_processs_own_only_while_the_source_runs(project, write_service, untouched):
    write_service(project / "inner" / "service.py", before="import os\nHERE = os.getcwd()\n", answer="HERE")
    assert answer(load("service:svc", project / "inner")) == str(project)
    assert answer(load("service:svc", project / "inner", change_global_cwd=True)) == str(project / "inner")


def test_two_projects_with_modules_of_one_name_do_not_see_each_others(project, write_service, untouched):
    for name in ("one", "two"):
        write_service(project / name / "service.py", before="import helper\n", answer="helper.VALUE")
        (project / name / "helper.py").write_text(f"VALUE = {name!r}\n")
    one, two = load("service:svc", project / "one"), load("service:svc", project / "two")
    assert (answer(one), answer(two)) == ("one", "two")


def test_a_projects_module_goes_before_one_of_the_program_by_the_same_name(project, write_service, monkeypatch):
    (project / "program").mkdir()
    (project / "program" / "helper.py").write_text("VALUE = 'program'\n")
    monkeypatch.syspath_prepend(str(project / "program"))
    helper = __import__("helper")
    try:
        write_service(project / "other" / "service.py", before="import helper\n", answer="helper.VALUE")
        (project / "other" / "helper.py").write_text("VALUE = 'other'\n")
        assert answer(load("service:svc", project / "other")) == "other"
        assert sys.modules["helper"] is helper
    finally:
        del sys.modules["helper"]


def test_an_environment_inside_the_project_stays_imported(project, write_service, monkeypatch):
    site = project / ".venv" / "lib"
    site.mkdir(parents=True)
    (site / "jubako_test_library.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(str(site))
    write_service(project / "service.py", before="import jubako_test_library\n")
    load("service:svc")
    assert sys.modules.pop("jubako_test_library").VALUE == 1


def test_each_load_runs_the_source_as_it_is_now(project, write_service):
    write_service(project / "service.py", answer="1")
    first = load("service:svc")
    write_service(project / "service.py", answer="'changed'")
    second = load("service:svc")
    assert (answer(first), answer(second)) == (1, "changed")


def test_objects_of_the_services_own_classes_can_be_pickled(project, write_service):
    write_service(project / "service.py", before="class Thing:\n    pass\n", answer="Thing()")
    thing = answer(load("service:svc"))
    assert type(pickle.loads(pickle.dumps(thing))) is type(thing)


def test_the_module_can_be_imported_by_what_it_imports(project, write_service):
    write_service(project / "service.py", before="VALUE = 7\nimport helper\n", answer="helper.seen()")
    (project / "helper.py").write_text("import service\n\ndef seen():\n    return service.VALUE\n")
    assert answer(load("service:svc")) == 7


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "defines none at its top level"),
        ("import jubako\na = jubako.Service('a')\nb = jubako.Service('b')\n", "write 'service:a' or 'service:b'"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("def\n", "SyntaxError"),
        ("import sys\nsys.exit(3)\n", "SystemExit"),
        ("import jubako_no_such_package\n", "jubako_no_such_package"),
    ],
)
def test_a_module_that_gives_no_one_service_is_explained(project, untouched, source, words):
    (project / "service.py").write_text(source)
    with pytest.raises(ImportServiceError) as caught:
        load("service")
    assert words in str(caught.value)


def test_one_service_under_two_names_is_one(project, write_service):
    write_service(project / "service.py", before="")
    with (project / "service.py").open("a") as file:
        file.write("\nalias = svc\n")
    assert load("service").name == "toy"


def test_an_attribute_that_is_missing_or_no_service_is_explained(project, write_service):
    write_service(project / "service.py", before="number = 3\n# nothing\n")
    with pytest.raises(ImportServiceError, match=r"has no 'nothing'[\s\S]*write 'service:svc'"):
        load("service:nothing")
    with pytest.raises(ImportServiceError, match=r"'number' is of type int[\s\S]*write 'service:svc'"):
        load("service:number")


def test_a_near_name_is_suggested_where_the_path_ends(project):
    (project / "service.py").write_text(
        "import jubako\nclass holder:\n    first = jubako.Service('a')\n# holdr, frist\n"
    )
    with pytest.raises(ImportServiceError, match=r"has no 'holdr'[\s\S]*write 'service:holder'"):
        load("service:holdr.first")
    with pytest.raises(ImportServiceError, match=r"has no 'holder.frist'[\s\S]*write 'service:holder.first'"):
        load("service:holder.frist")
    with pytest.raises(ImportServiceError, match=r"'holder' is the class holder[\s\S]*define one"):
        load("service:holder")


def test_an_error_of_the_source_shows_the_users_lines_and_no_others(project, untouched):
    (project / "service.py").write_text("import helper\n")
    (project / "helper.py").write_text("def fail():\n    return 1 / 0\n\nfail()\n")
    with pytest.raises(ImportServiceError) as caught:
        load("service")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert str(caught.value) == (
        f"{project}/service.py cannot be imported.\n"
        "It raises ZeroDivisionError: division by zero\n"
        f'  File "{project}/service.py", line 1, in <module>\n    import helper\n'
        f'  File "{project}/helper.py", line 4, in <module>\n    fail()\n'
        f'  File "{project}/helper.py", line 2, in fail\n    return 1 / 0\n'
        "Do: correct the file"
    )


def test_a_syntax_error_shows_its_own_line(project):
    (project / "service.py").write_text("import helper\n")
    (project / "helper.py").write_text("a = (\n")
    with pytest.raises(ImportServiceError) as caught:
        load("service")
    assert f'File "{project}/helper.py", line 1\n' in str(caught.value)


def test_a_package_that_the_source_misses_is_told_from_a_module_that_is_not_there(project):
    (project / "service.py").write_text("import jubako_no_such_package.inner\n")
    with pytest.raises(ImportServiceError, match="install the package of 'jubako_no_such_package'"):
        load("service")
    with pytest.raises(ImportServiceError, match="there is no module 'servicee'"):
        load("servicee")


def test_an_error_of_jubako_in_the_source_keeps_its_class_and_names_the_file(project, untouched):
    (project / "service.py").write_text("from jubako.errors import BadInput\nraise BadInput('no')\n")
    with pytest.raises(BadInput) as caught:
        load("service")
    assert caught.value.__notes__ == [f"(while importing {project}/service.py, line 2)"]


def test_a_tag_never_runs_a_module_of_that_name(project, write_service, tmp_path):
    write_service(tmp_path / "built" / "inside.py", title="toy")
    bento = jubako.bentos.build("inside:svc", build_ctx=tmp_path / "built")
    (project / "toy.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    assert load(bento.tag).tag == bento.tag
    assert load(str(bento.tag)).tag == bento.tag
    with pytest.raises(ImportServiceError, match="more than one"):
        load("toy")
    assert not Path("ran").exists()


def test_a_service_of_a_bento_knows_where_it_is_from(project, write_service, tmp_path, untouched):
    write_service(tmp_path / "built" / "inside.py", title="toy")
    bento = jubako.bentos.build("inside:svc", build_ctx=tmp_path / "built", description="# Toy", version="v1")
    for service in (load("toy:latest"), load(bento.path), load(bento), load(bento.tag), load(str(bento.path))):
        assert (str(service.tag), service.version, service.bento.tag) == ("toy:v1", "v1", bento.tag)
        assert service.doc == "# Toy"
        assert service.openapi_doc()["info"]["version"] == "v1"
        assert answer(service, 3) == 3
    assert not list(bento.path.rglob("__pycache__"))


def test_a_path_is_never_taken_for_a_tag_or_a_module(project, write_service, tmp_path):
    write_service(tmp_path / "built" / "inside.py", title="toy")
    jubako.bentos.build("inside:svc", build_ctx=tmp_path / "built")
    write_service(project / "toy" / "__init__.py", title="package")
    assert load(Path("toy")).name == "package"
    assert load(project / "toy").name == "package"
    with pytest.raises(ImportServiceError, match="does not exist"):
        load(Path("inside"))


def test_a_bento_of_a_later_release_is_loaded_with_a_warning(project, write_service, tmp_path, caplog):
    write_service(tmp_path / "built" / "inside.py", title="toy")
    bento = jubako.bentos.build("inside:svc", build_ctx=tmp_path / "built", version="v1")
    copy = shutil.copytree(bento.path, project / "copy")
    (copy / "bento.yaml").chmod(0o600)
    for version, warnings in (("1000.2.dev3", 1), ("0.0.9", 0), (jubako.__version__, 0)):
        text = (bento.path / "bento.yaml").read_text()
        (copy / "bento.yaml").write_text(
            text.replace(f"jubako_version: {jubako.__version__}", f"jubako_version: {version}")
        )
        caplog.clear()
        assert load(copy).version == "v1"
        assert len(caplog.messages) == warnings


def test_the_program_is_as_it_was_after_an_error_too(project, write_service, untouched):
    write_service(project / "inner" / "service.py", before="import helper\n1 / 0\n")
    (project / "inner" / "helper.py").write_text("")
    with pytest.raises(ImportServiceError):
        load("service:svc", project / "inner", change_global_cwd=True)


def test_a_bento_finds_its_own_models_and_no_others(project, tmp_path, workspace):
    with jubako.models.create("numbers") as model:
        Path(model.path_of("value.txt")).write_text("42")
    (project / "service.py").write_text(
        "import jubako, jubako.models\n"
        "from jubako.io import JSON\n"
        "model = jubako.models.get('numbers')\n"
        "svc = jubako.Service('toy')\n"
        "@svc.api(input=JSON(), output=JSON())\n"
        "def answer(value):\n"
        "    return model.path_of('value.txt').read_text()\n"
    )
    packed = jubako.bentos.build("service:svc", additional_models=["numbers"], version="packed")
    (project / "service.py").write_text(
        "import os, jubako, jubako.models\n"
        "svc = jubako.Service('toy')\n"
        "if os.path.exists('ask'):\n"
        "    jubako.models.get('numbers')\n"
    )
    bare = jubako.bentos.build("service:svc", version="bare")
    (project / "ask").touch()
    with pytest.raises(NotFound, match="numbers"):
        load(bare.tag)
    jubako.models.delete("numbers")
    service = load(packed.tag)
    assert answer(service) == "42"
    assert [tag.name for tag in service.workspace.model_store.list()] == ["numbers"]
    assert service.workspace.trust is workspace.trust


SCALER = "class Scaler:\n    def __init__(self, factor):\n        self.factor = factor\n"
SCALING = """
import jubako
from scaler import Scaler

class Scaling(jubako.SimpleRunner):
    def _setup(self):
        self.model = jubako.picklable_model.load("scaler:latest")
        assert type(self.model) is Scaler

    def _run(self, value):
        return value * self.model.factor

runner = Scaling("scaling")
jubako.models.get("scaler")
svc = jubako.Service("toy", runners=[runner])
"""


@pytest.fixture
def scaling(project, monkeypatch):
    """A folder with a service whose runners load a model, the class of which stands beside the service."""
    folder = project / "inner"
    folder.mkdir()
    (folder / "scaler.py").write_text(SCALER)
    (folder / "service.py").write_text(SCALING)
    with monkeypatch.context() as patched:
        patched.syspath_prepend(str(folder))
        with pytest.warns(UserWarning, match="can run code"):
            jubako.picklable_model.save("scaler", importlib.import_module("scaler").Scaler(3))
        del sys.modules["scaler"]
    return folder


def test_a_runner_finds_the_class_of_its_model_beside_the_service_later(scaling, untouched):
    service = load("service:svc", scaling)
    assert service.runners["scaling"].run(2) == 6


def test_a_runner_of_a_bento_finds_its_class_and_its_model_there_later(scaling, untouched):
    bento = jubako.bentos.build("service:svc", build_ctx=scaling)
    jubako.models.delete("scaler")
    service = load(bento)
    assert service.runners["scaling"].run(2) == 6
    # What the program imports meanwhile is not the Service's, and stays.
    sys.modules["scaler"] = stranger = ModuleType("scaler")
    try:
        assert load(bento).runners["scaling"].run(2) == 6
        assert sys.modules["scaler"] is stranger
    finally:
        del sys.modules["scaler"]


def test_other_stores_can_be_given(project, write_service, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    bentos, models = (open_store(elsewhere.as_uri(), kind) for kind in (StoreKind.BENTOS, StoreKind.MODELS))
    write_service(tmp_path / "built" / "inside.py", title="toy")
    bento = jubako.bentos.build("inside:svc", build_ctx=tmp_path / "built", _bento_store=bentos)
    assert load(bento.tag, _bento_store=bentos).tag == bento.tag
    with pytest.raises(ImportServiceError):
        load(bento.tag)
    with jubako.models.create("numbers", _model_store=models):
        pass
    (project / "service.py").write_text("import jubako\njubako.models.get('numbers')\nsvc = jubako.Service('toy')\n")
    assert load("service", _model_store=models).name == "toy"
    with pytest.raises(NotFound, match="numbers"):
        load("service")


@pytest.mark.parametrize("identifier", [None, 5, b"service.py"])
def test_an_identifier_that_is_no_text_is_refused(identifier):
    with pytest.raises(InvalidArgument, match="names no Service"):
        load(identifier)


WOBBLER = """
import jubako
from jubako.contracts.offers import RunnerType
from jubako.runners import ModelRunner

@jubako.hookimpl
def jubako_register_runner_types():
    yield RunnerType(
        name="wobble", summary="Wobbles.",
        save="jubako_wobbler:save", load="jubako_wobbler:load", load_runner="jubako_wobbler:load_runner",
    )

class Wobble(ModelRunner):
    def _setup(self):
        pass

    def _run_batch(self, rows):
        return rows

def load_runner(tag):
    return Wobble(tag)
"""


def test_a_bento_whose_runner_type_is_not_installed_names_the_distribution(project, site, workspace):
    site.install_plugin("wobbler", WOBBLER)

    def using_plugins(**options):
        composition = compose(PluginSettings(**options))
        return using_workspace(open_workspace(workspace.settings, composition))

    (project / "service.py").write_text(
        "import jubako\nimport jubako.wobble\n"
        "svc = jubako.Service('toy', runners=[jubako.wobble.load_runner('numbers')])\n"
    )
    try:
        with using_plugins():
            with jubako.models.create("numbers", module="wobble"):
                pass
            bento = jubako.bentos.build("service:svc")
            assert [(runner.runner_type, runner.plugin) for runner in bento.info.runners] == [
                ("wobble", "jubako-wobbler==1.0")
            ]
            assert list(load(bento.tag).runners) == ["numbers"]
        with using_plugins(disable=("wobbler",)), pytest.raises(OfferNotFound, match="deny-list"):
            load(bento.tag)
        shutil.rmtree(site.folder / "jubako_wobbler-1.0.dist-info")
        importlib.invalidate_caches()
        with using_plugins(), pytest.raises(OfferNotFound) as caught:
            load(bento.tag)
        assert str(caught.value) == (
            f"Bento {bento.tag} cannot be imported: there is no runner type 'wobble'.\n"
            "It was built with the runner type 'wobble' of jubako-wobbler==1.0, which is not installed.\n"
            "Do: pip install jubako-wobbler==1.0; or serve it with --isolated, which installs what its lock names"
        )
    finally:
        sys.modules.pop("jubako.wobble", None)
        vars(jubako).pop("wobble", None)


def test_loads_in_several_threads_do_not_disturb_each_other(project, write_service, untouched, workspace):
    for index in range(6):
        write_service(project / str(index) / "service.py", before="import helper\n", answer="helper.VALUE")
        (project / str(index) / "helper.py").write_text(f"VALUE = {index}\n")
    answers: dict[int, object] = {}

    def run(index):
        with using_workspace(workspace):
            answers[index] = answer(load("service:svc", project / str(index)))

    threads = [threading.Thread(target=run, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == {index: index for index in range(6)}
