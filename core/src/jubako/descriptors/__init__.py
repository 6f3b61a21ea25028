"""What goes in and out of an API: HTTP bodies ⇄ Python values, with their schemas. Public as `jubako.io`."""

from __future__ import annotations

from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.descriptors.json import JSON
from jubako.descriptors.numpy_ndarray import NumpyNdarray
from jubako.descriptors.text import Text

__all__ = ["JSON", "Descriptor", "EncodedBody", "NumpyNdarray", "Text"]
