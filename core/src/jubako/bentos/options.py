"""`BuildOptions`: what a Bento is built from, as given to `build` or written in a `bentofile.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from jubako._documents import MAX_DOCUMENT_BYTES, parse_yaml, structure
from jubako.bentos.conda_options import CondaOptions
from jubako.bentos.docker_options import DockerOptions
from jubako.bentos.python_options import PythonOptions
from jubako.errors import BuildError, InvalidArgument
from jubako.values.tag import Tag

BENTOFILE_NAME = "bentofile.yaml"


def _patterns(_: object, attribute: Any, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        if not isinstance(pattern, str) or pattern.startswith("../") or "/../" in pattern or "\0" in pattern:
            raise InvalidArgument(
                f"{attribute.name} cannot have the pattern {pattern!r}.",
                why="Only files below the build context are packed.",
                do="give another build_ctx, or a pattern such as '*.py' or 'data/'",
            )


def _listed(values: Any) -> Any:
    # A lone text is the usual slip, and would become a tuple of letters.
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise InvalidArgument(f"{values!r} stands where a list is expected.", do=f"write [{values!r}]")
    return tuple(values)


@attrs.frozen(kw_only=True)
class BuildOptions:
    """Everything that a build can be told, except the version and the place; validates itself.

    Args:
        service: the import string of the Service, relative to the build context.
        labels: text to text.
        description: the README in Markdown, or `file: path` of one below the build context; generated if None.
        include: patterns in the form of `.gitignore` of the files to pack.
        exclude: patterns of files not to pack; `!pattern` takes back a built-in one, such as the one for `*.pem`.
        additional_models: tags of models to pack beside those that the runners need.
        python: what pip installs.
        conda: what conda installs.
        docker: what the image is made of.
    """

    service: str = attrs.field()
    labels: Mapping[str, str] = attrs.field(factory=dict)
    description: str | None = None
    include: tuple[str, ...] = attrs.field(default=("*",), converter=_listed, validator=_patterns)
    exclude: tuple[str, ...] = attrs.field(default=(), converter=_listed, validator=_patterns)
    additional_models: tuple[str, ...] = attrs.field(default=(), converter=_listed)
    python: PythonOptions = attrs.field(factory=PythonOptions)
    conda: CondaOptions = attrs.field(factory=CondaOptions)
    docker: DockerOptions = attrs.field(factory=DockerOptions)

    @service.validator
    def _check_service(self, _: object, service: object) -> None:
        if not isinstance(service, str) or not service.strip():
            raise InvalidArgument(
                f"a build needs the import string of a Service, not {service!r}.",
                do="give for example 'service.py:svc'",
            )

    @labels.validator
    def _check_labels(self, _: object, labels: object) -> None:
        if not isinstance(labels, Mapping):
            raise InvalidArgument(f"labels map text to text, and are not {labels!r}.")
        for key, value in labels.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise InvalidArgument(f"label {key!r}: {value!r} is not text to text.", do="put it in quotes")

    @additional_models.validator
    def _check_models(self, _: object, models: tuple[object, ...]) -> None:
        for model in models:
            if not isinstance(model, str):
                raise InvalidArgument(f"{model!r} is not the tag of a model.", do="write 'name:version'")
            Tag.from_str(model)

    def to_plain(self) -> dict[str, Any]:
        """JSON-like, as steps see it and as `bento.yaml` records it."""
        return {
            "service": self.service,
            "labels": dict(self.labels),
            "description": self.description,
            "include": list(self.include),
            "exclude": list(self.exclude),
            "additional_models": list(self.additional_models),
            "python": self.python.to_plain(),
            "conda": self.conda.to_plain(),
            "docker": self.docker.to_plain(),
        }


def structure_options(given: Mapping[str, Any]) -> BuildOptions:
    """Make build options of the arguments of `build`; nested ones are mappings, or records that are taken as they are.

    Raises:
        InvalidArgument: a key is not known, with suggestions, or a value is wrong.
    """
    kinds: dict[str, type[Any]] = {"python": PythonOptions, "conda": CondaOptions, "docker": DockerOptions}
    made = {
        name: structure(given[name], kind, name, error=InvalidArgument)
        for name, kind in kinds.items()
        if name in given and not isinstance(given[name], kind)
    }
    return BuildOptions(**{**given, **made})


def read_bentofile(path: Path) -> BuildOptions:
    """Read the build options that a YAML file holds.

    Raises:
        BuildError: it cannot be read, is no YAML, lacks `service`, or has a key that is not known; with suggestions.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise BuildError(
            f"{path} cannot be read.", why=f"{error.strerror}.", do="write one, or give the options themselves"
        ) from error
    return structure(parse_yaml(text, str(path), error=BuildError), BuildOptions, str(path), error=BuildError)
