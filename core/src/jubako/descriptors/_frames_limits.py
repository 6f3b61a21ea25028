"""How large a frame may become, whatever a body says, checked before room is made."""

from __future__ import annotations

import attrs

from jubako.errors import PayloadTooLarge

_BYTES_PER_CELL = 8
# A small body may describe a frame this large, whatever the shape: nobody is hurt by it.
_HARMLESS_CELLS = 65_536


@attrs.frozen
class FrameLimits:
    """The limits of one request.

    Args:
        body_bytes: what came.
        max_columns: each column takes time whatever stands in it.
        max_decoded_bytes: of all values, once they are no longer compressed.
    """

    body_bytes: int
    max_columns: int
    max_decoded_bytes: int

    def check(self, rows: int, columns: int) -> None:
        """Refuse a frame with more columns than allowed, or with more cells than a body of text can fill.

        Raises:
            PayloadTooLarge: it has.
        """
        self.check_columns(columns)
        # A value of JSON or CSV takes a byte at least; what is more is missing values that nobody sent.
        if rows * columns > max(self.body_bytes, _HARMLESS_CELLS):
            raise PayloadTooLarge(
                f"the body would become a frame of {rows} rows and {columns} columns.",
                expected="rows that have the same names",
            )

    def check_columns(self, columns: int) -> None:
        """Refuse a frame with more columns than allowed.

        Raises:
            PayloadTooLarge: it has.
        """
        if columns > self.max_columns:
            raise PayloadTooLarge(f"the frame has {columns} columns.", expected=f"at most {self.max_columns} columns")

    def check_decoded(self, size_bytes: int) -> None:
        """Refuse values that take more room than allowed.

        Raises:
            PayloadTooLarge: they do.
        """
        if size_bytes > self.max_decoded_bytes:
            expected = f"at most {self.max_decoded_bytes} bytes once it is no longer compressed"
            raise PayloadTooLarge(f"the body would become {size_bytes} bytes or more.", expected=expected)

    def check_cells(self, rows: int, columns: int) -> None:
        """Refuse a frame of a binary format by its rows and columns alone.

        Raises:
            PayloadTooLarge: it has too many.
        """
        self.check_columns(columns)
        self.check_decoded(rows * max(columns, 1) * _BYTES_PER_CELL)
