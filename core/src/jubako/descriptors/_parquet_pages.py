"""The pages of a Parquet file: how large they say that they become, before anything is decompressed.

The footer says it too, but a reader makes room by what the header of each page says. Footer and headers are read here
and not by pyarrow, which ends the whole process on some damaged descriptions of columns.
Source: https://github.com/apache/parquet-format (parquet.thrift).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import attrs

from jubako.descriptors._thrift import INT32, INT64, LIST, STRUCT, Damaged, Reader, find, find_number

_MAGIC = b"PAR1"
# More pages than that are an attack: writers make them about a megabyte large.
_MOST_PAGES = 50_000
# Numbers of fields: of the footer, of a group of rows, of a column's part of it, and of the description of that.
_ROW_GROUPS, _COLUMNS, _FILE_PATH, _DESCRIPTION = 4, 1, 1, 3
_VALUES, _COMPRESSED_BYTES, _DATA_OFFSET, _DICTIONARY_OFFSET = 5, 7, 9, 11
# Of a page's header, and of the headers that may stand in it.
_PAGE_UNCOMPRESSED_BYTES, _PAGE_COMPRESSED_BYTES, _DATA_PAGE, _DATA_PAGE_V2 = 2, 3, 5, 8
_COUNT, _ENCODING, _ENCODING_V2 = 1, 2, 4
# Each value repeats the beginning of the one before it, as long as it says: a bomb that no size in the file shows.
_DELTA_BYTE_ARRAY = 7


@attrs.frozen
class Page:
    """What the header of a page says.

    Args:
        header_bytes: its own length.
        compressed_bytes: of the page behind it.
        uncompressed_bytes: what the page becomes.
        values: how many there are, missing ones too; 0 for a dictionary.
    """

    header_bytes: int
    compressed_bytes: int
    uncompressed_bytes: int
    values: int


def list_pages(body: bytes) -> Iterator[tuple[int, Page]]:
    """Yield every page that Arrow would read, with the number of its column.

    Raises:
        Damaged: the footer or a header cannot be read, or there are more than 50,000 pages.
    """
    pages = 0
    for column, start, stop in _parts(body):
        pages += 1
        while start < stop:
            page = read_page_header(body, start)
            yield column, page
            start += page.header_bytes + page.compressed_bytes
            pages += 1
            if pages > _MOST_PAGES:
                raise Damaged(f"There are more than {_MOST_PAGES} pages.")


def read_page_header(body: bytes, start: int) -> Page:
    """Return what the header of a page says.

    Raises:
        Damaged: it cannot be read, or its values are encoded in a way whose size cannot be told.
    """
    reader = Reader(body, start)
    fields = reader.struct()
    values = 0
    for number, encoding_number in ((_DATA_PAGE, _ENCODING), (_DATA_PAGE_V2, _ENCODING_V2)):
        header = find(fields, number, STRUCT)
        if header is not None:
            if find_number(header, encoding_number, INT32) == _DELTA_BYTE_ARRAY:
                raise Damaged("Values are in the encoding DELTA_BYTE_ARRAY, which is not taken.")
            values += find_number(header, _COUNT, INT32)
    return Page(
        header_bytes=reader.position - start,
        compressed_bytes=find_number(fields, _PAGE_COMPRESSED_BYTES, INT32),
        uncompressed_bytes=find_number(fields, _PAGE_UNCOMPRESSED_BYTES, INT32),
        values=values,
    )


def _parts(body: bytes) -> Iterator[tuple[int, int, int]]:
    """Column, begin and end in the file, of every column's part of every group of rows."""
    if len(body) < 12 or not body.endswith(_MAGIC):
        raise Damaged("There is no footer.")
    footer_bytes = struct.unpack_from("<I", body, len(body) - 8)[0]
    if footer_bytes > len(body) - 12:
        raise Damaged("The footer is longer than the file.")
    footer = Reader(body, len(body) - 8 - footer_bytes).struct()
    for group in find(footer, _ROW_GROUPS, LIST) or ():
        for column, part in enumerate(find(group, _COLUMNS, LIST) or ()):
            described = find(part, _DESCRIPTION, STRUCT)
            if described is None or _FILE_PATH in part:
                raise Damaged("A part of a column is elsewhere.")
            if not find_number(described, _VALUES, INT64):
                # Arrow reads no page then; writers leave something else there.
                continue
            start = find_number(described, _DATA_OFFSET, INT64)
            dictionary = find(described, _DICTIONARY_OFFSET, INT64)
            # As Arrow itself finds the first page.
            if dictionary is not None and 0 < dictionary < start:
                start = dictionary
            yield column, start, start + find_number(described, _COMPRESSED_BYTES, INT64)
