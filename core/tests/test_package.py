"""The package itself: what importing it loads, and the modules of runner types."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import pickle
import sys

import pytest

import jubako
from jubako import errors, exceptions
from jubako.settings import PluginSettings, Settings, StoreSettings
from jubako.workspace import open_workspace, using_workspace

TOY = """
import jubako
from jubako.contracts.offers import RunnerType

@jubako.hookimpl
def jubako_register_runner_types():
    yield RunnerType(
        name="toy", summary="Runs toys.", aliases=("plaything",), requires=REQUIRES,
        save="jubako_toy_work:save", load="jubako_toy_work:load", load_runner="jubako_toy_work:load_runner",
    )
"""
WORK = "def save(): return 'saved'\ndef load(): return 'loaded'\ndef load_runner(): return 'runner'\n"


@pytest.fixture
def install_toy(site):
    """Return a function that installs the runner type `toy`."""

    def install(requires=()):
        site.install_plugin("toy", TOY.replace("REQUIRES", repr(requires)))
        site.install("work", modules={"jubako_toy_work.py": WORK})

    return install


@pytest.fixture
def use_plugins(tmp_path):
    """Return a function that makes the plugins it names, and no others, those of the rest of the test."""

    def forget():
        for name in ("toy", "plaything"):
            sys.modules.pop(f"jubako.{name}", None)
            vars(jubako).pop(name, None)

    with contextlib.ExitStack() as stack:
        stack.callback(forget)
        yield lambda *names: stack.enter_context(
            using_workspace(
                open_workspace(
                    Settings(plugins=PluginSettings(allow=names), stores=StoreSettings(home=tmp_path / "home"))
                )
            )
        )


def test_importing_the_package_loads_the_lowest_floors_attrs_and_pluggy_and_no_more(site):
    code = "import sys\nbefore = set(sys.modules)\nimport jubako\nprint(*sorted(set(sys.modules) - before))"
    loaded = set(site.run_python("-c", code).stdout.split())
    tops = {name.partition(".")[0] for name in loaded}
    assert tops - sys.stdlib_module_names == {"jubako", "attr", "attrs", "pluggy"}
    ours = {name for name in loaded if name.startswith("jubako.")}
    assert {name.split(".")[1] for name in ours} == {
        "_origins",
        "_references",
        "_runner_modules",
        "_version",
        "contracts",
        "errors",
        "exceptions",
        "values",
    }
    assert not {"importlib.metadata", "asyncio", "subprocess", "multiprocessing"} & loaded


def test_importing_the_package_writes_nothing_and_changes_no_log(site, tmp_path):
    code = (
        "import logging, os, sys, warnings\n"
        "def state():\n"
        "    loggers = [logging.root, *logging.root.manager.loggerDict.values()]\n"
        "    handlers = [handler for logger in loggers for handler in getattr(logger, 'handlers', ())]\n"
        "    return handlers, sys.path[:], os.getcwd(), dict(os.environ), warnings.filters[:]\n"
        "before = state()\n"
        "import jubako\n"
        "assert state() == before"
    )
    (tmp_path / "jubako.yaml").write_text("what is wrong here is nobody's business yet: [")
    ran = site.run_python("-c", code, HOME=str(tmp_path / "home"), JUBAKO_CONFIG=str(tmp_path / "jubako.yaml"))
    assert ran.returncode == 0, ran.stderr
    assert not (tmp_path / "home").exists()


def test_the_version_is_that_of_the_distribution():
    assert jubako.__version__ == importlib.metadata.version("jubako")


def test_every_public_name_is_there_and_listed():
    for name in jubako.__all__:
        assert getattr(jubako, name) is not None
    assert set(jubako.__all__) <= set(dir(jubako))


def test_a_public_name_is_what_its_home_defines():
    from jubako.bentos import list as list_bentos
    from jubako.runners import Runner
    from jubako.values.tag import Tag

    assert jubako.list is list_bentos
    assert jubako.Runner is Runner
    assert jubako.Tag is Tag


def test_every_error_is_named_where_everybody_may_import_it():
    for name in exceptions.__all__:
        assert getattr(exceptions, name).__module__ == "jubako.exceptions"
    for error in (errors.BadInput("no", field="$"), errors.OfferNotFound("no", why="so")):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))
    assert {name for name, kind in vars(errors).items() if isinstance(kind, type)} <= set(exceptions.__all__)


def test_code_written_to_the_reference_finds_its_names(site):
    code = (
        "import jubako as bentoml\nfrom bentoml_names import *\n"
        "print(bentoml.Service, bentoml.io.JSON, bentoml.exceptions.BentoMLException, bentoml.models.get)"
    )
    site.install("names", modules={"bentoml_names.py": "from jubako import Service, Runner, SimpleRunner, Tag, build"})
    assert site.run_python("-c", code).returncode == 0


def test_a_runner_type_is_a_module_with_its_three_functions(install_toy, use_plugins):
    install_toy()
    use_plugins("toy")
    assert jubako.toy.save() == "saved"
    assert jubako.toy.load() == "loaded"
    assert jubako.toy.load_runner() == "runner"
    assert {"save", "load", "load_runner"} <= set(dir(jubako.toy))
    assert hasattr(jubako, "toy")


def test_a_runner_types_module_can_be_imported_by_name_and_by_alias(install_toy, use_plugins):
    install_toy()
    use_plugins("toy")
    namespace = {}
    exec("import jubako.toy\nfrom jubako.plaything import save, load_runner\nfrom jubako import toy", namespace)
    assert namespace["save"]() == "saved"
    assert namespace["toy"].load() == "loaded"
    exec("from jubako.toy import *", namespace)
    assert namespace["load"]() == "loaded"


def test_a_runner_types_module_has_no_other_attributes(install_toy, use_plugins):
    install_toy()
    use_plugins("toy")
    with pytest.raises(AttributeError, match=r"jubako\.toy has save, load, load_runner, and no 'safe'"):
        jubako.toy.safe  # noqa: B018


def test_a_runner_types_module_follows_the_current_workspace(install_toy, use_plugins):
    install_toy()
    use_plugins("toy")
    module = jubako.toy
    use_plugins()
    with pytest.raises(exceptions.OfferNotFound, match="The plugin toy"):
        module.save  # noqa: B018


def test_an_attribute_that_is_no_runner_type_is_an_attribute_error(use_plugins):
    use_plugins()
    assert not hasattr(jubako, "frobnicator")
    with pytest.raises(AttributeError) as caught:
        jubako.frobnicator  # noqa: B018
    assert isinstance(caught.value, exceptions.OfferNotFound)
    assert str(caught.value).startswith("there is no runner type 'frobnicator'.")


def test_a_module_that_is_no_runner_type_is_an_import_error(use_plugins):
    use_plugins()
    with pytest.raises(ImportError) as caught:
        importlib.import_module("jubako.frobnicator")
    assert isinstance(caught.value, exceptions.OfferNotFound)
    with pytest.raises(ImportError, match="there is no runner type 'frobnicator'"):
        exec("from jubako import frobnicator")


def test_a_runner_type_that_is_not_installed_says_what_to_install(use_plugins):
    use_plugins()
    words = "runner type 'torch' cannot be used.\nIt comes with jubako-torch-runner, which is not installed.\n"
    with pytest.raises(AttributeError) as caught:
        jubako.torch  # noqa: B018
    assert str(caught.value) == f"{words}Do: pip install jubako-torch-runner"
    with pytest.raises(ImportError) as caught:
        exec("from jubako.pytorch import save")
    assert "Do: pip install jubako-torch-runner" in str(caught.value)


def test_a_runner_type_whose_plugin_failed_says_which_and_why(site, use_plugins):
    site.install_plugin("toy", "1 / 0")
    use_plugins("toy")
    with pytest.raises(ImportError) as caught:
        importlib.import_module("jubako.toy")
    assert "The plugin toy (jubako-toy 1.0), which is likely to offer it, could not be loaded" in str(caught.value)
    assert "ZeroDivisionError: division by zero" in str(caught.value)


def test_a_runner_type_whose_framework_is_missing_says_what_to_install_when_it_is_used(install_toy, use_plugins):
    install_toy(requires=("frobnicator",))
    use_plugins("toy")
    module = importlib.import_module("jubako.toy")
    with pytest.raises(exceptions.MissingDependency, match="Do: pip install frobnicator"):
        module.save  # noqa: B018


def test_names_that_tools_probe_for_compose_nothing(site):
    site.install_plugin("loud", "import sys\nsys.stderr.write('loaded')")
    code = (
        "import importlib.util, jubako\n"
        "assert not hasattr(jubako, '__wrapped__') and not hasattr(jubako, '_repr_html_')\n"
        "assert importlib.util.find_spec('jubako.__path__x') is None\n"
        "assert importlib.util.find_spec('jubako.stores').origin.endswith('__init__.py')\n"
        "import jubako.values.tag\n"
    )
    done = site.run_python("-c", code)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_the_package_again_keeps_one_finder(site):
    code = (
        "import importlib, sys, jubako\nimportlib.reload(jubako)\n"
        "print([type(finder).__name__ for finder in sys.meta_path].count('RunnerModuleFinder'))"
    )
    assert site.run_python("-c", code).stdout == "1\n"


def test_user_code_in_a_server_gets_the_plugins_of_that_server(install_toy, use_plugins, site):
    # The default workspace of the process would have been composed from what the environment allows.
    install_toy()
    use_plugins("toy")
    site.install("service", modules={"toy_service.py": "import jubako\nfrom jubako.toy import load\nanswer = load()\n"})
    assert importlib.import_module("toy_service").answer == "loaded"
