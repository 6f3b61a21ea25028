"""Bentos as images for containers: what a Dockerfile may hold, how it is written, and how engines build it."""
