"""`build` and `build_bentofile`: from a Service's import string to a Bento in the store."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from jubako._version import __version__
from jubako.bentos.draft import Draft
from jubako.bentos.options import BENTOFILE_NAME, BuildOptions, read_bentofile, structure_options
from jubako.bentos.steps.models import store_of
from jubako.contracts.build_step import BuildStep
from jubako.contracts.offers import BuildStepType
from jubako.contracts.store import Store, StoreKind
from jubako.errors import BuildError, InvalidArgument, JubakoError, StoreError
from jubako.models.asked import noting_models
from jubako.runners import ModelRunnerDefinition, Runner, SimpleRunner
from jubako.services.bento import Bento
from jubako.services.service import Service
from jubako.services.targets import Target, import_isolated_target, resolve_source
from jubako.stores.digests import digest_folder
from jubako.stores.failures import remedy_of, store_failure
from jubako.stores.local import LocalStore
from jubako.stores.manifests import read_model_info, write_bento_info
from jubako.values.bento import BentoAPI, BentoInfo, BentoModel, BentoRunner
from jubako.values.tag import Tag
from jubako.workspace import Workspace, current_workspace, using_workspace


def build(
    service: str,
    *,
    labels: Mapping[str, str] | None = None,
    description: str | None = None,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    additional_models: Sequence[str | Tag] | None = None,
    docker: Mapping[str, Any] | None = None,
    python: Mapping[str, Any] | None = None,
    conda: Mapping[str, Any] | None = None,
    version: str | None = None,
    build_ctx: str | os.PathLike[str] | None = None,
    relock: bool = False,
    _bento_store: Store | None = None,
    _model_store: Store | None = None,
) -> Bento:
    """Build a Bento: a Service with its files and models, as a new version in the Bento store.

    The Service is imported from the build context, which is the working directory meanwhile; afterwards the process is
    as it was before. Equal inputs give a Bento of the same digest. A `bentofile.yaml` is not read.

    Args:
        service: the import string of the Service, relative to the build context: `service.py:svc` or `service:svc`.
        labels: text to text, for people and queries.
        description: the README in Markdown, or `file: path` of one below the build context; generated if None.
        include: patterns in the form of `.gitignore` of the files to pack; all if None.
        exclude: patterns of files not to pack. Caches, environments and secrets (`.env`, `*.pem`, `.aws/`, …) are never
            packed unless a pattern such as `!ca.pem` takes that back; a `.bentoignore` excludes in its own folder.
            A file that seems to hold a private key or credentials is an error, unless such a pattern lets it in.
        additional_models: tags of models to pack beside those that the runners declare as `required_models` and those
            that the Service asks for while it is imported.
        docker: what the image is made of; the fields of `jubako.bentos.DockerOptions`.
        python: what pip installs; the fields of `jubako.bentos.PythonOptions`.
        conda: what conda installs; the fields of `jubako.bentos.CondaOptions`.
        version: by the rules of tags; a new one that sorts by time if None.
        build_ctx: the folder to build from; the working directory if None.
        relock: True makes `bentofile.lock` anew.

    Raises:
        InvalidArgument: an option is wrong.
        ImportServiceError: the Service cannot be imported.
        NotFound: a model is not in the store.
        AlreadyExists: the version is taken.
        BuildError: a file cannot be packed, or seems to hold a secret, or a build step failed.
    """
    given: dict[str, Any] = {
        "labels": labels,
        "description": description,
        "include": include,
        "exclude": exclude,
        "additional_models": None if additional_models is None else [str(tag) for tag in additional_models],
        "docker": docker,
        "python": python,
        "conda": conda,
    }
    options = structure_options({"service": service, **{k: value for k, value in given.items() if value is not None}})
    return build_from(
        options,
        version=version,
        build_ctx=build_ctx,
        relock=relock,
        bento_store=_bento_store,
        model_store=_model_store,
    )


def build_bentofile(
    bentofile: str | os.PathLike[str] = BENTOFILE_NAME,
    *,
    version: str | None = None,
    build_ctx: str | os.PathLike[str] | None = None,
    relock: bool = False,
    _bento_store: Store | None = None,
    _model_store: Store | None = None,
) -> Bento:
    """Build a Bento with the options in a YAML file, whose keys are the arguments of `build`.

    Args:
        bentofile: the file; looked for as it is given, and then below the build context.
        version: see `build`.
        build_ctx: see `build`.
        relock: see `build`.

    Raises:
        InvalidArgument: there is no such file.
        BuildError: it cannot be read; or see `build`.
    """
    path = find_bentofile(bentofile, Path(build_ctx or "."))
    return build_from(
        read_bentofile(path),
        version=version,
        build_ctx=build_ctx,
        relock=relock,
        bento_store=_bento_store,
        model_store=_model_store,
    )


def find_bentofile(bentofile: str | os.PathLike[str], context: Path) -> Path:
    """Return the path of a bentofile, as it is given or below the build context.

    Raises:
        InvalidArgument: there is no such file.
    """
    given = Path(bentofile).expanduser()
    for path in (given, context / given):
        if path.is_file():
            return path
    raise InvalidArgument(
        f"there is no {str(given)!r}, nor one in {context.absolute()}.", do=f"write a {BENTOFILE_NAME}"
    )


def build_from(
    options: BuildOptions,
    *,
    version: str | None = None,
    build_ctx: str | os.PathLike[str] | None = None,
    relock: bool = False,
    bento_store: Store | None = None,
    model_store: Store | None = None,
) -> Bento:
    """Build a Bento with checked options; see `build`."""
    outer = current_workspace()
    workspace = attrs.evolve(
        outer, bento_store=bento_store or outer.bento_store, model_store=model_store or outer.model_store
    )
    context = Path(build_ctx or ".").expanduser().resolve()
    with using_workspace(workspace), store_failure(f"nothing was built from {context}"):
        if not context.is_dir():
            raise BuildError(f"the build context {context} is no folder.", do="give the folder of the Service's files")
        target = resolve_source(options.service, working_dir=context)
        with noting_models() as asked:
            service = import_isolated_target(target, changes_cwd=True)
        tag = Tag(service.name, version) if version is not None else Tag(service.name).make_new_version()
        if not tag.is_exact:
            raise InvalidArgument(f"a Bento's version cannot be {version!r}.", do="give another, or none")
        with workspace.bento_store.draft(tag, origin="built") as folder:
            _run_steps(Draft(folder, context, service, options.to_plain(), asked, relock), workspace)
            _check_packed(target, folder)
            info = _describe(tag, target, service, options, folder)
            write_bento_info(folder, info)
        return Bento(_open_built(tag, workspace.bento_store), info)


def _open_built(tag: Tag, store: Store) -> Path:
    try:
        return store.open(tag)
    except StoreError as error:
        raise StoreError(f"Bento {tag} was built, but cannot be opened.", why=error.message, do=error.do) from error


def _run_steps(draft: Draft, workspace: Workspace) -> None:
    composition = workspace.composition
    for offer in sorted(composition.every(BuildStepType), key=lambda offer: (offer.phase, offer.name)):
        step: BuildStep = composition.resolve(offer, "step")
        name = f"build step {offer.name!r} of plugin {composition.provider(offer).name!r}"
        try:
            step(draft)
        except JubakoError as error:
            error.add_note(f"(in {name})")
            raise
        except OSError as error:
            why = " ".join(filter(None, (f"{error.strerror or error}", error.filename and f"({error.filename})")))
            raise BuildError(f"{name} failed.", why=f"{why}.", do=remedy_of(error)) from error
        except Exception as error:  # a plugin's code
            raise BuildError(f"{name} failed.", why=f"{type(error).__name__}: {error}") from error


def _check_packed(target: Target, folder: Path) -> None:
    if not (folder / "src" / target.module.path).is_file():
        raise BuildError(
            f"{target.module.path!r}, which defines the Service, is not packed.",
            why="include, exclude or a .bentoignore leaves it out.",
            do="include it",
        )


def _describe(tag: Tag, target: Target, service: Service, options: BuildOptions, folder: Path) -> BentoInfo:
    return BentoInfo(
        service=target.import_string,
        tag=tag,
        jubako_version=__version__,
        creation_time=datetime.now(UTC),
        labels=options.labels,
        models=_describe_models(folder),
        runners=[_describe_runner(runner) for runner in service.runners.values()],
        apis=[
            BentoAPI(
                api.name,
                api.route,
                type(api.input).__name__ if api.input is not None else "",
                type(api.output).__name__,
            )
            for api in service.apis.values()
        ],
        build=options.to_plain(),
        files=digest_folder(folder, leave_out=(StoreKind.BENTOS.manifest_name,)),
    )


def _describe_models(folder: Path) -> list[BentoModel]:
    store = LocalStore(folder, StoreKind.MODELS)
    infos = [read_model_info(store.open(tag)) for tag in store.list()]
    return [BentoModel(info.tag, info.module, info.digest, info.creation_time) for info in infos]


def _describe_runner(runner: Runner | SimpleRunner) -> BentoRunner:
    store = store_of(runner)
    tags = [str(store.resolve(Tag.from_taglike(tag))) for tag in runner.required_models]
    if not isinstance(runner, ModelRunnerDefinition):
        return BentoRunner(runner.name, type(runner).__name__, tags)
    info = runner.model.info
    return BentoRunner(runner.name, info.module, tags, info.context.plugin)
