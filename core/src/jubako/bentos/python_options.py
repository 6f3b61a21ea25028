"""`PythonOptions`: what pip installs for a Bento, as `python` in a `bentofile.yaml` or in `build` says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import attrs
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from jubako.bentos.containers.grammar import check_context_path
from jubako.bentos.requirements import parse_requirement
from jubako.errors import InvalidArgument
from jubako.values.checks import flag

# What pip reads in a requirements file, and what names neither a place nor an index.
PIP_ARGS = ("--no-binary", "--only-binary", "--pre", "--prefer-binary")
_WITH_VALUE = ("--no-binary", "--only-binary")
_FORMATS = re.compile(r":all:|:none:|[A-Za-z0-9][A-Za-z0-9._-]*(?:,[A-Za-z0-9][A-Za-z0-9._-]*)*")
_REFUSED_ARGS = {
    "-i": "python.index_url has it.",
    "--index-url": "python.index_url has it.",
    "--extra-index-url": "python.extra_index_url has it.",
    "--no-index": "python.no_index has it.",
    "-f": "python.find_links has it.",
    "--find-links": "python.find_links has it.",
    "--trusted-host": "python.trusted_host has it.",
    "-r": "python.requirements_txt has it.",
    "--requirement": "python.requirements_txt has it.",
    "-e": "What is installed so is packed as a wheel by itself.",
    "--editable": "What is installed so is packed as a wheel by itself.",
    "--require-hashes": "A locked Bento is installed so by itself.",
}

# Without blanks, queries (which can be secrets), and what shells and requirements files give a meaning.
_URL_TEXT = re.compile(r"[A-Za-z0-9:/%.,+~_\[\]-]+")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?")
_SECRETS_ELSEWHERE = "let pip's own configuration, a keyring or ~/.netrc have it; a Bento is given away"


def _texts(name: str) -> Callable[[Any], tuple[str, ...]]:
    def read(value: Any) -> tuple[str, ...]:
        values = (value,) if isinstance(value, str) else () if value is None else value
        if not isinstance(values, Sequence) or not all(isinstance(text, str) for text in values):
            raise InvalidArgument(f"python.{name} cannot be {_shown(value)}.", do="write text, or a list of texts")
        return tuple(values)

    return read


def _texts_field(name: str) -> Any:
    return attrs.field(default=(), converter=_texts(name))


def _arguments(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    try:
        return tuple(shlex.split(value)) if isinstance(value, str) else _texts("pip_args")(value)
    except ValueError as error:
        raise InvalidArgument(f"python.pip_args cannot be {_shown(value)}.", why=f"{error}.") from error


@attrs.frozen(kw_only=True)
class PythonOptions:
    """What is installed with pip, and from where; each value is checked, and a lone text stands for a list of one.

    Args:
        requirements_txt: path of a requirements file in the build context; it and `packages` are put together.
        packages: requirements, such as `pandas>=2` or `httpx[http2]`.
        lock_packages: True pins everything that these need by version and hash; False leaves it to the installation;
            None, the default, means True if there are `packages` and no `requirements_txt`.
        index_url: of the index to use instead of pip's own; without credentials, like each URL here.
        no_index: True looks at `find_links` and `wheels` only.
        trusted_host: hosts that need no valid certificate.
        find_links: URLs of pages, or folders in the build context, that have distributions.
        extra_index_url: indexes to look at as well.
        pip_args: further options of pip, of `--pre`, `--prefer-binary`, `--only-binary` and `--no-binary`.
        wheels: paths of wheels in the build context; packed and installed.
    """

    requirements_txt: str | None = None
    packages: tuple[str, ...] = _texts_field("packages")
    lock_packages: bool | None = None
    index_url: str | None = None
    no_index: bool = False
    trusted_host: tuple[str, ...] = _texts_field("trusted_host")
    find_links: tuple[str, ...] = _texts_field("find_links")
    extra_index_url: tuple[str, ...] = _texts_field("extra_index_url")
    pip_args: tuple[str, ...] = attrs.field(default=(), converter=_arguments)
    wheels: tuple[str, ...] = _texts_field("wheels")

    def __attrs_post_init__(self) -> None:
        fields = attrs.fields(PythonOptions)
        flag(self, fields.no_index, self.no_index)
        if self.lock_packages is not None:
            flag(self, fields.lock_packages, self.lock_packages)
        if self.requirements_txt is not None:
            check_context_path("python.requirements_txt", self.requirements_txt)
        for text in self.packages:
            parse_requirement(text, "python.packages")
        for name, urls in (("index_url", (self.index_url,)), ("extra_index_url", self.extra_index_url)):
            for url in urls:
                if url is not None:
                    check_url(f"python.{name}", url)
        for place in self.find_links:
            check_url("python.find_links", place) if is_url(place) else check_context_path("python.find_links", place)
        for host in self.trusted_host:
            if not _HOST.fullmatch(host):
                raise InvalidArgument(f"python.trusted_host cannot be {host!r}.", do="write 'host' or 'host:port'")
        if self.no_index and (self.index_url or self.extra_index_url):
            raise InvalidArgument("python.no_index cannot stand beside an index.", do="leave out one of them")
        for wheel in self.wheels:
            check_context_path("python.wheels", wheel)
            _check_wheel_name(wheel)
        _check_arguments(self.pip_args)

    @property
    def locks(self) -> bool:
        """True if everything is to be pinned with a tool that knows the index."""
        if self.lock_packages is not None:
            return self.lock_packages
        return bool(self.packages) and self.requirements_txt is None

    def to_plain(self) -> dict[str, Any]:
        """JSON-like, as steps see it and as `bento.yaml` records it."""
        plain = {field.name: getattr(self, field.name) for field in attrs.fields(PythonOptions)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def is_url(text: str) -> bool:
    """True if a text is meant as a URL, and not as a path."""
    return "://" in text or text.lower().startswith("file:")


def check_url(field: str, url: object) -> None:
    """Accept an `https` or `http` URL without credentials, query, and what a shell or pip would replace."""
    if isinstance(url, str) and "@" in url:
        raise InvalidArgument(
            f"{field} seems to have credentials, which are not shown here.",
            why="They would stand in the Bento.",
            do=f"write the URL without them, and {_SECRETS_ELSEWHERE}",
        )
    try:
        parts = urlsplit(url) if isinstance(url, str) and _URL_TEXT.fullmatch(url) else None
        is_right = parts is not None and parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right:
        raise InvalidArgument(
            f"{field} cannot be {_shown(url)}.",
            why="It is no plain URL: scheme, host and path.",
            do="write for example 'https://pypi.org/simple'",
        )


def _check_wheel_name(path: str) -> None:
    try:
        parse_wheel_filename(path.rpartition("/")[2])
    except InvalidWheelFilename as error:
        raise InvalidArgument(
            f"python.wheels cannot have {path!r}.", why=f"{error}.", do="give the wheel as its builder named it"
        ) from error


def _check_arguments(arguments: tuple[str, ...]) -> None:
    rest = list(arguments)
    while rest:
        option, equals, value = rest.pop(0).partition("=")
        if option not in PIP_ARGS or (equals and option not in _WITH_VALUE):
            raise InvalidArgument(
                f"python.pip_args cannot have {_shown(option)}.",
                why=_REFUSED_ARGS.get(option, f"Only {', '.join(PIP_ARGS)} are passed on."),
                do="leave it out; where pip runs, its own configuration can have more",
            )
        if option in _WITH_VALUE:
            value = value if equals else rest.pop(0) if rest else ""
            if not _FORMATS.fullmatch(value):
                raise InvalidArgument(
                    f"python.pip_args: {option} cannot be {_shown(value)}.", do="write ':all:', or names with commas"
                )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
