"""Frozen records without I/O: tags, manifests, signatures, resources, placements. They validate themselves."""
