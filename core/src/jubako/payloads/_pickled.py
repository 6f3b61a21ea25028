"""Values without a typed layout: protocol-5 pickles with their buffers beside them.

Only for the private channel between processes of one server (never for what came from the network): the reference's
API lets runners take any Python value that can be pickled.
"""

from __future__ import annotations

import pickle
from typing import Any

from jubako.errors import InvalidArgument
from jubako.serializers._unpickle import unpickle
from jubako.values.payload import EncodedPayload

_MARK = {"layout": "pickle"}


def encode(payload_type: str, value: Any) -> EncodedPayload:
    """Pickle the value; large buffers stay outside and are shared with it."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return EncodedPayload(payload_type, _MARK, (body, *(buffer.raw() for buffer in buffers)))


def is_pickled(encoded: EncodedPayload) -> bool:
    """True if `encode` of this module wrote it."""
    return encoded.header.get("layout") == "pickle"


def decode(encoded: EncodedPayload) -> Any:
    """Read the value back; only what came over the private channel may be given here.

    Raises:
        InvalidArgument: it does not say that it is a pickle, so it was not written by `encode`.
    """
    if not is_pickled(encoded):
        raise InvalidArgument(
            f"a {encoded.payload_type} cannot be read.", why=f"Its header says {str(dict(encoded.header))[:200]}."
        )
    body, *buffers = encoded.buffers
    return unpickle(body, buffers)
