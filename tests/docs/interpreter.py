"""Runs the Python blocks of one page, one after the other, in one namespace: a JSON line in, a JSON line out.

Not a test. A process of its own for each page, so that no page sees what another one imported or opened.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import traceback
import types
from collections.abc import Iterator


@contextlib.contextmanager
def sources_at(folder: str) -> Iterator[None]:
    """Import from a folder of sources, if one is given, and forget afterwards what came from there.

    A later block may install it, and means the installed one then.
    """
    if not folder:
        yield
        return
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(folder):
                del sys.modules[name]


def main() -> None:
    """Answer each line `{"code", "name", "module", "sources"}` with `{"output", "error", "traceback"}`, to the end."""
    answers = sys.stdout
    page = types.ModuleType("__main__")
    sys.modules["__main__"] = page
    sys.path.insert(0, "")
    for line in sys.stdin:
        block = json.loads(line)
        # A block that is a file runs as if it were imported, in a namespace of its own.
        namespace = types.ModuleType(block["module"]) if block["module"] else page
        output = io.StringIO()
        answer = {"error": "", "traceback": ""}
        with contextlib.redirect_stdout(output), sources_at(block["sources"]):
            try:
                # This file's own `from __future__` is not the block's.
                exec(compile(block["code"], block["name"], "exec", dont_inherit=True), vars(namespace))
            except BaseException as error:
                answer = {"error": type(error).__name__, "traceback": traceback.format_exc()}
        answers.write(json.dumps({"output": output.getvalue(), **answer}) + "\n")
        answers.flush()


main()
