"""Where models and Bentos are kept: the local store, manifests, digests, and what is trusted on this machine."""
