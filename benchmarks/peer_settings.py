"""The servers that can be measured, read from `peers/<name>/peer.toml`."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError

REPOSITORY = Path(__file__).parents[1]
PEERS = Path(__file__).with_name("peers")


@dataclass(frozen=True)
class Endpoint:
    """How a peer serves one workload.

    Args:
        path: of the URL.
        body: JSON with `$row` where the numbers of a question go.
        values: what else commands need to know of the workload, such as the service's name; filled in as `$name`.
    """

    path: str
    body: str
    values: Mapping[str, str] = field(default_factory=dict)

    def fill(self, row: tuple[float, ...]) -> str:
        """The body of one request, on one line."""
        return string.Template(self.body).substitute(row=list(row))


@dataclass(frozen=True)
class Configuration:
    """One way to start a peer: a line of the table.

    Args:
        name: of that line.
        command: its first word is looked up in the peer's environment; `$host`, `$port`, `$state` and the
            endpoint's values are filled in.
        workloads: the endpoints, by name of the workload.
        in_process: True if it is no server but a program that computes by itself, in batches of as many rows as there
            are connections, for comparison; `$connections` and `$seconds` are filled in, and it prints what
            `inprocess.raw` does.
    """

    name: str
    command: tuple[str, ...]
    workloads: Mapping[str, Endpoint]
    in_process: bool = False


@dataclass(frozen=True)
class Peer:
    """A server with everything that it needs.

    Args:
        name: of its folder.
        folder: in which its commands run.
        requirements: what pip installs; `$repository` is filled in.
        newest: distributions whose newest release is installed after that, whatever it requires: an index may lag
            behind in what a release of today asks for.
        reported: distributions whose versions the report names.
        prepare: the command that trains and saves its model, or nothing.
        environment: variables for its commands; `$state` and `$repository` are filled in.
        configurations: at least one.
    """

    name: str
    folder: Path
    requirements: tuple[str, ...]
    reported: tuple[str, ...]
    configurations: tuple[Configuration, ...]
    newest: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def choose(self, names: Iterable[str]) -> tuple[Configuration, ...]:
        """The configurations of these names, in the order of the file.

        Raises:
            BenchmarkError: it has no such configuration.
        """
        wanted = list(names)
        known = [configuration.name for configuration in self.configurations if not configuration.in_process]
        for name in wanted:
            if name not in known:
                raise BenchmarkError(f"{self.name} has no configuration {name!r}. Do: choose of {', '.join(known)}.")
        return tuple(configuration for configuration in self.configurations if configuration.name in wanted)


def name_peers() -> tuple[str, ...]:
    """The names of all peers, sorted."""
    return tuple(sorted(path.parent.name for path in PEERS.glob("*/peer.toml")))


def read_peer(name: str, folder: Path = PEERS) -> Peer:
    """Read a peer's file.

    Raises:
        BenchmarkError: there is no such peer, or its file has not what it needs.
    """
    path = folder / name / "peer.toml"
    if not path.is_file():
        raise BenchmarkError(f"no peer is named {name!r}. Do: choose of {', '.join(name_peers())}.")
    try:
        return _structure(path.parent, tomllib.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, AttributeError, tomllib.TOMLDecodeError) as error:
        raise BenchmarkError(f"{path} is not a peer's file: {error!r}. Do: compare it with another peer's.") from error


def _structure(folder: Path, data: Mapping[str, Any]) -> Peer:
    endpoints = {name: _structure_endpoint(values) for name, values in data["workloads"].items()}
    return Peer(
        name=folder.name,
        folder=folder,
        requirements=tuple(
            string.Template(each).safe_substitute(repository=REPOSITORY) for each in data["requirements"]
        ),
        reported=tuple(data["reported"]),
        configurations=tuple(
            Configuration(
                name,
                tuple(values["command"]),
                {workload: endpoints[workload] for workload in values.get("workloads", endpoints)},
                in_process=values.get("in_process", False),
            )
            for name, values in data["configurations"].items()
        ),
        newest=tuple(data.get("newest", ())),
        prepare=tuple(data.get("prepare", ())),
        environment=dict(data.get("environment", {})),
    )


def _structure_endpoint(data: Mapping[str, str]) -> Endpoint:
    values = {name: value for name, value in data.items() if name not in {"path", "body"}}
    return Endpoint(data["path"], data["body"], values)
