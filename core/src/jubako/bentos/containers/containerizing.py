"""`containerize`: an image of a stored Bento."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from jubako.bentos.containers import grammar
from jubako.bentos.containers.dockerfile import PIP_CONFIG_SECRET
from jubako.bentos.containers.engines import ImageBuild, build_image, choose_engine
from jubako.bentos.containers.staging import stage
from jubako.bentos.stored import get
from jubako.contracts.offers import SerializerType
from jubako.contracts.store import Store, StoreKind
from jubako.errors import InvalidArgument, PluginError
from jubako.services.bento import Bento
from jubako.stores.drafts import Draft, sweep
from jubako.stores.failures import store_failure
from jubako.stores.manifests import read_model_info
from jubako.values.model import ModelInfo
from jubako.values.tag import Tag
from jubako.workspace import Workspace, current_workspace

Show = Callable[[str], None]

# A build argument reaches the engine by its environment: these would change what the engine itself does.
_STEERING = re.compile(
    r"PATH|HOME|TMPDIR|(?:LD|DOCKER|BUILDKIT|BUILDAH|CONTAINERS?|PODMAN|STORAGE|XDG|SSL|REGISTRY)_\w*"
)


@attrs.frozen(kw_only=True)
class ImageOptions:
    """How an image is built; see `containerize`, whose arguments these are. Validates itself."""

    build_args: Mapping[str, str] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    no_cache: bool = False
    platform: str | None = None
    engine: str | None = None
    pip_config: Path | None = None

    def __attrs_post_init__(self) -> None:
        for name, value in self.build_args.items():
            grammar.check_env_name("build_args", name)
            if _STEERING.fullmatch(name):
                raise InvalidArgument(
                    f"build_args cannot have {name}.",
                    why="The program that builds takes it for its own.",
                    do="choose another name; for the image, set it in docker.env",
                )
            grammar.check_text(f"build argument {name}", value)
        for name, value in self.labels.items():
            grammar.check_label_name("labels", name)
            grammar.check_text(f"label {name}", value)
        if self.platform is not None:
            grammar.check_platform("platform", self.platform)
        if self.pip_config is not None and (not self.pip_config.is_file() or "," in str(self.pip_config.absolute())):
            raise InvalidArgument(
                f"pip_config cannot be {str(self.pip_config)!r}.",
                why="It is no file, or has a comma in its path, which engines take for the end of it.",
                do="give the path of a file such as pip.conf",
            )


def containerize(
    tag: Tag | str,
    docker_image_tag: str | Sequence[str] | None = None,
    *,
    build_args: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    no_cache: bool = False,
    platform: str | None = None,
    engine: str | None = None,
    pip_config: str | os.PathLike[str] | None = None,
    dockerfile_only: str | os.PathLike[str] | None = None,
    _bento_store: Store | None = None,
) -> str:
    """Build an image of a stored Bento with docker, podman or buildah; what these write goes to stderr.

    The digests of the Bento's models that are trusted on this machine now are trusted in the image.

    Args:
        tag: of the Bento; without a version, or with `latest`, the newest.
        docker_image_tag: the image's name, or several; the Bento's tag if None.
        build_args: variables that the commands of the build see. They stay readable in the image's history, so they
            are no place for secrets. Their values stand in no command line.
        labels: of the image, beside `org.opencontainers.image.title`, `…version` and `jubako.bento.digest`.
        no_cache: do every step anew.
        platform: such as `linux/arm64`; this machine's if None.
        engine: `docker`, `podman` or `buildah`; if None the setting `containers.engine`, or else the first of them that
            can be used.
        pip_config: pip's configuration (`pip.conf`) for this build alone, with a private index for instance; no layer
            of the image holds it.
        dockerfile_only: build nothing, but write what is built from into this folder, which is made or empty:
            `Dockerfile` and `bento/`.

    Returns:
        The image's first name, or with `dockerfile_only` the path of the Dockerfile.

    Raises:
        InvalidArgument: an argument is wrong.
        NotFound: there is no such Bento.
        MissingDependency: no engine can be used; says why.
        BuildError: the engine failed; names the instruction and shows its last lines.
    """
    options = ImageOptions(
        build_args=build_args or {},
        labels=labels or {},
        no_cache=no_cache,
        platform=platform,
        engine=engine,
        pip_config=None if pip_config is None else Path(pip_config),
    )
    bento = get(tag, _bento_store=_bento_store)
    if dockerfile_only is not None:
        return str(write_build_context(bento, Path(dockerfile_only), options, _to_stderr))
    names = (docker_image_tag,) if isinstance(docker_image_tag, str) else tuple(docker_image_tag or ())
    return build_bento_image(bento, names, options, _to_stderr)


def build_bento_image(bento: Bento, names: Sequence[str], options: ImageOptions, show: Show) -> str:
    """Build an image of a Bento; see `containerize`.

    Args:
        bento: what the image serves.
        names: of the image; the Bento's tag if there is none.
        options: how it is built.
        show: called with each line for people: the engine's, and what is good to know.

    Returns:
        The first name.
    """
    workspace = current_workspace()
    image_names = tuple(names) or (str(bento.tag),)
    for name in image_names:
        grammar.check_image("docker_image_tag", name)
    engine = choose_engine(options.engine or workspace.settings.containers.engine)
    with _staged(workspace) as folder:
        _stage(bento, folder, options, workspace, show)
        build = ImageBuild(
            names=image_names,
            dockerfile=folder / "Dockerfile",
            context=folder / "bento",
            build_args=options.build_args,
            labels={**_labels_of(bento), **options.labels},
            platform=options.platform or "",
            secrets={} if options.pip_config is None else {PIP_CONFIG_SECRET: options.pip_config.absolute()},
            is_cached=not options.no_cache,
        )
        build_image(engine, build, show)
    return image_names[0]


def write_build_context(bento: Bento, folder: Path, options: ImageOptions, show: Show) -> Path:
    """Write what an image is built from; see `containerize`.

    Args:
        bento: what the image serves.
        folder: it is made, or it is empty.
        options: its build arguments alone mean something here.
        show: called with each line that is good to know.

    Returns:
        The path of the Dockerfile.

    Raises:
        InvalidArgument: the folder is not empty, or an option is given that only an engine could follow.
    """
    if attrs.evolve(options, build_args={}) != ImageOptions():
        raise InvalidArgument(
            "only build arguments can stand beside dockerfile_only.",
            why="The other options are for the program that builds, and nothing is built.",
            do="leave them out, and give them to that program",
        )
    with store_failure(f"nothing was written to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InvalidArgument(f"{folder} is not empty.", do="give a folder that is, or one to be made")
    _stage(bento, folder, options, current_workspace(), show)
    return folder / "Dockerfile"


def _stage(bento: Bento, folder: Path, options: ImageOptions, workspace: Workspace, show: Show) -> None:
    infos = [read_model_info(bento.path / StoreKind.MODELS.value / model.tag.path()) for model in bento.info.models]
    trusted = {info.digest for info in infos if workspace.trust.is_trusted(info.digest)}
    for info in infos:
        if info.digest not in trusted and _can_run_code(info, workspace):
            show(
                f"Note: model {info.tag} can run code and is not trusted on this machine, so the image will not load "
                f"it. If you trust whoever made it: jubako models trust {info.tag}, or start the image with --trust"
            )
    stage(bento, folder, trusted=trusted, build_args=tuple(options.build_args))


def _can_run_code(info: ModelInfo, workspace: Workspace) -> bool:
    if info.has_custom_objects or not info.serializer:
        return info.has_custom_objects
    try:
        return workspace.composition.find(SerializerType, info.serializer).trust == "code"
    except PluginError:
        return True  # nobody here knows


@contextlib.contextmanager
def _staged(workspace: Workspace) -> Iterator[Path]:
    """An empty folder for as long as the block lasts, on the store's file system, so that files can be links."""
    root = workspace.settings.stores.home / StoreKind.BENTOS.value
    with store_failure(f"no image can be built from {root}"):
        root.mkdir(parents=True, exist_ok=True)
        sweep(root)
        draft = Draft(root)
    try:
        yield draft.content
    finally:
        draft.close()


def _labels_of(bento: Bento) -> dict[str, str]:
    return {
        "org.opencontainers.image.title": bento.tag.name,
        "org.opencontainers.image.version": str(bento.tag.version),
        "jubako.bento.digest": bento.digest,
    }


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
