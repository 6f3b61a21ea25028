"""What users may import is pinned here: a change of this list is a change that users see, and has a changelog entry."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys

import pytest

PUBLIC_NAMES = {
    "jubako": {
        "Bento",
        "Context",
        "Model",
        "Runner",
        "Service",
        "SimpleRunner",
        "Tag",
        "batch_method",
        "bentos",
        "build",
        "build_bentofile",
        "containerize",
        "delete",
        "exceptions",
        "export_bento",
        "get",
        "hookimpl",
        "import_bento",
        "io",
        "list",
        "load",
        "models",
        "pull",
        "push",
    },
    "jubako.io": {
        "Descriptor",
        "EncodedBody",
        "File",
        "FileLike",
        "Image",
        "JSON",
        "Multipart",
        "NumpyNdarray",
        "PandasDataFrame",
        "PandasSeries",
        "Text",
    },
}
HEAVY = ("numpy", "pandas", "quart", "hypercorn", "click", "sklearn", "torch", "boto3", "yaml", "cattrs")


@pytest.mark.parametrize("module", sorted(PUBLIC_NAMES))
def test_the_public_names_are_these(module):
    assert set(importlib.import_module(module).__all__) - {"__version__"} == PUBLIC_NAMES[module]


@pytest.mark.parametrize("module", sorted(PUBLIC_NAMES))
def test_every_public_name_can_be_had(module):
    imported = importlib.import_module(module)
    for name in imported.__all__:
        assert getattr(imported, name) is not None
        assert name in dir(imported)


def test_importing_jubako_loads_nothing_heavy():
    script = f"import jubako, sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == ""


def is_public(name: str) -> bool:
    # The name of a test is a sentence that says it all.
    return not name.startswith(("_", "test_"))


def undocumented(module):
    if not ast.get_docstring(module.tree):
        yield module.at(module.tree)
    todo = [module.tree]
    while todo:
        for node in todo.pop().body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and is_public(node.name):
                # A property's setter and an overload are documented with the first of their name.
                decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
                if not ast.get_docstring(node) and not decorators & {"setter", "overload", "override"}:
                    yield f"{module.at(node)} {node.name}"
                if isinstance(node, ast.ClassDef):
                    todo.append(node)


def test_every_public_name_has_a_docstring(everything):
    # What stands in a private module, or overrides a documented name of a contract, is left to the linter.
    missing = [
        where
        for module in everything
        if all(is_public(part) for part in module.name.split("."))
        for where in undocumented(module)
    ]
    assert not missing, "\n".join(missing)
