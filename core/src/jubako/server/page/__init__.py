"""The page at `/`: what a service offers, with a form to try each API. One document, no other files, works offline.

What it shows of the service is read from the OpenAPI document and the README. Its style and its scripts stand in it,
and run by their digests: text of a service that slipped through could do nothing (docs/decisions/0011).
"""
