"""`EncodedPayload`: a value laid out as a small header and raw buffers, ready for a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs


@attrs.frozen
class EncodedPayload:
    """One batch of values without Python objects.

    Args:
        payload_type: the name of the payload type that wrote it, and alone can read it.
        header: JSON-like facts, such as dtype and shape.
        buffers: bytes-like objects, shared with the value where the type allows it.
    """

    payload_type: str
    header: Mapping[str, Any]
    buffers: Sequence[bytes | bytearray | memoryview] = ()
