"""Options that several commands share, and how they become settings."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from jubako.cli._verbosity import tell, verbosity_options
from jubako.settings import LoadedSettings, Settings, load_settings_with_sources

_logger = logging.getLogger(__name__)
_Function = TypeVar("_Function", bound=Callable[..., Any])

_CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file with settings; JUBAKO_CONFIG is used if this is not given.",
)
_STRICT = click.option(
    "--strict-plugins", is_flag=True, default=None, help="Stop if any installed plugin cannot be used as it is."
)


def settings_options(function: _Function) -> _Function:
    """Give a command `--config` and `--strict-plugins`, as the arguments of `read_settings`, and how much it says."""
    decorated: _Function = _CONFIG(_STRICT(verbosity_options(function)))
    return decorated


_TLS = (
    click.option("--ssl-certfile", help="Certificate for HTTPS, in PEM format."),
    click.option("--ssl-keyfile", help="Its private key; not needed if it stands in the certificate's file."),
    click.option(
        "--ssl-keyfile-password",
        help="Password of the private key. Others can see it in the list of processes: "
        "better set JUBAKO_SERVER__SSL__KEYFILE_PASSWORD.",
    ),
    click.option("--ssl-ca-certs", help="Authorities that sign the certificates of clients."),
    click.option("--ssl-cert-reqs", help="Whether clients must show one: none, optional or required."),
    click.option("--ssl-ciphers", help="Ciphers for TLS 1.2, in the format of OpenSSL."),
)


def tls_options(function: _Function) -> _Function:
    """Give a command the options of `server.ssl`, as keyword arguments that begin with `ssl_`."""
    for option in reversed(_TLS):
        function = option(function)
    return function


def read_settings(
    config: Path | None, strict_plugins: bool | None, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """The settings of a command: those of the file and the environment, and on top what was typed.

    Args:
        config: the argument of `settings_options`.
        strict_plugins: the argument of `settings_options`.
        overrides: further options by dotted key, such as `server.port`; None is passed over.

    Raises:
        ConfigurationError: see `load_settings`.
    """
    return read_settings_with_sources(config, strict_plugins, overrides).settings


def read_settings_with_sources(
    config: Path | None, strict_plugins: bool | None, overrides: Mapping[str, Any] | None = None
) -> LoadedSettings:
    """The same, with the source of each value; what is passed over is told on stderr.

    Args:
        config: see `read_settings`.
        strict_plugins: see `read_settings`.
        overrides: see `read_settings`.

    Raises:
        ConfigurationError: see `load_settings`.
    """
    typed = {"plugins.strict": strict_plugins, **(overrides or {})}
    with warnings.catch_warnings(record=True, action="always") as caught:
        loaded = load_settings_with_sources(config, os.environ, typed)
    for warning in caught:
        tell(f"Warning: {warning.message}")
    _logger.debug("settings of the file %s", loaded.path or "(none)")
    for key, source in sorted(loaded.sources.items()):
        _logger.debug("setting %s is of %s", key, source)
    return loaded
