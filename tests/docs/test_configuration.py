"""docs/configuration.md names every setting with its default, and no other."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import attrs

from jubako.settings import Settings
from jubako.values.resources import BatchOptions

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z_]+(?:\.[a-z_]+)+)` \| `(.*?)` \|", re.MULTILINE)


def defaults(section, prefix=""):
    for field in attrs.fields(type(section)):
        value = getattr(section, field.name)
        if attrs.has(type(value)):
            yield from defaults(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", value


def as_yaml(value: object) -> str:
    if value == Path("~/jubako").expanduser().absolute():
        return "~/jubako"
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case "":
            return '""'
        case ():
            return "[]"
        case dict():
            return "{}"
    return str(value)


def test_the_page_has_every_setting_with_its_default():
    assert dict(ROW.findall(PAGE)) == {key: as_yaml(value) for key, value in defaults(Settings())}


def test_the_page_has_what_holds_where_a_runner_says_nothing():
    shown = re.findall(r"^\| `runners\.batching\.(\w+)` .*\| `([^`|]*)`[^|`]*\|$", PAGE, re.MULTILINE)
    options = BatchOptions()
    assert dict(shown) == {name: as_yaml(getattr(options, name)) for name, _ in shown}
    assert {name for name, _ in shown} == set(typing.get_type_hints(BatchOptions)) - {
        "input_batch_axis",
        "output_batch_axis",
    }
