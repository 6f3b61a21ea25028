"""The descriptors, under the name that services import them by: `from jubako.io import JSON, NumpyNdarray, Text`."""

from __future__ import annotations

from jubako.descriptors import JSON, Descriptor, EncodedBody, NumpyNdarray, Text

__all__ = ["JSON", "Descriptor", "EncodedBody", "NumpyNdarray", "Text"]
