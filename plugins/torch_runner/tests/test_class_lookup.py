"""Which classes a file may name, and that nothing runs for those that it may not."""

from __future__ import annotations

import sys

import pytest
import sample_modules
import torch

from jubako.errors import InvalidManifest, MissingDependency, ModelNotTrusted
from jubako_torch_runner.class_lookup import find_class, name_of_class


@pytest.mark.parametrize("cls", [sample_modules.Perceptron, torch.nn.Linear, torch.nn.TransformerEncoder])
def test_a_class_is_found_by_its_name(cls):
    assert find_class(name_of_class(cls)) is cls


@pytest.mark.parametrize(
    "name",
    [
        *("os:system", "subprocess:Popen", "builtins:eval", "antigravity:fly", "nt:system"),
        *("torch.hub:load", "torch:load", "torch.jit:ScriptModule", "torch.fx.graph_module:GraphModule"),
        *("sample_modules:NotAModule", "sample_modules:make_perceptron", "sample_modules:nn", "sample_modules:missing"),
        *(
            "sample_modules:nn.Linear",
            "sample_modules:Perceptron.forward",
            "jubako.models:save",
            "pytest.__main__:main",
        ),
        *("__main__:Net", "torch.nn.modules.linear:torch", "torch.nn.modules.linear:Linear.__init__"),
    ],
)
def test_what_is_no_module_class_where_it_is_defined_is_refused(name):
    with pytest.raises(ModelNotTrusted):
        find_class(name)


@pytest.mark.parametrize(
    "name",
    ["", "os", "os:", ":x", "a b:c", "..a:b", "a:b()", "a.b:c\n", "ä:b", "a:" + "b." * 300, "../x:y", "x" * 501 + ":Y"],
)
def test_a_text_that_is_no_name_is_refused(name):
    with pytest.raises(InvalidManifest, match="no name of a class"):
        find_class(name)


def test_a_class_of_a_package_that_is_not_there_is_missing_and_the_error_says_what():
    with pytest.raises(MissingDependency) as caught:
        find_class("not_there.nets:Net")
    assert str(caught.value) == (
        "not_there.nets:Net cannot be found.\n"
        "There is no module 'not_there' among the installed packages, nor beside the service or program.\n"
        "Do: install what provides 'not_there', put it beside the service, or import it before the model is loaded"
    )


def write_package(folder, name, **sources):
    package = folder / name
    package.mkdir(parents=True)
    for module, source in {"__init__": "", **sources}.items():
        (package / f"{module}.py").write_text(source)
    return package


def test_a_module_that_defines_no_such_class_is_not_run_nor_the_packages_above_it(tmp_path, monkeypatch):
    ran = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n"
    write_package(
        tmp_path / "site", "planted_one", __init__=ran, scripts=f"{ran}Net = print\n\ndef make(): class Net: 1"
    )
    write_package(
        tmp_path / "site", "planted_two", __init__=ran, scripts=f"{ran}def make():\n    class Net:\n        1\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    for name in ("planted_two.scripts:Net", "planted_two:Net", "planted_two.scripts:make"):
        with pytest.raises(ModelNotTrusted, match="the module was not imported"):
            find_class(name)
    with pytest.raises(InvalidManifest, match="cannot be looked at"):
        find_class("planted_one.scripts:Net")
    assert not (tmp_path / "ran").exists()
    assert not {"planted_one", "planted_two"} & sys.modules.keys()


def test_a_module_in_the_current_directory_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "planted_here.py").write_text(
        f"import torch\nopen({str(tmp_path / 'ran')!r}, 'w').close()\nclass Net(torch.nn.Module): pass\n"
    )
    monkeypatch.chdir(tmp_path)
    for place in ("", "."):
        monkeypatch.setattr(sys, "path", [place, *sys.path])
        with pytest.raises(MissingDependency, match="planted_here"):
            find_class("planted_here:Net")
    assert not (tmp_path / "ran").exists()


def test_a_module_that_the_current_directory_hides_is_not_imported_from_there(tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    write_package(tmp_path / "site", "shadowed_nets", nets="import torch\nclass Net(torch.nn.Module): pass")
    write_package(tmp_path / "here", "shadowed_nets", nets=f"open({str(ran)!r}, 'w')\nclass Net: pass")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", ["", str(tmp_path / "site"), *sys.path])
    with pytest.raises(MissingDependency, match="shadowed_nets"):
        find_class("shadowed_nets.nets:Net")
    assert not ran.exists()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), "", *sys.path])
    assert find_class("shadowed_nets.nets:Net").__module__ == "shadowed_nets.nets"


def test_the_current_directory_may_be_a_place_that_is_fixed(tmp_path, monkeypatch):
    (tmp_path / "beside_service.py").write_text("import torch\nclass Net(torch.nn.Module): pass")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    assert find_class("beside_service:Net").__name__ == "Net"


def test_a_class_inside_a_condition_or_a_class_is_found(tmp_path, monkeypatch):
    source = """
import torch
try:
    class Outer(torch.nn.Module):
        class Inner(torch.nn.Module):
            pass
except ImportError:
    pass
"""
    write_package(tmp_path, "nested_nets", nets=source)
    monkeypatch.syspath_prepend(tmp_path)
    assert find_class("nested_nets.nets:Outer.Inner").__qualname__ == "Outer.Inner"


def test_a_module_that_cannot_be_imported_says_why(tmp_path, monkeypatch):
    (tmp_path / "broken_net.py").write_text("class Net: pass\nraise RuntimeError('no licence')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidManifest, match="RuntimeError: no licence"):
        find_class("broken_net:Net")


def test_a_class_that_was_replaced_in_its_module_has_no_name(monkeypatch):
    monkeypatch.setattr(sample_modules, "Tied", type("Tied", (torch.nn.Module,), {"__module__": "sample_modules"}))
    with pytest.raises(InvalidManifest, match="another class"):
        name_of_class(type("Tied", (torch.nn.Module,), {"__module__": "sample_modules"}))


def test_a_class_of_a_function_has_no_name():
    class Local(torch.nn.Module):
        pass

    with pytest.raises(ModelNotTrusted, match="Local is defined inside a function"):
        name_of_class(Local)
