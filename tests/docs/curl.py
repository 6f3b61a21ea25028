"""Stands in for curl on a machine that has none; knows the options that the pages use."""

from __future__ import annotations

import argparse
import sys
import urllib.error
import urllib.request


def main() -> None:
    """Print the body of the answer, whatever its status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="body")
    parser.add_argument("--silent", action="store_true")
    options = parser.parse_args()
    headers = dict(header.split(": ", 1) for header in options.headers)
    body = None if options.body is None else options.body.encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(options.url, body, headers)) as response:
            sys.stdout.buffer.write(response.read())
    except urllib.error.HTTPError as error:
        sys.stdout.buffer.write(error.read())


main()
