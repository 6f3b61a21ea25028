"""Calls that have opened other model servers to attackers appear only where a reason is written down here."""

from __future__ import annotations

import ast

import pytest

PICKLES = ("pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib")

# Module -> why it may import one of them.
MAY_IMPORT_PICKLES = {
    "jubako.serializers._unpickle": "the one module of the core that may unpickle",
    "jubako.serializers.cloudpickle": "writes the format that is declared code",
    "jubako.payloads._pickled": "writes Python values for the private channel between our own processes",
    "jubako_sklearn_runner.joblib_serializer": "writes and, after the trust check, reads the format declared code",
    "jubako_sklearn_runner.threads": "holds joblib to one job; reads no file",
}
# Those of them that may read pickles, not only write them.
MAY_UNPICKLE = ("jubako.serializers._unpickle", "jubako_sklearn_runner.joblib_serializer")

READERS = ("load", "loads", "Unpickler")
FORBIDDEN_NAMES = ("eval", "exec", "compile", "__import__")
FORBIDDEN_CALLS = {
    "yaml.load": "use jubako._documents.parse_yaml",
    "yaml.unsafe_load": "use jubako._documents.parse_yaml",
    "yaml.full_load": "use jubako._documents.parse_yaml",
    "os.system": "use subprocess.run with a list",
    "os.popen": "use subprocess.run with a list",
    "tempfile.mktemp": "use tempfile.mkdtemp",
    "numpy.load": "pass allow_pickle=False",
    "np.load": "pass allow_pickle=False",
}
FORBIDDEN_METHODS = {"extractall": "use the extractor that refuses links"}


def calls(module):
    return [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]


def has_keyword(call: ast.Call, name: str, value: object) -> bool:
    return any(
        keyword.arg == name and isinstance(keyword.value, ast.Constant) and keyword.value.value is value
        for keyword in call.keywords
    )


def pickle_imports(sources):
    for arrow in sources.arrows:
        if arrow.target.partition(".")[0] in PICKLES and arrow.source not in MAY_IMPORT_PICKLES:
            yield str(arrow)


def pickle_readers(sources):
    for module in sources:
        for node in ast.walk(module.tree):
            if module.name in MAY_UNPICKLE:
                continue
            if isinstance(node, ast.ImportFrom) and node.module in PICKLES:
                yield from (module.at(node) for alias in node.names if alias.name in READERS)
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in PICKLES and node.attr in READERS:
                yield module.at(node)


def unsafe_calls(sources):
    for module in sources:
        for call in calls(module):
            name = ast.unparse(call.func)
            if name in FORBIDDEN_NAMES:
                yield f"{module.at(call)}: {name} runs text as code"
            if name in FORBIDDEN_CALLS and not has_keyword(call, "allow_pickle", False):
                yield f"{module.at(call)}: {name}: {FORBIDDEN_CALLS[name]}"
            if isinstance(call.func, ast.Attribute) and call.func.attr in FORBIDDEN_METHODS:
                yield f"{module.at(call)}: {name}: {FORBIDDEN_METHODS[call.func.attr]}"
            if has_keyword(call, "shell", True) or has_keyword(call, "allow_pickle", True):
                yield f"{module.at(call)}: {ast.unparse(call)[:80]}"


@pytest.mark.parametrize("find", [pickle_imports, pickle_readers, unsafe_calls])
def test_no_source_does_what_is_forbidden(everything, find):
    found = list(find(everything))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("find", "text"),
    [
        (pickle_imports, "import pickle"),
        (pickle_imports, "def late():\n    from cloudpickle import loads"),
        (pickle_readers, "import pickle\npickle.loads(b'')"),
        (pickle_readers, "from pickle import Unpickler"),
        (unsafe_calls, "eval('1')"),
        (unsafe_calls, "yaml.load(text, Loader=yaml.Loader)"),
        (unsafe_calls, "subprocess.run('ls', shell=True)"),
        (unsafe_calls, "archive.extractall(folder)"),
        (unsafe_calls, "np.load(path)"),
        (unsafe_calls, "numpy.load(path, allow_pickle=True)"),
        (unsafe_calls, "tempfile.mktemp()"),
    ],
)
def test_what_is_forbidden_is_found(plant, find, text):
    assert list(find(plant({"stores/local.py": text})))


def test_every_exemption_is_still_needed(everything):
    importing = {a.source for a in everything.arrows if a.target.partition(".")[0] in PICKLES}
    assert set(MAY_IMPORT_PICKLES) <= importing, sorted(set(MAY_IMPORT_PICKLES) - importing)
