"""What the project's own distributions offer, so that an error can say which one to install.

The one place of the core where frameworks are named, and nothing but text.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from jubako.contracts.offers import HttpServerType, Offer, RunnerType, StoreType

_DISTRIBUTIONS: Mapping[type[Offer], Mapping[str, str]] = MappingProxyType(
    {
        RunnerType: {
            "sklearn": "jubako-sklearn-runner",
            "torch": "jubako-torch-runner",
            "pytorch": "jubako-torch-runner",
        },
        StoreType: {"s3": "jubako-s3-store"},
        HttpServerType: {"uvicorn": "jubako-uvicorn-server"},
    }
)

# Only where the two differ.
_DISTRIBUTION_OF_IMPORT: Mapping[str, str] = MappingProxyType({"PIL": "pillow", "sklearn": "scikit-learn"})


def distribution_offering(kind: type[Offer], name: str) -> str:
    """The first-party distribution that offers a name; empty if none does."""
    return _DISTRIBUTIONS.get(kind, {}).get(name, "")


def first_party_names(kind: type[Offer]) -> tuple[str, ...]:
    """Every name of a kind that a first-party distribution offers."""
    return tuple(_DISTRIBUTIONS.get(kind, {}))


def first_party_distributions() -> frozenset[str]:
    """The names of the distributions that come with Jubako, installed or not."""
    return frozenset(name for names in _DISTRIBUTIONS.values() for name in names.values())


def distribution_of_import(import_name: str) -> str:
    """What to install for an import name, as far as is known: usually its first part."""
    top = import_name.partition(".")[0]
    return _DISTRIBUTION_OF_IMPORT.get(top, top)
