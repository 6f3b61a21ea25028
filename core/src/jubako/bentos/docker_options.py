"""`DockerOptions`: what the image of a Bento is made of, as `docker` in a `bentofile.yaml` or in `build` says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from jubako.bentos.containers.distros import DEFAULT_DISTRO, DISTROS, PYTHON_VERSIONS
from jubako.bentos.containers.grammar import check_context_path, check_env_name, check_image, check_text
from jubako.bentos.secrets import find_secret
from jubako.errors import InvalidArgument
from jubako.values.checks import flag

# Set by the image itself. PATH would hide the Bento's Python, and what is trusted is the operator's to say.
RESERVED_NAMES = ("BENTO_PATH", "JUBAKO_HOME", "JUBAKO_TRUST__DIGESTS", "PATH", "PIP_CONFIG_FILE")

_CUDA_VERSION = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{1,2})", re.ASCII)
# Older images of NVIDIA name the version of cuDNN too.
_OLDEST_CUDA = (12, 4, 1)


def _packages(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidArgument(f"docker.system_packages cannot be {value!r}.", do=f"write a list: [{value!r}]")
    return tuple(value)


def _env(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidArgument(f"docker.env cannot be {value!r}.", do="write 'NAME: value', or a list of NAME=value")
    env: dict[str, Any] = {}
    for item in value:
        name, equals, text = item.partition("=") if isinstance(item, str) else ("", "", "")
        if not equals or name in env:
            why = f"{name} is there twice." if equals else "It has no value."
            raise InvalidArgument(f"docker.env cannot have {item!r}.", why=why, do="write each as NAME=value, once")
        env[name] = text
    return env


@attrs.frozen(kw_only=True)
class DockerOptions:
    """What the image of a Bento is made of; every field is checked by a grammar of its own.

    Args:
        distro: `debian`, `alpine`, `ubi9`, `ubi8` or `amazonlinux`: what the image is based on; with `base_image`, what
            that one is, so that the right program installs packages.
        python_version: such as `3.12`; of the Python that builds the Bento if None. A patch level is left out.
        gpu: the container asks for the host's NVIDIA devices. Wheels that bring CUDA along (PyTorch's do) need no more.
        cuda_version: such as `12.6.3`: the image has this CUDA and its cuDNN; `ubi9` and `ubi8` only. Implies `gpu`.
        system_packages: packages of the distribution, `name` or `name=version`.
        env: environment variables, as a mapping or a list of `NAME=value`. Values are taken as they are: nothing in
            them is replaced. They can be read in the image, so they are no place for secrets.
        setup_script: path of a script in the build context, run as root after packages are installed. Without a first
            line that names its interpreter, `sh` runs it.
        base_image: reference to an image that has the wanted Python with `venv`; best with its digest.
        dockerfile_template: not supported; naming one is an error that says what to use instead.
    """

    distro: str = DEFAULT_DISTRO
    python_version: str | None = None
    gpu: bool = False
    cuda_version: str | None = None
    system_packages: tuple[str, ...] = attrs.field(default=(), converter=_packages)
    env: Mapping[str, str] = attrs.field(factory=dict, converter=_env)
    setup_script: str | None = None
    base_image: str | None = None
    dockerfile_template: str | None = None

    def __attrs_post_init__(self) -> None:
        for field in ("python_version", "cuda_version"):
            if not isinstance(getattr(self, field), str | None):
                raise InvalidArgument(f"docker.{field} cannot be {getattr(self, field)!r}.", do="put it in quotes")
        flag(self, attrs.fields(DockerOptions).gpu, self.gpu)
        if self.distro not in tuple(DISTROS):
            raise InvalidArgument(
                f"docker.distro cannot be {self.distro!r}.", why=f"Known: {', '.join(sorted(DISTROS))}."
            )
        self._check_python()
        self._check_cuda()
        for package in self.system_packages:
            DISTROS[self.distro].check_package("docker.system_packages", package)
        for name, value in self.env.items():
            _check_env(name, value)
        if self.setup_script is not None:
            check_context_path("docker.setup_script", self.setup_script)
        if self.base_image is not None:
            check_image("docker.base_image", self.base_image)
        if self.dockerfile_template is not None:
            raise InvalidArgument(
                "docker.dockerfile_template is not supported.",
                why="A template is a program that would run on the machine that builds.",
                do="use base_image for what comes before, and setup_script for steps of your own",
            )

    def _check_python(self) -> None:
        if self.python_version is None:
            return
        match = re.fullmatch(r"(\d\.\d{1,2})(?:\.\d{1,2})?", self.python_version, re.ASCII)
        known = PYTHON_VERSIONS if self.base_image is not None else DISTROS[self.distro].python_versions
        if match is None or match[1] not in known:
            raise InvalidArgument(
                f"docker.python_version cannot be {self.python_version!r}.",
                why=f"On {self.distro} it can be {', '.join(known)}; YAML reads 3.10 as a number, so put it in quotes.",
                do="choose one of these, another distro, or a base_image that has it",
            )

    def _check_cuda(self) -> None:
        if self.cuda_version is None:
            return
        match = _CUDA_VERSION.fullmatch(self.cuda_version)
        if match is None or tuple(map(int, match.groups())) < _OLDEST_CUDA:
            raise InvalidArgument(
                f"docker.cuda_version cannot be {self.cuda_version!r}.",
                do="write all three numbers, from '12.4.1' on, as NVIDIA's tags of images have them",
            )
        if self.base_image is not None or not DISTROS[self.distro].cuda_image:
            what = f"the base_image {self.base_image!r}" if self.base_image else f"distro {self.distro!r}"
            raise InvalidArgument(
                f"docker.cuda_version cannot stand beside {what}.",
                why="NVIDIA's images are chosen for ubi9 and ubi8: those of Debian's family lack most Pythons.",
                do="say distro: ubi9; or gpu: true alone, if your wheels bring CUDA along; or a base_image that has it",
            )

    def to_plain(self) -> dict[str, Any]:
        """JSON-like, as steps see it and as `bento.yaml` records it."""
        plain = {field.name: getattr(self, field.name) for field in attrs.fields(DockerOptions)}
        del plain["dockerfile_template"]
        return {**plain, "system_packages": list(self.system_packages), "env": dict(self.env)}


def _check_env(name: object, value: object) -> None:
    check_env_name("docker.env", name)
    if name in RESERVED_NAMES:
        raise InvalidArgument(
            f"docker.env cannot set {name}.",
            why="The image sets it itself.",
            do="leave it out; whoever runs the container can still set it",
        )
    check_text(f"docker.env.{name}", value)
    secret = find_secret(str(value).encode())
    if secret:
        raise InvalidArgument(
            f"docker.env.{name} seems to hold a secret: {secret}.",
            why="Whoever has the image could read it.",
            do=f"leave it out, and give it to the container: docker run --env {name} …",
        )
