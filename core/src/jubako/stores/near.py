"""What a reader may have meant by a tag that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from jubako.values.tag import Tag

_MOST = 3


def describe_near(tag: Tag, tags: Sequence[Tag]) -> str:
    """Say in one sentence which existing tags are like the one that was not found.

    Args:
        tag: what was looked for.
        tags: what exists, sorted.
    """
    if not tags:
        return "The store is empty."
    versions = [str(found.version) for found in tags if found.name == tag.name]
    if not versions:
        names = sorted({found.name for found in tags})
        near = difflib.get_close_matches(tag.name, names, n=_MOST) or names
        return f"It has {_list(near)}."
    wanted = str(tag.version)
    beginning = [version for version in versions if version.startswith(wanted)]
    near = beginning or difflib.get_close_matches(wanted, versions, n=_MOST) or versions[::-1]
    return f"It has {_list([f'{tag.name}:{version}' for version in near])}."


def _list(texts: Sequence[str]) -> str:
    rest = len(texts) - _MOST
    return ", ".join(texts[:_MOST]) + (f" and {rest} more" if rest > 0 else "")
