"""Serves the newest model named `languages`."""

from __future__ import annotations

import numpy as np

import jubako
import jubako.torch
from jubako.io import JSON, Text

# As in guesser.py, which would load torch here; only replicas need it.
LANGUAGES = ("English", "German", "French", "Spanish")
LONGEST = 256

# Texts of different lengths share a batch: they are padded to a multiple of 16, and the model gets a mask of them.
guesser = jubako.torch.load_runner(
    "languages", pad_to={"maximum": LONGEST, "multiple": 16, "output_axis": None, "mask": "mask"}
)
svc = jubako.Service("languages", runners=[guesser])


@svc.api(input=Text(), output=JSON())
async def guess(text: str) -> dict[str, float]:
    """Say which language a text is written in: the share of belief in each."""
    tokens = np.frombuffer(text.encode()[:LONGEST], dtype=np.uint8).astype(np.int64)
    scores = await guesser.async_run(tokens)
    shares = np.exp(scores - scores.max())
    return {language: round(float(share), 3) for language, share in zip(LANGUAGES, shares / shares.sum(), strict=True)}
