"""The sbom step: `sbom.cdx.json`, everything that the Bento consists of, in the form of CycloneDX 1.6.

It holds no time and no serial number, so that equal Bentos have equal ones.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from jubako._version import __version__
from jubako.bentos.requirements import exact_version, logical_lines
from jubako.bentos.requirements_installed import find_installed
from jubako.contracts.build_step import BuildDraft
from jubako.contracts.store import StoreKind
from jubako.stores.local import LocalStore
from jubako.stores.manifests import read_model_info

FILE_NAME = "sbom.cdx.json"

_INDEX = "https://pypi.org/simple"
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_LONGEST_LICENCE = 200
_CLASSIFIER = "License :: "


def write_sbom(draft: BuildDraft) -> None:
    """List the packages of the lock, or of the requirements without one, the wheels that are packed, and the models.

    Hashes are those of the lock; licences are what the packages say that are installed here in the same version.
    """
    components = [*_packages(draft), *_models(draft.folder)]
    root = f"bento:{draft.service.name}"
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "jubako", "version": __version__}]},
            "component": {"type": "application", "bom-ref": root, "name": draft.service.name},
        },
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": [component["bom-ref"] for component in components]}],
    }
    text = json.dumps(document, indent=2, ensure_ascii=False)
    (draft.folder / FILE_NAME).write_text(f"{text}\n", encoding="utf-8")


def _packages(draft: BuildDraft) -> list[dict[str, Any]]:
    folder = draft.folder / "env" / "python"
    path = next(
        (folder / name for name in ("requirements.lock.txt", "requirements.txt") if (folder / name).is_file()), None
    )
    found: dict[str, dict[str, Any]] = {}
    for wheel in sorted((folder / "wheels").glob("*.whl")):
        packed = _wheel(wheel)
        found[packed["bom-ref"]] = packed
    if path is not None:
        index = draft.options.get("python", {}).get("index_url") or _INDEX
        for _, line in logical_lines(path.read_text(encoding="utf-8"), path.name):
            component = _requirement(line, index)
            if component is not None:
                found.setdefault(component["bom-ref"], component)
    return [found[key] for key in sorted(found)]


def _wheel(wheel: Path) -> dict[str, Any]:
    name, version, _, _ = parse_wheel_filename(wheel.name)
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        **_library(name, str(version)),
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "properties": [{"name": "jubako:wheel", "value": f"env/python/wheels/{wheel.name}"}],
    }


def _requirement(line: str, index: str) -> dict[str, Any] | None:
    """The component of a line of a requirements file; None for options, and for wheels, which are found as files."""
    hashes = sorted(set(_HASH.findall(line)))
    try:
        requirement = Requirement(re.split(r"\s--hash[=\s]", line, maxsplit=1)[0].strip())
    except InvalidRequirement:
        return None
    component = _library(canonicalize_name(requirement.name), exact_version(requirement))
    if requirement.marker is not None:
        component["properties"] = [{"name": "jubako:marker", "value": str(requirement.marker)}]
    if hashes:
        # Of all its files, of which one is installed: so they are not the component's own.
        component["externalReferences"] = [
            {
                "type": "distribution",
                "url": f"{index.rstrip('/')}/{component['name']}/",
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in hashes],
            }
        ]
    return component


def _library(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}" + (f"@{version.replace('+', '%2B').replace('!', '%21')}" if version else "")
    component: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name}
    if version:
        component["version"] = version
    installed = find_installed(name)
    licences = _licences(installed) if installed is not None and installed.version == version else []
    if licences:
        component["licenses"] = licences
    component["purl"] = purl
    return component


def _licences(installed: Distribution) -> list[dict[str, Any]]:
    metadata = installed.metadata
    expression = "".join(metadata.get_all("License-Expression") or ())
    if expression:
        return [{"expression": expression.strip()}]
    classifiers = [text for text in metadata.get_all("Classifier") or () if text.startswith(_CLASSIFIER)]
    names = sorted({text.rpartition(" :: ")[2] for text in classifiers} - {"OSI Approved"})
    stated = "".join(metadata.get_all("License") or ())
    # Some have the whole text of their licence there.
    if not names and stated.strip() and "\n" not in stated and len(stated) <= _LONGEST_LICENCE:
        names = [stated.strip()]
    return [{"license": {"name": name[:_LONGEST_LICENCE]}} for name in names]


def _models(folder: Path) -> Iterator[dict[str, Any]]:
    store = LocalStore(folder, StoreKind.MODELS)
    for tag in store.list():
        info = read_model_info(store.open(tag))
        facts = {"jubako:module": info.module, "jubako:serializer": info.serializer}
        facts["jubako:has_custom_objects"] = str(info.has_custom_objects).lower()
        yield {
            "type": "machine-learning-model",
            "bom-ref": f"model:{tag}",
            "name": tag.name,
            "version": tag.version,
            # Over all of its files, as `jubako models get` shows it.
            "hashes": [{"alg": "SHA-256", "content": info.digest.removeprefix("sha256:")}],
            "properties": [{"name": name, "value": value} for name, value in facts.items() if value],
        }
