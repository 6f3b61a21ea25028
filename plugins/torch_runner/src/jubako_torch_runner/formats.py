"""Names that the parts of this plugin share; imports no framework."""

from __future__ import annotations

RUNNER_TYPE = "torch"
"""What `model.yaml` calls models of this plugin."""

SAFETENSORS = "safetensors"
EXPORT = "torch.export"
PICKLE = "torch.save"

FORMATS = (SAFETENSORS, EXPORT, PICKLE)
"""The formats, the best first: `save` takes the first that gives the module back."""

FRAMEWORK_DISTRIBUTIONS = ("torch", "numpy", "safetensors")
"""Distributions that `model.yaml` pins."""
