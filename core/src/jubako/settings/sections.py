"""`Settings`, the whole of what can be set, and its short sections."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs

from jubako.errors import InvalidArgument
from jubako.settings._fields import flag_field, names, names_field, section, size_field, whole_field
from jubako.settings.runners import RunnersSettings
from jubako.settings.server import ServerSettings

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _home(value: str | Path) -> Path:
    if not isinstance(value, str | Path) or not str(value).strip():
        raise InvalidArgument(f"home cannot be {value!r}.", do="give the path of a folder")
    # Absolute at once: a service may change the working directory later, and the stores must not follow it.
    return Path(value).expanduser().absolute()


@attrs.frozen(kw_only=True)
class PluginSettings:
    """Which plugins are loaded, by the name of the plugin or of its distribution; decided before any is imported.

    Args:
        allow: if not None, only these are loaded; empty allows none but the built-in one.
        disable: these are not loaded, even if allowed.
        strict: True makes any plugin that cannot be used an error.
    """

    allow: tuple[str, ...] | None = attrs.field(default=None, converter=attrs.converters.optional(names))
    disable: tuple[str, ...] = names_field()
    strict: bool = flag_field(False)


@attrs.frozen(kw_only=True)
class ArchiveSettings:
    """What an archive that is imported may unpack to; a larger one is refused before more than that is written.

    Args:
        max_members: files and folders, also those that are only named by what is in them.
        max_bytes: of all files together.
        max_ratio: bytes that one byte of the archive may unpack to, from 64 MiB on.
    """

    max_members: int = whole_field(100_000)
    max_bytes: int = size_field(100 * 1024**3)
    max_ratio: int = whole_field(200)


@attrs.frozen(kw_only=True)
class StoreSettings:
    """Where models and Bentos are kept.

    Args:
        home: the folder of the local stores; a relative one is made absolute.
        model_store: URL of the model store; empty means `home`.
        bento_store: URL of the Bento store; empty means `home`.
        archives: what an archive that is imported may unpack to.
    """

    home: Path = attrs.field(default=Path("~/jubako"), converter=_home)
    model_store: str = ""
    bento_store: str = ""
    archives: ArchiveSettings = attrs.field(factory=ArchiveSettings, validator=section)


@attrs.frozen(kw_only=True)
class TrustSettings:
    """Models that may be loaded although their format can run code.

    Args:
        digests: of the models, as `sha256:` and 64 hexadecimal digits.
    """

    digests: tuple[str, ...] = names_field()

    @digests.validator
    def _check_digests(self, _: Any, digests: tuple[str, ...]) -> None:
        for digest in digests:
            if not _DIGEST.fullmatch(digest):
                raise InvalidArgument(f"{digest!r} is no digest.", do='write "sha256:" and 64 hexadecimal digits')


@attrs.frozen(kw_only=True)
class ContainerSettings:
    """How images of Bentos are built.

    Args:
        engine: `docker`, `podman` or `buildah`; empty means the first of them that can be used.
    """

    engine: str = attrs.field(default="")

    @engine.validator
    def _check_engine(self, _: Any, engine: object) -> None:
        if engine not in ("", "docker", "podman", "buildah"):
            raise InvalidArgument(
                f"engine cannot be {engine!r}.", do="write docker, podman or buildah, or leave it out"
            )


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that can be set; `Settings()` holds the defaults.

    Args:
        server: where and how a service is served, and the limits of one request.
        runners: where runners run, and what is changed of their own options.
        plugins: which plugins are loaded.
        stores: where models and Bentos are kept.
        trust: models that may be loaded although their format can run code.
        containers: how images of Bentos are built.
    """

    server: ServerSettings = attrs.field(factory=ServerSettings, validator=section)
    runners: RunnersSettings = attrs.field(factory=RunnersSettings, validator=section)
    plugins: PluginSettings = attrs.field(factory=PluginSettings, validator=section)
    stores: StoreSettings = attrs.field(factory=StoreSettings, validator=section)
    trust: TrustSettings = attrs.field(factory=TrustSettings, validator=section)
    containers: ContainerSettings = attrs.field(factory=ContainerSettings, validator=section)
