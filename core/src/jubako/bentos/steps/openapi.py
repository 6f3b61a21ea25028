"""The openapi step: `apis/openapi.yaml`."""

from __future__ import annotations

from jubako._documents import dump_yaml
from jubako.contracts.build_step import BuildDraft


def write_openapi(draft: BuildDraft) -> None:
    """Write the Service's OpenAPI document; it holds neither tag nor time, so that equal Services give equal files."""
    folder = draft.folder / "apis"
    folder.mkdir(exist_ok=True)
    (folder / "openapi.yaml").write_text(dump_yaml(draft.service.openapi_doc()), encoding="utf-8")
