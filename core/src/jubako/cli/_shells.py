"""How shells ask for completions. Imported only when one asks, or wants its script."""

from __future__ import annotations

import os
import sys

import click
from click.shell_completion import (
    BashComplete,
    ShellComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from jubako.cli._group import COMPLETE

# Bash breaks words at colons, and so in the middle of tags: the line is cut into words by us, and of an answer only
# what stands behind the last colon is given back. `$1` is the command as it was typed.
_BASH = """\
%(complete_func)s() {
    local line="${COMP_LINE:0:COMP_POINT}" response type value word
    response=$(env COMP_WORDS="$line" %(complete_var)s=bash_complete "$1" 2>/dev/null) || return 0
    word="${line##*[[:space:]]}"
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then
                    value=${value#"${word%%"${word##*:}"}"}
                fi
                COMPREPLY+=("$value")
                ;;
        esac
    done <<< "$response"
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_HINTS = {
    "bash": ("~/.bashrc", 'eval "$(jubako completion bash)"'),
    "zsh": ("~/.zshrc, below compinit", 'eval "$(jubako completion zsh)"'),
    "fish": ("~/.config/fish/config.fish", "jubako completion fish | source"),
}
SHELLS = tuple(_HINTS)


class _Bash(BashComplete):
    source_template = _BASH

    def source(self) -> str:
        """The script; of what the running bash can, the shell that reads it is the judge."""
        return ShellComplete.source(self)

    def get_completion_args(self) -> tuple[list[str], str]:
        """Words before the one that is typed, without the program, and that one as far as it is typed."""
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        incomplete = words.pop() if len(words) > 1 and not line[-1].isspace() else ""
        return words[1:], incomplete


def script_of(shell: str, root: click.Command) -> str:
    """The script that a shell reads to complete `jubako`, with a comment that says how.

    Args:
        shell: of `SHELLS`.
        root: the command `jubako`.
    """
    add_completion_class(_Bash)
    kind = get_completion_class(shell)
    if kind is None:  # click knows all of SHELLS
        raise AssertionError(shell)
    place, line = _HINTS[shell]
    return f"# Completion of jubako. To have it in every {shell}, write into {place}:\n#   {line}\n" + (
        kind(root, {}, "jubako", COMPLETE).source().rstrip() + "\n"
    )


def prepare_answer() -> None:
    """Answer bash in our way, and write nothing else on the line that somebody is typing."""
    add_completion_class(_Bash)
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # until the process ends, which is soon
