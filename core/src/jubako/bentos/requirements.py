"""Requirements as people write them: one at a time, and in files; nothing in them is ever a path or an option."""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement

from jubako.errors import InvalidArgument

MAX_REQUIREMENT_LENGTH = 2000

# What a requirements file would read as an option, a comment, or a line that goes on; and what a shell replaces.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\$`]|^\s*-|\s#")


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
