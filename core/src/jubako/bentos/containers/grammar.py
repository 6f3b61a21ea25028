"""What the values in a Dockerfile may look like, field by field; whatever else is written there is refused before.

Every check returns nothing, or raises `InvalidArgument` that names the field. They take texts from people who may be
hostile, so each expression matches the whole text, ASCII only, and in linear time.
"""

from __future__ import annotations

import re

from jubako.errors import InvalidArgument

# https://github.com/distribution/reference/blob/main/regexp.go
_HOST = r"[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*"
_DOMAIN = rf"(?:{_HOST}(?:\.{_HOST})*|\[[A-Fa-f0-9:]+\])(?::[0-9]+)?"
_PATH = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DIGEST = r"(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})"
_TAGGED = rf"(?P<name>(?:{_DOMAIN}/)?{_PATH}(?:/{_PATH})*)(?P<tag>:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?"
_IMAGE = re.compile(rf"{_TAGGED}(?P<digest>@{_DIGEST})?")
_MAX_IMAGE_NAME = 255

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?")
_PLATFORM = re.compile(r"[a-z0-9_]+(?:/[a-z0-9_]+){1,2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_image(text: object) -> bool:
    """True if a text refers to an image by the grammar of the OCI: name, and if wanted tag and digest."""
    match = _IMAGE.fullmatch(text) if isinstance(text, str) and len(text) < 1024 else None
    return match is not None and len(match["name"]) <= _MAX_IMAGE_NAME


def check_image(field: str, text: object) -> None:
    """Accept a reference to an image, such as `registry.example.org/python:3.11-slim@sha256:…`."""
    if not is_image(text):
        raise InvalidArgument(
            f"{field} cannot be {text!r}.",
            why="It does not refer to an image: [registry/]name[:tag][@sha256:digest].",
            do="write for example 'python:3.11-slim-bookworm'",
        )


def check_env_name(field: str, name: object) -> None:
    """Accept the name of an environment variable."""
    if not isinstance(name, str) or not _ENV_NAME.fullmatch(name):
        raise InvalidArgument(
            f"{field} cannot have the name {name!r}.",
            why="Names of environment variables are letters, digits and underscores.",
            do="write for example 'LOG_LEVEL'",
        )


def check_label_name(field: str, name: object) -> None:
    """Accept the key of an image's label, such as `org.example.team`."""
    if not isinstance(name, str) or not _LABEL.fullmatch(name):
        raise InvalidArgument(f"{field} cannot have the key {name!r}.", do="write for example 'org.example.team'")


def check_platform(field: str, text: object) -> None:
    """Accept a platform such as `linux/arm64` or `linux/arm/v7`."""
    if not isinstance(text, str) or not _PLATFORM.fullmatch(text):
        raise InvalidArgument(f"{field} cannot be {text!r}.", do="write for example 'linux/amd64'")


def check_text(field: str, text: object) -> None:
    """Accept text that can be an argument or an environment variable: without NUL, and valid."""
    if not isinstance(text, str):
        raise InvalidArgument(f"{field} cannot be {text!r}, which is not text.", do="put it in quotes")
    if "\0" in text:
        raise InvalidArgument(f"{field} cannot hold a NUL character.", do="take it out")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{field} holds half a character (a lone surrogate).", do="give valid text") from error


def check_context_path(field: str, text: object) -> None:
    """Accept the path of a file below the build context: relative, and without a way out.

    Links are refused when the file is read, by `bentos.confined`.
    """
    if not isinstance(text, str) or not text or _CONTROL.search(text):
        raise InvalidArgument(f"{field} cannot be {text!r}.", do="give the path of a file in the build context")
    leads_out = text.startswith(("/", "~", "\\")) or re.match(r"[A-Za-z]:", text)
    if leads_out or "$" in text or ".." in re.split(r"[/\\]", text):
        raise InvalidArgument(
            f"{field} cannot be {text!r}.",
            why="Only files of the build context are packed, and neither '~' nor '$NAME' is replaced.",
            do="copy the file into the build context, and give its path relative to that",
        )
