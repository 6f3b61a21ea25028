"""Checks and measures the PyTorch runner on a real device: `python -m benchmarks.gpu`.

Runs in an environment that has jubako, jubako-torch-runner and torch; the models are random, and made on the spot.
"""
