"""Which files of a build context are packed: include, exclude, `.bentoignore`, and what is never wanted."""

from __future__ import annotations

from collections.abc import Sequence

from pathspec import GitIgnoreSpec

IGNORE_FILE_NAME = ".bentoignore"

# Before the user's own excludes, so that one that begins with '!' takes a pattern back.
DEFAULT_EXCLUDES = (
    # version control, caches, environments
    *(".git", ".hg", ".svn", "__pycache__/", "*.py[co]", "*.egg-info/", ".*_cache/", ".hypothesis/"),
    *(".tox/", ".nox/", ".venv/", "venv/", "node_modules/", ".ipynb_checkpoints/", ".idea/", ".vscode/", ".DS_Store"),
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
    """

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = GitIgnoreSpec.from_lines(include)
        self._exclude = GitIgnoreSpec.from_lines([*DEFAULT_EXCLUDES, *exclude])
        self._taken_back = GitIgnoreSpec.from_lines([text[1:] for text in exclude if text.startswith("!")])
        self._by_folder: dict[str, GitIgnoreSpec] = {}

    def add_ignore_file(self, folder: str, text: str) -> None:
        """Heed the `.bentoignore` of a folder (empty for the context itself) for everything below that folder."""
        self._by_folder[folder] = GitIgnoreSpec.from_lines(text.splitlines())

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
