"""The descriptors, under the name that services import them by: `from jubako.io import JSON, NumpyNdarray, Text`.

Beside the names below, each descriptor that a plugin offers is found here by the name of its class. Each is imported
when it is first named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jubako import descriptors
from jubako._references import load_reference
from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.contracts.offers import DescriptorType

if TYPE_CHECKING:
    from jubako.descriptors import (
        JSON,
        File,
        FileLike,
        Image,
        Multipart,
        NumpyNdarray,
        PandasDataFrame,
        PandasSeries,
        Text,
    )

__all__ = [
    "JSON",
    "Descriptor",
    "EncodedBody",
    "File",
    "FileLike",
    "Image",
    "Multipart",
    "NumpyNdarray",
    "PandasDataFrame",
    "PandasSeries",
    "Text",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        found = globals()[name] = getattr(descriptors, name)
        return found
    if name.startswith("_"):
        # Tools probe for such names; none is a descriptor, and looking would compose all plugins.
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _offered(name)


def __dir__() -> Any:
    return sorted(__all__)


def _offered(name: str) -> Any:
    """The class of that name that a plugin of the current workspace offers; asked each time, as workspaces differ."""
    composition = load_reference("jubako.workspace:current_workspace")().composition
    offers = [
        offer
        for report in composition.reports
        for offer in report.offers
        if isinstance(offer, DescriptorType) and offer.descriptor.rpartition(":")[2].rpartition(".")[2] == name
    ]
    if not offers:
        known = sorted({*__all__} - {"Descriptor", "EncodedBody", "FileLike"})
        raise AttributeError(
            f"jubako.io has no {name!r}, and no plugin in use offers it. It has {', '.join(known)}. "
            "Do: correct the name, or install the plugin; `jubako plugins` shows those in use"
        )
    # By its own name, which tells conflicts and missing packages.
    return composition.resolve(composition.find(DescriptorType, offers[0].name), "descriptor")
