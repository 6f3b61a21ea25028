"""`file:` URLs ⇄ paths, whatever bytes a path has."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname


def path_of_url(url: str) -> Path:
    """The path that `Path.as_uri` made a `file:` URL of; of a name that is no UTF-8 too."""
    quoted = urlsplit(url).path
    if os.name == "nt":
        return Path(url2pathname(quoted))
    return Path(os.fsdecode(unquote_to_bytes(quoted)))
