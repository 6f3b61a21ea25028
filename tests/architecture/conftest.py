"""The sources as the tests of this folder see them: parsed once, with every import and every text reference."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[2]
_MODULE_TEXT = re.compile(r"jubako(\.[A-Za-z_]\w*)*")


@attrs.frozen
class Arrow:
    """One module naming another.

    Args:
        source: the module that names, dotted.
        target: the module that is named, dotted; for foreign packages as far as the import spells it.
        line: of the source.
        kind: `top` (at the top of the module), `late` (inside a function), `typing` (under TYPE_CHECKING), `text`.
    """

    source: str
    target: str
    line: int
    kind: str

    def __str__(self) -> str:
        """As a reader wants it in a failed test."""
        return f"{self.source}:{self.line} -> {self.target} ({self.kind})"


@attrs.frozen(slots=False)
class SourceModule:
    """One parsed source file of a distribution.

    Args:
        name: dotted; a package's `__init__.py` has the package's name.
        path: the file.
    """

    name: str
    path: Path

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))

    @cached_property
    def docstrings(self) -> set[int]:
        """Identities of the nodes that are docstrings."""
        found = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
                first = node.body[0]
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                    found.add(id(first.value))
        return found

    def at(self, node: ast.AST) -> str:
        """Where a node stands, for messages."""
        path = self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path
        return f"{path}:{getattr(node, 'lineno', 1)}"


class Sources:
    """All source modules below some `src` folders."""

    def __init__(self, *folders: Path) -> None:
        self.modules = {module.name: module for folder in folders for module in _modules(folder)}

    def __iter__(self) -> Iterator[SourceModule]:
        return iter(self.modules.values())

    @cached_property
    def arrows(self) -> tuple[Arrow, ...]:
        """Every import of every module, and every text that names one of these modules."""
        return tuple(arrow for module in self for arrow in self._arrows_of(module))

    def _arrows_of(self, module: SourceModule) -> Iterator[Arrow]:
        for node, kind in _walk(module.tree, "top"):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Arrow(module.name, alias.name, node.lineno, kind)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{module.at(node)}: relative import"
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield Arrow(module.name, full if full in self.modules else str(node.module), node.lineno, kind)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in module.docstrings:
                target = node.value.partition(":")[0]
                if _MODULE_TEXT.fullmatch(target) and target != "jubako" and target in self.modules:
                    yield Arrow(module.name, target, node.lineno, "text")


def _modules(folder: Path) -> Iterator[SourceModule]:
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        yield SourceModule(".".join(parts[:-1] if parts[-1] == "__init__" else parts), path)


def _walk(node: ast.AST, kind: str) -> Iterator[tuple[ast.AST, str]]:
    for child in ast.iter_child_nodes(node):
        inner = kind
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inner = "late"
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            inner = "typing"
        yield child, inner
        yield from _walk(child, inner)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def core() -> Sources:
    """The sources of the core."""
    return Sources(ROOT / "core" / "src")


@pytest.fixture(scope="session")
def everything() -> Sources:
    """The sources of all distributions."""
    return Sources(ROOT / "core" / "src", *sorted((ROOT / "plugins").glob("*/src")))


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[dict[str, str]], Sources]:
    """Make sources of the core from texts by path below `jubako/`, to see that a mistake is found."""

    def write(texts: dict[str, str]) -> Sources:
        for name, text in texts.items():
            path = tmp_path / "src" / "jubako" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return Sources(tmp_path / "src")

    return write
