"""What to write instead of keys that other configurations have, BentoML's above all, and Jubako has not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_SERVER = ("bento_server", "api_server")
_ADVICE = {
    "server.timeout": "write server.timeout_s",
    "server.max_request_size": "write server.max_body_bytes",
    "server.batch_options": "write runners.batching, which holds for every runner",
    "server.ngrok": "leave server.ngrok out, for no tunnel is opened",
    "server.metrics.namespace": "leave server.metrics.namespace out: the names of metrics are constant, "
    "and the service is a label",
    "runners.logging": "write server.logging.access, for runners get no HTTP requests",
    "runners.batch_options": "write runners.batching",
    "runners.resource_quota": "write runners.resources",
    "tracing": "leave tracing out: traceparent is passed on to replicas and logs, and nothing is exported",
    "yatai": "leave yatai out, and set stores.model_store and stores.bento_store",
}


def advice_for(tree: Mapping[str, Any]) -> list[str]:
    """What to do about each known foreign key of a configuration; empty if it has none.

    Args:
        tree: as a source holds it.
    """
    found = []
    for path in _paths(tree):
        section, dot, rest = path.partition(".")
        if section in _SERVER:
            if not dot:
                found.append(f"write server instead of {section}")
            path = f"server{dot}{rest}"
        elif path.startswith("runners.named."):
            path = ".".join(["runners", *path.split(".")[3:]])
        if path in _ADVICE:
            found.append(_ADVICE[path])
    return list(dict.fromkeys(found))


def _paths(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _paths(value, f"{prefix}{key}.")
