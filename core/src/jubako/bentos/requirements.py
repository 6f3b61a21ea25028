"""Requirements as people write them: one at a time, and in files; nothing in them is ever a path or an option."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

import attrs
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from jubako.bentos.containers.grammar import check_context_path
from jubako.bentos.named_files import open_named
from jubako.errors import BuildError, InvalidArgument

MAX_REQUIREMENT_LENGTH = 2000
MAX_FILE_BYTES = 4 * 1024 * 1024
_MAX_NESTED = 8

HASH = re.compile(r"sha256:[0-9a-f]{64}")

# What a requirements file would read as an option, a comment, or another line (also at U+2028 and U+0085), and what pip
# or a shell replaces. pip looks for options in the middle of a marker too.
_FORBIDDEN = re.compile(r"[^\x20-\x7e]|[\\$`]|(?:^|\s)-|\s#")


def parse_requirement(text: object, field: str) -> Requirement:
    """Read one requirement by PEP 508, such as `httpx[http2]>=0.27; python_version < "3.13"`.

    Raises:
        InvalidArgument: it is none, or names a place instead of a distribution; says `field`.
    """
    shown = repr(text) if len(repr(text)) <= 80 else f"{repr(text)[:77]}…"
    if not isinstance(text, str) or len(text) > MAX_REQUIREMENT_LENGTH or _FORBIDDEN.search(text):
        raise InvalidArgument(
            f"{field} cannot have {shown}.",
            why="Only requirements can stand there: no options, no further lines, no variables.",
            do="write for example 'pandas>=2'; for where to look, use index_url, find_links and their like",
        )
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        why = str(error).partition("\n")[0]
        raise InvalidArgument(
            f"{field} cannot have {shown}.", why=f"{why}.", do="write for example 'pandas>=2'"
        ) from error
    if requirement.url is not None:
        raise InvalidArgument(
            f"{field} cannot have {requirement.name!r} from a URL or path of its own.",
            why="It might be another file, or be gone, when the Bento is installed.",
            do="put its wheel into the build context and name it in python.wheels",
        )
    return requirement


def exact_version(requirement: Requirement) -> str:
    """The version that a requirement names with `==`; empty if it names none, or several."""
    specifiers = list(requirement.specifier)
    is_exact = len(specifiers) == 1 and specifiers[0].operator == "==" and not specifiers[0].version.endswith("*")
    return specifiers[0].version if is_exact else ""


@attrs.frozen
class Asked:
    """A requirement, and who asks for it.

    Args:
        requirement: without a URL.
        by: such as `python.packages` or `model iris:v1`.
        is_users: True if the build options have it.
        hashes: such as `sha256:…`, one of which the file must have; empty takes any.
    """

    requirement: Requirement
    by: str
    is_users: bool = False
    hashes: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Of the distribution, in its one spelling."""
        return canonicalize_name(self.requirement.name)


def read_requirements_file(context: Path, path: str) -> list[Asked]:
    """Read a requirements file of the build context, with the files that it includes by `-r`.

    Lines are requirements, comments, or `-r FILE`, which stands beside the file that says so; hashes are kept.

    Raises:
        BuildError: a file is not in the context, is too large or not UTF-8, or a line is something else.
    """
    return list(_read_file(context, posixpath.normpath(path), ()))


def _read_file(context: Path, path: str, outer: tuple[str, ...]) -> Iterator[Asked]:
    if path in outer or len(outer) > _MAX_NESTED:
        raise BuildError(f"{path} includes itself, or too many files in each other.", do="put them into one file")
    for number, line in logical_lines(_read_text(context, path), path):
        where = f"{path}, line {number}"
        included = re.fullmatch(r"(?:-r|--requirement)(?:\s+|=)(\S+)", line)
        if included:
            check_context_path(where, included[1])
            inner = posixpath.normpath(posixpath.join(posixpath.dirname(path), included[1]))
            yield from _read_file(context, inner, (*outer, path))
            continue
        text, *hashes = re.split(r"\s--hash[=\s]\s*", line)
        for digest in hashes:
            if not HASH.fullmatch(digest.strip()):
                raise BuildError(f"{where}: {digest[:80]!r} is no sha256 of 64 digits.", do="make the file anew")
        requirement = parse_requirement(text.strip(), where)
        yield Asked(requirement, where, is_users=True, hashes=frozenset(digest.strip() for digest in hashes))


def logical_lines(text: str, path: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without comments, and with those that go on joined."""
    joined, begun = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun or number
        if line.endswith("\\"):
            joined += line[:-1] + " "
            continue
        whole = re.sub(r"(?:^|\s)#.*", "", joined + line).strip()
        if whole:
            yield begun, whole
        joined, begun = "", 0
    if joined:
        raise BuildError(f"{path} ends in the middle of a line.", do="take out the last backslash")


def _read_text(context: Path, path: str) -> str:
    with open_named(context, path, "python.requirements_txt") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise BuildError(f"{path} is no requirements file: it has more than {MAX_FILE_BYTES >> 20} MiB.")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise BuildError(f"{path} is not text in UTF-8.", do="convert it to UTF-8") from error
