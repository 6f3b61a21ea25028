"""Writing the entrypoint of a Bento's image: a script that becomes the server, so that signals reach that one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from jubako.bentos.containers.dockerfile import BENTO_PATH, fits_line
from jubako.bentos.containers.grammar import check_env_name

_START = """\
#!/bin/sh
# Becomes the server, which so gets the container's signals. Flags alone are flags of `jubako serve`.
set -eu
"""
_CONDA = """\
for script in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do
    # They are not written for -u.
    if [ -r "$script" ]; then set +u; . "$script"; set -u; fi
done
"""
_END = """\
if [ -n "${{PORT:-}}" ]; then
    export JUBAKO_SERVER__PORT="$PORT"
fi
case "${{1:--}}" in
    -*) set -- jubako serve {bento} --host 0.0.0.0 "$@" ;;
esac
exec "$@"
"""


def write_entrypoint(env: Mapping[str, str], *, has_conda: bool = False) -> str:
    """The script, for `sh` of any distribution.

    Args:
        env: the image's environment variables; those that no line of its Dockerfile can hold are set here, unless
            the container is started with another value.
        has_conda: whether a conda environment is to be activated.
    """
    lines = [_set_default(name, value) for name, value in sorted(env.items()) if not fits_line(value)]
    return "".join((_START, *lines, _CONDA if has_conda else "", _END.format(bento=shlex.quote(BENTO_PATH))))


def _set_default(name: str, value: str) -> str:
    check_env_name("docker.env", name)
    return f'if [ -z "${{{name}+set}}" ]; then\n    export {name}={shlex.quote(value)}\nfi\n'
