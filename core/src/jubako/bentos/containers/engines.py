"""The programs that build images: which of them can be used, and building with one of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from jubako.errors import BuildError, InvalidArgument, MissingDependency

_ASKED_WITHIN_S = 60.0
_LAST_LINES = 15
_UNUSABLE = "is installed, but cannot be used"
# `STEP 5/7: RUN …` of buildah and podman, `#9 [5/7] RUN …` and `Step 5/7 : RUN …` of docker.
_INSTRUCTION = re.compile(r"(?:STEP \d+/\d+: |#\d+ \[[^\]]*\d+/\d+\] |Step \d+/\d+ : )(?P<text>.+)")
# The instruction that failed, in docker's summary: several may have run at once.
_FAILED = re.compile(r" ?> \[[^\]]*\d+/\d+\] (?P<text>.+?):?")


@attrs.frozen
class Engine:
    """A program that builds images.

    Args:
        name: of its executable.
        probe: arguments with which it asks whatever it needs to be running; empty if that is nothing.
        build: arguments that begin a build.
        cached: what is added to a build that may use its cache.
    """

    name: str
    probe: tuple[str, ...] = ()
    build: tuple[str, ...] = ("build",)
    cached: tuple[str, ...] = ()


ENGINES: Mapping[str, Engine] = {
    "docker": Engine("docker", probe=("version", "--format", "{{.Server.Version}}")),
    "podman": Engine("podman", probe=("info", "--format", "{{.Version.Version}}")),
    "buildah": Engine("buildah", cached=("--layers",)),
}


@attrs.frozen(kw_only=True)
class ImageBuild:
    """One build of an image; every value is checked.

    Args:
        names: of the image.
        dockerfile: outside of the context.
        context: the folder that the Dockerfile copies from.
        build_args: names to values, which the engine takes from its environment and not from its arguments.
        labels: of the image.
        platform: such as `linux/arm64`; empty for this machine's.
        secrets: the names by which the Dockerfile mounts files, to these files.
        is_cached: whether layers of earlier builds may be used.
    """

    names: Sequence[str]
    dockerfile: Path
    context: Path
    build_args: Mapping[str, str] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    platform: str = ""
    secrets: Mapping[str, Path] = attrs.field(factory=dict)
    is_cached: bool = True


def choose_engine(asked: str = "") -> Engine:
    """The engine that was asked for, or the first that can be used of docker, podman and buildah.

    Raises:
        InvalidArgument: nothing of this name is known.
        MissingDependency: it, or all of them, are not installed or do not answer; says why, and what to install.
    """
    if asked and asked not in ENGINES:
        raise InvalidArgument(f"there is no engine {asked!r}.", why=f"Known: {', '.join(ENGINES)}.")
    reasons = []
    for engine in [ENGINES[asked]] if asked else ENGINES.values():
        reason = _why_unusable(engine)
        if not reason:
            return engine
        reasons.append(f"{engine.name} {reason}")
    raise MissingDependency(
        f"no image can be built{f' with {asked}' if asked else ''}.",
        why=f"{'; '.join(reasons)}.",
        do=f"{_remedy(asked, reasons)}, or write what another machine builds from: --dockerfile-only DIR",
    )


def build_image(engine: Engine, build: ImageBuild, show: Callable[[str], None]) -> None:
    """Build an image; blocks until that is done.

    Args:
        engine: what builds it.
        build: what is built.
        show: called with each line that the engine writes.

    Raises:
        BuildError: the engine failed; names the instruction, and has the last lines.
    """
    environment = {**os.environ, "DOCKER_BUILDKIT": "1", **build.build_args}
    last: deque[str] = deque(maxlen=_LAST_LINES)
    running = failed = ""
    with subprocess.Popen(
        command_of(engine, build),
        cwd=build.context,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            for line in process.stdout or ():
                text = line.rstrip()
                show(text)
                last.append(text)
                running = found["text"] if (found := _INSTRUCTION.fullmatch(text)) else running
                failed = found["text"] if (found := _FAILED.fullmatch(text)) else failed
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        instruction = failed or running
        where = f" in the instruction\n  {instruction}" if instruction else ""
        shown = "\n  ".join(["\nIts last lines:", *filter(None, last)]) if last else ", and wrote nothing."
        raise BuildError(
            f"{engine.name} could not build {build.names[0]}.",
            why=f"It ended with {process.returncode}{where}{shown}",
            do="mend what these lines name, in the options of docker, python or conda, and build the Bento again",
        )


def command_of(engine: Engine, build: ImageBuild) -> list[str]:
    """The command line of a build; no value of a build argument, and nothing of a secret, stands in it."""
    options = [f"--file={build.dockerfile}", *(f"--tag={name}" for name in build.names)]
    options += [f"--build-arg={name}" for name in build.build_args]
    options += [f"--label={name}={value}" for name, value in build.labels.items()]
    options += [f"--platform={build.platform}"] if build.platform else []
    options += [f"--secret=id={name},src={path}" for name, path in build.secrets.items()]
    options += engine.cached if build.is_cached else ["--no-cache"]
    return [engine.name, *engine.build, *options, str(build.context)]


def _why_unusable(engine: Engine) -> str:
    if shutil.which(engine.name) is None:
        return "is not installed"
    if not engine.probe:
        return ""
    try:
        asked = subprocess.run(
            [engine.name, *engine.probe],
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_ASKED_WITHIN_S,
        )
    except subprocess.TimeoutExpired:
        return f"does not answer within {_ASKED_WITHIN_S:.0f} s"
    if not asked.returncode:
        return ""
    lines = [line for line in asked.stderr.splitlines() if line.strip()]
    return f"{_UNUSABLE}: {lines[-1].rstrip('.?! ') if lines else 'it says nothing'}"


def _remedy(asked: str, reasons: Sequence[str]) -> str:
    if any(_UNUSABLE in reason for reason in reasons):
        return f"start what {asked or 'it'} needs, or install buildah, which needs no daemon"
    return f"install {asked}, or leave the engine out" if asked else "install one of them (buildah needs no daemon)"
