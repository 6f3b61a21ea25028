"""Measures Jubako beside other model servers: `python -m benchmarks compare`.

Needs Python, `wrk` and a network for the first run, and none of our distributions: every server, Jubako too, runs in a
virtual environment of its own. Hence records here are dataclasses, not attrs classes.
"""
