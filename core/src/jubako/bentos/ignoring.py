"""Which files of a build context are packed: include, exclude, `.bentoignore`, and what is never wanted."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

from pathspec import GitIgnoreSpec

from jubako.errors import BuildError

IGNORE_FILE_NAME = ".bentoignore"
_LONGEST_SHOWN = 80

# Before the user's own excludes, so that one that begins with '!' takes a pattern back.
DEFAULT_EXCLUDES = (
    # version control, caches, environments
    *(".git", ".hg", ".svn", "__pycache__/", "*.py[co]", "*.egg-info/", ".*_cache/", ".hypothesis/"),
    *(".tox/", ".nox/", ".venv/", "venv/", "node_modules/", ".ipynb_checkpoints/", ".idea/", ".vscode/", ".DS_Store"),
    # an input of the build, which is packed as env/python/requirements.lock.txt
    "/bentofile.lock",
    # secrets
    *(".env", ".env.*", "!.env.example", ".netrc", ".pypirc", ".npmrc", ".git-credentials", ".htpasswd", ".pgpass"),
    *(".aws/", ".azure/", ".config/gcloud/", ".docker/", ".gnupg/", ".kube/", ".ssh/"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "credentials.json", "service-account*.json"),
)


class PackingRules:
    """Says of paths below the build context whether they are packed.

    Paths are relative, with forward slashes. Patterns follow `.gitignore`.

    Args:
        include: what is packed at all.
        exclude: what of that is not.

    Raises:
        BuildError: a pattern is none.
    """

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = _spec(include, "include")
        self._exclude = _spec([*DEFAULT_EXCLUDES, *exclude], "exclude")
        self._taken_back = _spec([text[1:] for text in exclude if text.startswith("!")], "exclude")
        self._by_folder: dict[str, GitIgnoreSpec] = {}

    def add_ignore_file(self, folder: str, text: str) -> None:
        """Heed the `.bentoignore` of a folder (empty for the context itself) for everything below that folder.

        Raises:
            BuildError: it holds a pattern that is none.
        """
        self._by_folder[folder] = _spec(text.splitlines(), f"{folder}/{IGNORE_FILE_NAME}".lstrip("/"))

    def excludes_folder(self, path: str) -> bool:
        """True if nothing below the folder is packed."""
        return self._excludes(f"{path}/")

    def packs(self, path: str) -> bool:
        """True if the file is packed, as far as its own path says."""
        return self._include.match_file(path) and not self._excludes(path)

    def takes_back(self, path: str) -> bool:
        """True if a pattern that begins with '!' says that the file is packed, whatever is in it."""
        return self._taken_back.match_file(path)

    def excludes_file(self, path: str) -> bool:
        """True if the file, or a folder that it is in, is excluded."""
        parts = path.split("/")
        folders = ("/".join(parts[:length]) for length in range(1, len(parts)))
        return any(self.excludes_folder(folder) for folder in folders) or self._excludes(path)

    def _excludes(self, path: str) -> bool:
        if self._exclude.match_file(path):
            return True
        return any(
            spec.match_file(path[len(folder) + 1 :] if folder else path)
            for folder, spec in self._by_folder.items()
            if not folder or path.startswith(f"{folder}/")
        )


def is_never_packed(path: str) -> bool:
    """True for what is left out of every Bento unless its options say otherwise: caches, and what often is secret."""
    return _NEVER.match_file(path)


def _spec(patterns: Sequence[str], place: str) -> GitIgnoreSpec:
    # What Python warns of is its own future reading of a pattern, which git reads in its own way.
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        try:
            return GitIgnoreSpec.from_lines(patterns)
        except (ValueError, re.error):
            wrong = next(pattern for pattern in patterns if not _is_pattern(pattern))
    raise BuildError(
        f"{place} has {wrong[:_LONGEST_SHOWN]!r}, which is no pattern.",
        why="Patterns are written as in .gitignore.",
        do="correct it, or put a backslash before a character that means itself",
    )


def _is_pattern(pattern: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([pattern])
    except (ValueError, re.error):
        return False
    return True


_NEVER = GitIgnoreSpec.from_lines(DEFAULT_EXCLUDES)
