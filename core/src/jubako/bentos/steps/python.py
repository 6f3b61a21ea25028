"""The python step: what pip installs, to `env/python/`."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

import attrs
from packaging.requirements import Requirement

from jubako.bentos.locking import Pinned, digest_inputs, hashed, keep_given_hashes, keep_lock, parse_pinned, read_lock
from jubako.bentos.locking_tools import LockOrder, LockTool, find_lock_tool, run_lock_tool
from jubako.bentos.python_options import PythonOptions, is_url
from jubako.bentos.requirements import Asked, parse_requirement, read_requirements_file
from jubako.bentos.requirements_asked import asked_by_models, asked_by_service, combine
from jubako.bentos.requirements_installed import Closure, find_installed, follow, is_carried
from jubako.bentos.wheels import digest_stream
from jubako.bentos.wheels_given import GivenWheel, copy_given, digest_given, list_folder, read_given
from jubako.bentos.wheels_installed import pack_installed
from jubako.contracts.build_step import BuildDraft
from jubako.errors import BuildError
from jubako.workspace import current_workspace

_WITH_HASHES = "# Everything that the Bento needs, by version and hash; written by `jubako build`."
_WITHOUT_HASHES = "# Everything that the Bento needs, in the versions it was built with; written by `jubako build`."
_ASKED = "# What the Bento was asked to have, and what its models need; written by `jubako build`."


def describe_lock(bento: Path) -> str:
    """Say in a few words how what a Bento needs is pinned."""
    path = bento / "env" / "python" / "requirements.lock.txt"
    if not path.is_file():
        return "packages not locked"
    pinned = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith(("#", "-", " "))]
    with_hashes = path.read_text("utf-8").startswith(_WITH_HASHES)
    return f"{len(pinned)} packages locked{' with hashes' if with_hashes else ''}"


@attrs.frozen
class _Needs:
    """What is known when the lock is made.

    Args:
        options: of the build.
        asked: settled requirements.
        closure: what of that is installed here.
        wheels: by name, the packed wheels.
        python_version: such as `3.11`.
    """

    options: PythonOptions
    asked: list[Asked]
    closure: Closure
    wheels: dict[str, Path]
    python_version: str

    def is_from_index(self, asked: Asked) -> bool:
        """True if no wheel of it is packed."""
        return asked.name not in self.wheels

    def extras_of(self, name: str) -> str:
        """The extras that are wanted of a packed wheel, in brackets."""
        extras = sorted({extra for each in self.asked if each.name == name for extra in each.requirement.extras})
        return f"[{','.join(extras)}]" if extras else ""


def write_python(draft: BuildDraft) -> None:
    """Write `version.txt`, `requirements.txt`, `requirements.lock.txt` and `wheels/`.

    `requirements.txt` has what the options ask for, what the models were saved with, Jubako, and the plugins that the
    Service is made with. The lock has everything that these need: with hashes, from an index, where the options ask for
    packages (and then `bentofile.lock` is kept in the context); else the versions that are installed here. There is
    none with `lock_packages: false`.

    Raises:
        BuildError: a file is not in the context or no requirements file, a wheel cannot be made, the options ask for
            another version of what is packed, or the tool that locks fails.
    """
    options = PythonOptions(**draft.options["python"])
    folder = draft.folder / "env" / "python"
    (folder / "wheels").mkdir(parents=True)
    needs = _needs(draft, options, folder / "wheels")
    (folder / "version.txt").write_text(f"{needs.python_version}\n", encoding="utf-8")
    pinned = _lock(draft, needs)
    copied = _copy_found(draft.context, needs, pinned, folder / "wheels")
    lines = [*_option_lines(options, has_folder=copied), *_wheel_lines(needs, hashes=False)]
    _write(folder / "requirements.txt", [_ASKED, *lines, *_asked_lines(needs)])
    if pinned is not None:
        has_hashes = all(each.hashes for each in pinned) and bool(pinned)
        head = _WITH_HASHES if has_hashes else _WITHOUT_HASHES
        lines = [*_option_lines(options, has_folder=copied), *_wheel_lines(needs, hashes=has_hashes)]
        _write(folder / "requirements.lock.txt", [head, *lines, *map(str, pinned)])


def _needs(draft: BuildDraft, options: PythonOptions, wheels: Path) -> _Needs:
    given = read_given(draft.context, options.wheels)
    asked = [Asked(parse_requirement(text, _PACKAGES), _PACKAGES, is_users=True) for text in options.packages]
    if options.requirements_txt is not None:
        asked += read_requirements_file(draft.context, options.requirements_txt)
    if not options.locks and (strict := [each for each in asked if each.hashes]):
        raise BuildError(
            f"{strict[0].by} has hashes, and the Bento is not to be locked.",
            why="pip takes hashes only if everything has one, also what models and Jubako need.",
            do="set lock_packages: true, which keeps them",
        )
    asked += [*asked_by_models(draft), *asked_by_service(draft, current_workspace().composition)]
    settled = combine(asked, lambda name: name in given or _is_carried(name))
    closure = follow([each.requirement for each in settled], given)
    packed = {name: _pack(draft.context, wheel, wheels) for name, wheel in given.items()}
    packed |= {name: pack_installed(found, wheels) for name, found in closure.carried.items()}
    _check_versions(settled, closure)
    version = draft.options["docker"]["python_version"] or f"{sys.version_info.major}.{sys.version_info.minor}"
    minor = ".".join(version.split(".")[:2])
    return _Needs(options, settled, closure, dict(sorted(packed.items())), minor)


_PACKAGES = "python.packages"


def _is_carried(name: str) -> bool:
    found = find_installed(name)
    return found is not None and is_carried(found)


def _pack(context: Path, wheel: GivenWheel, folder: Path) -> Path:
    copy_given(context, wheel.path, folder / wheel.file_name)
    return folder / wheel.file_name


def _check_versions(asked: list[Asked], closure: Closure) -> None:
    """Refuse another version of what is packed: there is one wheel of it."""
    packed = {name: found.version for name, found in closure.carried.items()}
    packed |= {name: wheel.version for name, wheel in closure.given.items()}
    for each in asked:
        if each.name in packed and not each.requirement.specifier.contains(packed[each.name], prereleases=True):
            raise BuildError(
                f"{each.by} asks for {each.requirement}, but {each.name} {packed[each.name]} is packed.",
                why="Jubako, its plugins, what is installed editable, and python.wheels are packed as they are.",
                do=f"install that version here, name its wheel in python.wheels, or write {each.name!r} alone",
            )


def _lock(draft: BuildDraft, needs: _Needs) -> list[Pinned] | None:
    options = needs.options
    if not options.locks:
        is_left = options.lock_packages is False or options.requirements_txt is not None
        return None if is_left else _pin_installed(needs)
    inputs = digest_inputs(_inputs(needs))
    pinned = None if draft.relock else read_lock(draft.context, inputs)
    if pinned is None:
        tool = find_lock_tool(os.environ.get("PATH"))
        if tool is None:
            warnings.warn(
                "the lock has no hashes, because neither uv nor pip-compile is installed: pip install 'jubako[lock]'",
                stacklevel=2,
            )
            return _pin_installed(needs, is_told=True)
        pinned = keep_given_hashes(_ask(tool, draft.context, needs), needs.asked)
        keep_lock(draft.context, inputs, pinned)
    return pinned


def _ask(tool: LockTool, context: Path, needs: _Needs) -> list[Pinned]:
    order = LockOrder(
        requirements=[str(each.requirement) for each in needs.asked if needs.is_from_index(each)],
        wheels=[f"{name}{needs.extras_of(name)} @ {path.as_uri()}" for name, path in needs.wheels.items()],
        preferred=[f"{name}=={version}" for name, version in needs.closure.pins.items()],
        options=needs.options,
        context=context,
        python_version=needs.python_version,
    )
    pinned = parse_pinned(run_lock_tool(tool, order), f"the answer of {tool.name}", frozenset(needs.wheels))
    if bare := [each.name for each in pinned if not each.hashes]:
        raise BuildError(f"{tool.name} knows no hash of {', '.join(bare)}.", do="set lock_packages: false")
    return pinned


def _inputs(needs: _Needs) -> Iterable[str]:
    """What decides about a lock; versions that are installed here do not, so that each machine can use it."""
    yield f"python {needs.python_version}"
    yield from sorted(
        f"asked {each.requirement} {sorted(each.hashes)}" for each in needs.asked if needs.is_from_index(each)
    )
    needed = {name: tuple(found.requires or ()) for name, found in needs.closure.carried.items()}
    needed |= {name: wheel.requires for name, wheel in needs.closure.given.items()}
    for name, texts in sorted(needed.items()):
        yield f"packed {name}{needs.extras_of(name)} needs {sorted(texts)}"
    options = attrs.evolve(needs.options, packages=(), requirements_txt=None, wheels=(), lock_packages=None)
    yield f"options {options.to_plain()}"


def _pin_installed(needs: _Needs, *, is_told: bool = False) -> list[Pinned]:
    """What is installed, by its version; and what is asked for and is not installed so, as it was asked for."""
    pins = needs.closure.pins
    left = [*needs.closure.missing, *needs.closure.unmatched]
    if left and is_told:
        warnings.warn(f"not locked, because they are not installed here: {', '.join(map(str, left))}", stacklevel=2)
    pinned = [*(Requirement(f"{name}=={version}") for name, version in pins.items()), *left]
    return sorted(map(Pinned, pinned), key=lambda each: (each.name, str(each.requirement)))


def _copy_found(context: Path, needs: _Needs, pinned: list[Pinned] | None, wheels: Path) -> bool:
    """Copy those wheels of the folders of `find_links` that the lock names, or without one all; True if there are."""
    wanted = None if pinned is None else {(each.name, each.version): each.hashes for each in pinned}
    any_copied = False
    for folder in (place for place in needs.options.find_links if not is_url(place)):
        for wheel in list_folder(context, folder):
            place = wheels / wheel.file_name
            if place.exists() or wheel.name in needs.wheels:
                continue
            if wanted is not None:
                hashes = wanted.get((wheel.name, wheel.version))
                if hashes is None or (hashes and digest_given(context, wheel.path) not in hashes):
                    continue
            copy_given(context, wheel.path, place, "python.find_links")
            any_copied = True
    return any_copied


def _option_lines(options: PythonOptions, *, has_folder: bool) -> list[str]:
    lines = ["--no-index"] if options.no_index else []
    lines += [f"--index-url {options.index_url}"] if options.index_url else []
    lines += [f"--extra-index-url {url}" for url in options.extra_index_url]
    lines += ["--find-links ./wheels"] if has_folder else []
    lines += [f"--find-links {place}" for place in options.find_links if is_url(place)]
    lines += [f"--trusted-host {host}" for host in options.trusted_host]
    for argument in options.pip_args:
        if argument.startswith("-"):
            lines.append(argument)
        else:
            lines[-1] += f" {argument}"
    return lines


def _wheel_lines(needs: _Needs, *, hashes: bool) -> list[str]:
    return [
        hashed(f"./wheels/{path.name}{needs.extras_of(name)}", [_digest(path)] if hashes else [])
        for name, path in needs.wheels.items()
    ]


def _asked_lines(needs: _Needs) -> list[str]:
    return sorted({str(each.requirement) for each in needs.asked if needs.is_from_index(each)}, key=str.lower)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return digest_stream(file)


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
