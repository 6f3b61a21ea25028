"""The formats of model files that need no framework: npy, JSON and cloudpickle."""
