"""Writing a Dockerfile out of checked values: the one place where a value becomes text of one.

Commands are written in the exec form, a JSON list, in which nothing is replaced and no shell reads; where a shell is
needed, it gets a script of ours, and values as its arguments. Values of `ENV` stand in double quotes with whatever an
engine would replace escaped. A value that no line can hold is left to the entrypoint. Values are checked by
`DockerOptions`; quoting here does not rely on that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import attrs

from jubako.bentos.containers.distros import DISTROS
from jubako.bentos.containers.grammar import check_env_name, check_image
from jubako.errors import BuildError

BENTO_PATH = "/opt/jubako/bento"
ENTRYPOINT = "env/docker/entrypoint.sh"
SETUP_SCRIPT = "env/docker/setup_script"
DOCKERFILE = "env/docker/Dockerfile"
CONDA_ENVIRONMENT = "env/conda/environment.yml"
PIP_CONFIG_SECRET = "pip_config"  # noqa: S105  # the name of a file, which an engine shows to pip alone

_PYTHON_ENVIRONMENT = "/opt/jubako/env"
_HOME = "/home/jubako"
# The reference's too: files that a volume keeps stay readable for the next image.
_USER = 1034
_PORT = 3000
_MICROMAMBA = "docker.io/mambaorg/micromamba:2.5.0"

_MAKE_USER = (
    f"echo 'jubako:x:{_USER}:{_USER}::{_HOME}:/bin/sh' >> /etc/passwd; echo 'jubako:x:{_USER}:' >> /etc/group; "
    f"mkdir -p {_HOME}; chown {_USER}:{_USER} {_HOME}"
)
_MAKE_ENVIRONMENT = (
    'for name in "python$1" python3 python; do '
    'if [ "$("$name" -c "import sys; print(*sys.version_info[:2], sep=chr(46))" 2>/dev/null)" = "$1" ]; '
    'then exec "$name" -m venv "$2"; fi; done; '
    'echo "the base image has no Python $1" >&2; exit 1'
)
_MAKE_CONDA_ENVIRONMENT = (
    'micromamba create --yes --root-prefix /opt/jubako/mamba --prefix "$1" --file "$2"; rm -rf /opt/jubako/mamba'
)
_RUN_SETUP_SCRIPT = 'cp "$1" /tmp/jubako-setup; chmod 700 /tmp/jubako-setup; /tmp/jubako-setup; rm /tmp/jubako-setup'


@attrs.frozen(kw_only=True)
class Image:
    """What a Dockerfile says.

    Args:
        distro: the name of one of `DISTROS`.
        python_version: two numbers, such as `3.12`.
        base_image: instead of the distribution's own; empty for that.
        cuda_version: instead of the distribution's own image, the one with this CUDA; empty for none.
        gpu: whether the container asks for the host's NVIDIA devices.
        system_packages: checked by the distribution.
        env: environment variables.
        requirements: the file below `env/python` that pip installs from; empty for none.
        requires_hashes: whether each line of it has hashes.
        has_conda: whether there is an `environment.yml`.
        has_setup_script: whether there is a setup script.
    """

    distro: str
    python_version: str
    base_image: str = ""
    cuda_version: str = ""
    gpu: bool = False
    system_packages: tuple[str, ...] = ()
    env: Mapping[str, str] = attrs.field(factory=dict)
    requirements: str = ""
    requires_hashes: bool = False
    has_conda: bool = False
    has_setup_script: bool = False


def write_dockerfile(image: Image) -> str:
    """The Dockerfile of a Bento's image; its build context is the Bento's folder.

    What changes seldom comes first, so that engines take it from their cache: system packages, then the environment,
    and the sources and models at the end. The same values give the same text.
    """
    return "".join(f"{line}\n" for line in (*_base(image), *_environment(image), *_content()))


def write_env(env: Mapping[str, str]) -> list[str]:
    """An `ENV` line for each variable whose value a line can hold."""
    return [f"ENV {name}={quote(value)}" for name, value in sorted(env.items()) if fits_line(value)]


def fits_line(value: str) -> bool:
    """True if a line of a Dockerfile can hold a value; engines differ in which characters end one."""
    return not any(ord(letter) < 32 or letter in "\x7f\x85\u2028\u2029" for letter in value)


def quote(value: str) -> str:
    """A value of `ENV` in double quotes; nothing in it is replaced, and it ends no line.

    Raises:
        BuildError: no line can hold it.
    """
    if not fits_line(value):
        raise BuildError(f"no line of a Dockerfile can hold {value!r}.")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'


def write_exec(words: Iterable[str]) -> str:
    """The exec form: a JSON list in ASCII, in one line."""
    return json.dumps(list(words))


def _base(image: Image) -> list[str]:
    distro = DISTROS[image.distro]
    own = distro.cuda_image.format(cuda=image.cuda_version) if image.cuda_version else distro.image
    base = image.base_image or own.format(python=image.python_version)
    check_image("the base image", base)
    packages = [] if image.base_image or not distro.python_package or image.has_conda else [distro.python_package]
    packages = [package.format(python=image.python_version) for package in packages]
    packages += [distro.argument(package) for package in image.system_packages]
    for name in image.env:
        check_env_name("docker.env", name)
    gpu = {"NVIDIA_DRIVER_CAPABILITIES": "compute,utility", "NVIDIA_VISIBLE_DEVICES": "all"}
    return [
        "# The image of a Bento, for `jubako containerize`; or, in the Bento's folder:",
        f"# docker build -f {DOCKERFILE} .",
        f"FROM {base}",
        "USER 0:0",
        *write_env({**(gpu if image.gpu or image.cuda_version else {}), **image.env}),
        *([_run_script(distro.install, *packages)] if packages else []),
        _run_script(_MAKE_USER),
    ]


def _environment(image: Image) -> list[str]:
    python = f"{_PYTHON_ENVIRONMENT}/bin/python"
    lines = [f"WORKDIR {BENTO_PATH}", f"COPY {write_exec(['env/', f'{BENTO_PATH}/env/'])}"]
    if image.has_conda:
        lines += [
            f"COPY --from={_MICROMAMBA} {write_exec(['/bin/micromamba', '/usr/local/bin/micromamba'])}",
            _run_script(_MAKE_CONDA_ENVIRONMENT, _PYTHON_ENVIRONMENT, CONDA_ENVIRONMENT),
            f"ENV CONDA_PREFIX={quote(_PYTHON_ENVIRONMENT)}",
        ]
    else:
        lines += [_run_script(_MAKE_ENVIRONMENT, image.python_version, _PYTHON_ENVIRONMENT)]
    if image.requirements:
        pip = [python, "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check"]
        pip += [*(["--require-hashes"] if image.requires_hashes else []), "-r", image.requirements]
        # Read by pip as the environment's own configuration; whoever has none builds without, and no layer holds it.
        secret = f"--mount=type=secret,id={PIP_CONFIG_SECRET},target={_PYTHON_ENVIRONMENT}/pip.conf"
        # Paths of wheels in it are relative to its folder.
        lines += [f"WORKDIR {BENTO_PATH}/env/python", f"RUN {secret} {write_exec(pip)}", f"WORKDIR {BENTO_PATH}"]
    # The one value in which something is replaced, and it is ours.
    lines += [f'ENV PATH="{_PYTHON_ENVIRONMENT}/bin:$PATH"']
    return [*lines, *([_run_script(_RUN_SETUP_SCRIPT, SETUP_SCRIPT)] if image.has_setup_script else [])]


def _content() -> list[str]:
    # Files belong to root, so that a service that is taken over cannot change what it is.
    return [
        f"COPY {write_exec(['.', f'{BENTO_PATH}/'])}",
        *write_env({"BENTO_PATH": BENTO_PATH, "JUBAKO_HOME": _HOME}),
        f"USER {_USER}:{_USER}",
        f"EXPOSE {_PORT}",
        f"ENTRYPOINT {write_exec(['/bin/sh', f'{BENTO_PATH}/{ENTRYPOINT}'])}",
        f"CMD {write_exec(['jubako', 'serve', BENTO_PATH, '--host', '0.0.0.0'])}",  # noqa: S104  # in a network of its own
    ]


def _run_script(script: str, *arguments: str) -> str:
    # `-e` ends it at the first command that fails. What follows the script is $0, $1, and so on.
    return f"RUN {write_exec(['/bin/sh', '-ec', script, 'sh', *arguments])}"
