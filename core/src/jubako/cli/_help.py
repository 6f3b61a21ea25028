"""The end of a command's help: examples of how it is typed."""

from __future__ import annotations


def examples(*lines: str) -> str:
    """An epilog for `click.command`, which is shown as it stands.

    Args:
        lines: as they are typed, such as `jubako list iris --json`; at most 76 characters each.
    """
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
