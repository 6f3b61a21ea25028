"""The distributions that an image can be based on: where their images are, and how they install packages."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from jubako.errors import InvalidArgument

PYTHON_VERSIONS = ("3.11", "3.12", "3.13")
DEFAULT_DISTRO = "debian"

_DEBIAN_PACKAGE = re.compile(r"([a-z0-9](?:[a-z0-9+.-]*[a-z0-9+])?)(?:=([A-Za-z0-9][A-Za-z0-9.+~:-]*))?")
# Elsewhere some are written with capitals and underscores, such as libXext.
_ANY_PACKAGE = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9_+.-]*[A-Za-z0-9_+])?)(?:=([A-Za-z0-9][A-Za-z0-9._+~^:-]*))?")


@attrs.frozen
class Distro:
    """A distribution.

    Args:
        image: the reference to the base image, with `{python}` where the Python's version stands.
        python_versions: those that its images or its packages have.
        package: the grammar of `name` and `name=version`, in two groups.
        install: a script for `sh` that installs the packages that are its arguments, and leaves no caches.
        version_mark: what stands between a package's name and its version for that script.
        python_package: what is installed to get Python, with `{python}`; empty if the image has it.
        cuda_image: the image with CUDA, with `{cuda}`; empty if there is none.
    """

    image: str
    python_versions: tuple[str, ...]
    package: re.Pattern[str]
    install: str
    version_mark: str = "="
    python_package: str = ""
    cuda_image: str = ""

    def check_package(self, field: str, package: object) -> None:
        """Accept `name` or `name=version` as this distribution writes them.

        Raises:
            InvalidArgument: it is neither; it names the field.
        """
        if not isinstance(package, str) or not self.package.fullmatch(package):
            raise InvalidArgument(
                f"{field} cannot have {package!r}.",
                why="It is no name of a package, alone or with a version behind '='.",
                do="write for example 'curl' or 'curl=7.88.1-10'",
            )

    def argument(self, package: str) -> str:
        """A checked package as the script of `install` takes it."""
        return package.replace("=", self.version_mark, 1)


_APT = (
    "export DEBIAN_FRONTEND=noninteractive; apt-get update; "
    'apt-get install --yes --no-install-recommends -- "$@"; rm -rf /var/lib/apt/lists/*'
)
_APK = 'apk add --no-cache -- "$@"'
_DNF = 'dnf install -y --setopt=install_weak_deps=False -- "$@"; dnf clean all'

DISTROS: Mapping[str, Distro] = {
    "debian": Distro("docker.io/library/python:{python}-slim-bookworm", PYTHON_VERSIONS, _DEBIAN_PACKAGE, _APT),
    "alpine": Distro("docker.io/library/python:{python}-alpine", PYTHON_VERSIONS, _ANY_PACKAGE, _APK),
    "ubi9": Distro(
        "registry.access.redhat.com/ubi9/ubi",
        ("3.11", "3.12"),
        _ANY_PACKAGE,
        _DNF,
        "-",
        "python{python}",
        "docker.io/nvidia/cuda:{cuda}-cudnn-runtime-ubi9",
    ),
    "ubi8": Distro(
        "registry.access.redhat.com/ubi8/ubi",
        ("3.11", "3.12"),
        _ANY_PACKAGE,
        _DNF,
        "-",
        "python{python}",
        "docker.io/nvidia/cuda:{cuda}-cudnn-runtime-ubi8",
    ),
    "amazonlinux": Distro(
        "docker.io/library/amazonlinux:2023", PYTHON_VERSIONS, _ANY_PACKAGE, _DNF, "-", "python{python}"
    ),
}
