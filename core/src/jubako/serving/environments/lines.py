"""What may stand in the requirements that an environment is made of: an imported Bento's are anybody's."""

from __future__ import annotations

import re

from jubako.bentos.requirements import HASH, logical_lines, parse_requirement
from jubako.errors import BuildError, CommandError, InvalidArgument

_HASHES = re.compile(r"\s--hash[=\s]\s*(\S+)")
# Those that `jubako build` writes. The others of pip read other files, or install from other places.
_OPTION = re.compile(
    r"--no-index|--pre|--prefer-binary"
    r"|--(?:index-url|extra-index-url|find-links)[ =]https?://[^\s$\\]+"
    r"|--find-links[ =]\./wheels/?"
    r"|--trusted-host[ =][^\s$\\/@]+"
    r"|--(?:no-binary|only-binary)[ =][^\s$\\/@]+"
)
_WHEEL = re.compile(r"\./wheels/[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl(?:\[[A-Za-z0-9._,-]*\])?(?:\s*;[^$\\]*)?")


def check_lines(text: str, name: str) -> None:
    """Check that every line is as `jubako build` writes them, and leads to no file but the wheels beside it.

    Args:
        text: of the requirements.
        name: of their file, for messages.

    Raises:
        CommandError: one is not; names it.
    """
    try:
        lines = list(logical_lines(text, name))
    except BuildError as error:
        raise _refused(name, 0, error.message) from error
    for number, line in lines:
        wanted = _HASHES.sub("", line).strip()
        if not all(map(HASH.fullmatch, _HASHES.findall(line))):
            raise _refused(name, number, "It has a hash that is no sha256 of 64 digits.")
        if not _OPTION.fullmatch(line) and not _WHEEL.fullmatch(wanted):
            try:
                parse_requirement(wanted, f"line {number}")
            except InvalidArgument as error:
                raise _refused(name, number, f"{error.message} {error.why}".rstrip()) from error


def _refused(name: str, number: int, why: str) -> CommandError:
    where = f"line {number} of its {name}" if number else f"its {name}"
    return CommandError(
        f"no environment is made for this Bento: {where} is not as `jubako build` writes it.",
        why=why,
        do="build the Bento again; or find out who changed it, for it may read files that are none of its business",
    )
