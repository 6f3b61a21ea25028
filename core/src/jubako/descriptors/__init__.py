"""What goes in and out of an API: HTTP bodies ⇄ Python values, with their schemas. Public as `jubako.io`.

Each descriptor is imported when it is first named: who uses one of them pays for no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jubako._references import load_reference
from jubako.contracts.descriptor import Descriptor, EncodedBody

if TYPE_CHECKING:
    from jubako.descriptors.file import File
    from jubako.descriptors.file_like import FileLike
    from jubako.descriptors.image import Image
    from jubako.descriptors.json import JSON
    from jubako.descriptors.multipart import Multipart
    from jubako.descriptors.numpy_ndarray import NumpyNdarray
    from jubako.descriptors.pandas_dataframe import PandasDataFrame
    from jubako.descriptors.pandas_series import PandasSeries
    from jubako.descriptors.text import Text

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

_REFERENCES = {
    "File": "jubako.descriptors.file:File",
    "FileLike": "jubako.descriptors.file_like:FileLike",
    "Image": "jubako.descriptors.image:Image",
    "JSON": "jubako.descriptors.json:JSON",
    "Multipart": "jubako.descriptors.multipart:Multipart",
    "NumpyNdarray": "jubako.descriptors.numpy_ndarray:NumpyNdarray",
    "PandasDataFrame": "jubako.descriptors.pandas_dataframe:PandasDataFrame",
    "PandasSeries": "jubako.descriptors.pandas_series:PandasSeries",
    "Text": "jubako.descriptors.text:Text",
}


def __getattr__(name: str) -> Any:
    if name not in _REFERENCES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Kept, so that this function is asked once a name.
    found = globals()[name] = load_reference(_REFERENCES[name])
    return found
