"""The gate: what has opened other model servers to attackers stands in no source, or a reason is written down here.

`python tests/architecture/security_gate.py` looks through every distribution, and ends with 1 if something is found;
`tox run -e lint` calls it. It needs nothing but Python. Names are followed through imports and their aliases, so that
`from pickle import loads as read` is found where it is imported and wherever it is used. What is built at run time out
of pieces of text is not found: this is for authors, not against them.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

# Importing one of these, or using whatever is below it.
MODULES: Mapping[str, str] = {
    **dict.fromkeys(
        ("pickle", "_pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "jsonpickle"),
        "reading a pickle runs what it names; write data, or ask jubako.serializers._unpickle",
    ),
    "multiprocessing": "its connections unpickle; use sockets and records, or frames",
    "concurrent.futures.process": "it unpickles; use processes of the backend",
    "runpy": "runs files as code; use jubako.services.importing",
    "code": "runs text as code",
    **dict.fromkeys(("codeop", "timeit", "pdb", "bdb"), "runs text as code"),
}
_TEXT_AS_CODE = "runs text as code"
_SHELL = "goes through a shell; use subprocess.run with a list"
_UNSAFE_YAML = "makes any object that the text names; use jubako._documents.parse_yaml"
_PICKLE_INSIDE = "unpickles; use a format that is data"
# Using one of these, called or not.
NAMES: Mapping[str, str] = {
    **{f"builtins.{name}": _TEXT_AS_CODE for name in ("eval", "exec", "compile", "__import__", "__builtins__")},
    **{
        f"yaml.{name}": _UNSAFE_YAML
        for name in (
            *("load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all"),
            *("Loader", "FullLoader", "UnsafeLoader", "CLoader", "CFullLoader", "CUnsafeLoader"),
            *("constructor", "loader", "cyaml"),
            # Safe as far as code goes, and defenceless against bombs of aliases.
            *("safe_load", "safe_load_all"),
        )
    },
    **dict.fromkeys(
        (
            *("os.system", "os.popen", "posix.system", "subprocess.getoutput", "subprocess.getstatusoutput"),
            *("asyncio.create_subprocess_shell", "asyncio.subprocess.create_subprocess_shell", "pty.spawn"),
        ),
        _SHELL,
    ),
    **dict.fromkeys(
        (
            *("pandas.read_pickle", "pandas.read_hdf", "concurrent.futures.ProcessPoolExecutor"),
            *("torch.jit.load", "torch.export.load", "torch.hub", "torch.package"),
            *("logging.config.listen", "numpy.loads", "numpy.lib.npyio.load"),
        ),
        _PICKLE_INSIDE,
    ),
    **dict.fromkeys(("skops.io.load", "skops.io.loads"), "makes what the archive names; check the archive first"),
    "pandas.eval": _TEXT_AS_CODE,
    "shutil.unpack_archive": "follows links and leaves its folder; use the extractor that refuses them",
    "tempfile.mktemp": "somebody else can make the file first; use tempfile.mkstemp or mkdtemp",
}
# May be called with exactly this keyword.
NEEDS_KEYWORD: Mapping[str, tuple[str, bool]] = {
    "numpy.load": ("allow_pickle", False),
    "numpy.lib.format.read_array": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
}
# Methods, of whatever object.
METHODS: Mapping[str, str] = {
    "extract": "follows links and leaves its folder; use the extractor that refuses them",
    "extractall": "follows links and leaves its folder; use the extractor that refuses them",
    "subprocess_shell": _SHELL,
}
# Keywords that may have this constant only, in whatever call.
KEYWORDS: Mapping[str, bool] = {"shell": False, "allow_pickle": False, "weights_only": True}

# Module -> name -> why it may.
EXEMPT: Mapping[str, Mapping[str, str]] = {
    "jubako.serializers._unpickle": {
        "pickle.load": "the one module of the core that may unpickle; its callers answer for the file",
        "pickle.loads": "the same, for frames of the private channel",
    },
    "jubako.serializers.cloudpickle": {"cloudpickle.dump": "writes the format that is declared code"},
    "jubako.payloads._pickled": {
        "pickle.dumps": "writes Python values for the private channel between our own processes",
        "pickle.PickleBuffer": "the same",
    },
    "jubako_sklearn_runner.joblib_serializer": {
        "joblib.dump": "writes the format that is declared code",
        "joblib.load": "the one module of this plugin that may unpickle; only after the trust check",
    },
    "jubako_sklearn_runner.threads": {"joblib.parallel_config": "holds joblib to one job; reads no file"},
    "jubako_sklearn_runner.skops_serializer": {"skops.io.load": "after every name was looked up in a fixed list"},
    "jubako_torch_runner._unpickle": {
        "torch.load": "the one module of this plugin that may unpickle; only after the trust check",
        "torch.export.load": "the same",
        "weights_only=False": "the same, for whole modules, which weights alone are not",
    },
    "jubako_torch_runner.torch_save_serializer": {
        "cloudpickle": "writes the format that is declared code; torch.save takes the module as an argument",
    },
    "jubako_torch_runner.runner": {"builtins.compile": "an argument's name, torch's own word"},
    "jubako_torch_runner.models": {"builtins.compile": "the same"},
}
# What reads pickles; of each distribution one module may, and no other.
READERS = ("load", "loads", "Unpickler")

_REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_IMPORTERS = (
    *("importlib.import_module", "importlib.util.find_spec", "importlib.__import__", "pkgutil.resolve_name"),
    *("sys.modules.get", "jubako._references.load_reference"),
)


class Hit(NamedTuple):
    """One use of what is forbidden.

    Args:
        module: dotted.
        line: of its source.
        name: what is used, by its full name.
        reason: why not, and what instead.
        is_import: whether it is imported there, and no more.
    """

    module: str
    line: int
    name: str
    reason: str
    is_import: bool = False


def hits(module: str, source: str) -> list[Hit]:
    """Everything in a source that is forbidden, the exempt too; in the order of the lines."""
    tree = ast.parse(source)
    finder = _Finder(module, _aliases(tree))
    finder.visit(tree)
    return sorted(set(finder.found), key=lambda hit: (hit.line, hit.name))


def forbidden(module: str, source: str) -> list[Hit]:
    """Everything in a source that is forbidden, and not exempt."""
    return [hit for hit in hits(module, source) if not _is_exempt(hit)]


def unneeded(sources: Mapping[str, str]) -> list[str]:
    """Exemptions that nothing needs any more, among those of the modules that are given."""
    return [
        f"{module}: the exemption for {name} is not needed"
        for module, names in EXEMPT.items()
        for name in names
        if module in sources and name not in {hit.name for hit in hits(module, sources[module])}
    ]


def _is_exempt(hit: Hit) -> bool:
    allowed = EXEMPT.get(hit.module, {})
    # What may use something of a module may import the module.
    return hit.name in allowed or (hit.is_import and any(name.startswith(f"{hit.name}.") for name in allowed))


def _aliases(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for, wherever in the source it is imported or given another name."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            meant = _full_name(node.value, names)
            if meant:
                names[node.targets[0].id] = meant
    return names


def _full_name(node: ast.AST, aliases: Mapping[str, str]) -> str:
    """The dotted name that an expression stands for; empty if it is no imported or built-in name."""
    if isinstance(node, ast.Name):
        builtin = f"builtins.{node.id}"
        return aliases.get(node.id, builtin if builtin in NAMES or node.id == "getattr" else "")
    if isinstance(node, ast.Attribute):
        owner = _full_name(node.value, aliases)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


class _Finder(ast.NodeVisitor):
    def __init__(self, module: str, aliases: Mapping[str, str]) -> None:
        self.found: list[Hit] = []
        self._module = module
        self._aliases = aliases

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._check(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._check(node, f"{node.module}.{alias.name}")

    def visit_Name(self, node: ast.Name) -> None:
        self._check(node, _full_name(node, self._aliases))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = _full_name(node, self._aliases)
        if name:
            self._check(node, name)
        else:
            self.generic_visit(node)
        if not name and node.attr in METHODS:
            self._report(node, f".{node.attr}", METHODS[node.attr])

    def visit_Call(self, node: ast.Call) -> None:
        name = _full_name(node.func, self._aliases)
        if name in NEEDS_KEYWORD:
            keyword, value = NEEDS_KEYWORD[name]
            if not any(each.arg == keyword and _is(each.value, value) for each in node.keywords):
                self._report(node, name, f"call it with {keyword}={value}")
        else:
            self.visit(node.func)
        if name in _IMPORTERS:
            for each in (*node.args[:1], *(keyword.value for keyword in node.keywords)):
                if isinstance(each, ast.Constant):
                    self._check(node, str(each.value).replace(":", "."))
        if name == "builtins.getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            self._check(node, f"{_full_name(node.args[0], self._aliases)}.{node.args[1].value}")
        for each in node.keywords:
            if each.arg in KEYWORDS and not _is(each.value, KEYWORDS[each.arg]):
                self._report(node, f"{each.arg}={ast.unparse(each.value)}", f"only {each.arg}={KEYWORDS[each.arg]}")
        for argument in (*node.args, *node.keywords):
            self.visit(argument)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if _full_name(node.value, self._aliases) == "sys.modules" and isinstance(node.slice, ast.Constant):
            self._check(node, str(node.slice.value))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and _REFERENCE.fullmatch(node.value):
            self._check(node, node.value.replace(":", "."))

    def _check(self, node: ast.AST, name: str) -> None:
        for known in _prefixes(name):
            if known in MODULES:
                self._report(node, name, MODULES[known])
            elif known in NAMES:
                self._report(node, known, NAMES[known])
            elif known in NEEDS_KEYWORD:
                self._report(node, known, "call it where it can be seen, by its own name")
            else:
                continue
            return
        last = name.rpartition(".")[2]
        if last in METHODS and not isinstance(node, ast.Constant):
            self._report(node, name, METHODS[last])

    def _report(self, node: ast.AST, name: str, reason: str) -> None:
        is_import = isinstance(node, ast.Import | ast.ImportFrom)
        self.found.append(Hit(self._module, getattr(node, "lineno", 1), name, reason, is_import))


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _is(node: ast.expr, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def sources_of(root: Path) -> dict[str, tuple[Path, str]]:
    """Module -> path and text, of all that is shipped, and of what runs beside it except other servers' services."""
    folders = [root / "core" / "src", *sorted((root / "plugins").glob("*/src"))]
    paths = [(folder, path) for folder in folders for path in sorted(folder.rglob("*.py"))]
    beside = [*sorted((root / "benchmarks").glob("*.py")), *sorted((root / "examples").rglob("*.py"))]
    paths += [(root, path) for path in (*beside, root / "toxfile.py")]
    found = {}
    for folder, path in paths:
        parts = path.relative_to(folder).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = (path, path.read_text(encoding="utf-8"))
    return found


def main(root: Path = ROOT) -> int:
    """Look through the repository at `root`, print what is found, and return 1 if that is anything, else 0."""
    sources = sources_of(root)
    lines = [
        f"{path.relative_to(root)}:{hit.line}: {hit.name}: {hit.reason}"
        for module, (path, text) in sources.items()
        for hit in forbidden(module, text)
    ]
    lines += unneeded({module: text for module, (_, text) in sources.items()})
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
