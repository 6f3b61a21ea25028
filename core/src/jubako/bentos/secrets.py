"""Private keys and credentials in files that are to be packed, found by how they are written.

Only what is written in a way of its own is looked for: a private key with its body, and tokens with the prefix that
their makers gave them so that they can be found. Passwords and other text that could be anything are not, nor what is
compressed.
"""

from __future__ import annotations

import re

# More than this is looked through in pieces, by `SecretScan`.
MAX_SCANNED_BYTES = 4 * 1024 * 1024

# The longest text that is looked for has 1.1 kB, and in UTF-32 four times that.
_OVERLAP_BYTES = 8 * 1024

# What is found, a text that stands in it for sure, and the whole.
_KINDS = (
    # The line feed may be written as backslash and n, as in JSON. Without a body it is a program that looks for keys.
    (
        "a private key",
        b"PRIVATE KEY",
        (
            rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\r|\\n){1,8}"
            rb"(?:[A-Za-z0-9-]{1,40}: [^\n]{0,200}\n\s{0,4}){0,4}[A-Za-z0-9+/=]{20}"
        ),
    ),
    ("an AWS access key", b"AKIA", rb"\bAKIA(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b"),
    ("an AWS access key", b"ASIA", rb"\bASIA(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b"),
    *(
        ("a GitHub token", part, rb"\b" + part + rb"[A-Za-z0-9]{36}")
        for part in (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_")
    ),
    ("a GitHub token", b"github_pat_", rb"\bgithub_pat_[A-Za-z0-9_]{60}"),
    ("a GitLab token", b"glpat-", rb"\bglpat-[A-Za-z0-9_-]{20}"),
    ("a Slack token", b"xox", rb"\bxox[abeprs]-[0-9A-Za-z-]{20}"),
    ("a Google API key", b"AIza", rb"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("a Stripe key", b"k_live_", rb"\b[rs]k_live_[0-9A-Za-z]{24}"),
    ("a PyPI token", b"pypi-", rb"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50}"),
    ("a Hugging Face token", b"hf_", rb"\bhf_[A-Za-z0-9]{34}\b"),
)


def find_secret(content: bytes) -> str:
    """Say what looks like a secret in the content of a file, and in which line; empty if nothing does.

    Text in UTF-16 and UTF-32 is looked through as well.
    """
    return SecretScan().look(content)


class SecretScan:
    """Looks through one file piece by piece, in memory of the size of a piece."""

    def __init__(self) -> None:
        self._tail = b""
        self._lines_before = 0

    def look(self, piece: bytes) -> str:
        """Say what looks like a secret in the file up to the end of its next piece; see `find_secret`."""
        content = self._tail + piece
        kind, start = _find(content)
        if not kind and b"\0" in content:
            # What stands between the letters of a wider encoding, and also in pictures and weights.
            kind, start = _find(content.replace(b"\0", b""))
            content = content.replace(b"\0", b"") if kind else content
        if kind:
            line = self._lines_before + content.count(b"\n", 0, start) + 1
            return f"{kind} in line {line}"
        kept = content[-_OVERLAP_BYTES:]
        self._lines_before += content.count(b"\n", 0, len(content) - len(kept))
        self._tail = kept
        return ""


def _find(content: bytes) -> tuple[str, int]:
    for kind, part, pattern in _KINDS:
        # Most files have none of these parts, and looking for them is far faster.
        match = re.search(pattern, content) if part in content else None
        if match:
            return kind, match.start()
    return "", 0
