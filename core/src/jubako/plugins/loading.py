"""Loading one plugin: import its entry point, check its hooks, take its offers. What goes wrong becomes a report."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import EntryPoint
from itertools import islice

import pluggy

from jubako.contracts import hookspecs
from jubako.contracts.offers import Offer
from jubako.plugins.discovery import Candidate
from jubako.plugins.kinds import EXTENSION_HOOK, HOOKS, PLACEMENT_HOOK, kind_noun, kind_of, names_of
from jubako.plugins.report import MissingRequirement, PluginReport, PluginStatus
from jubako.plugins.requirements import find_missing

# Far more than any plugin offers; stops a hook that never ends.
_MAX_OFFERS = 1000

# Kept in the report, and called later with arguments.
_LATER_HOOKS = (EXTENSION_HOOK, PLACEMENT_HOOK)
_ALL_HOOKS = (*HOOKS, *_LATER_HOOKS)


def load_plugin(candidate: Candidate, *, slow_after_s: float, has_closed_kinds: bool = False) -> PluginReport:
    """Import a plugin and take all that it offers, or nothing; blocks for as long as its own code takes.

    What it prints goes to stderr. Only KeyboardInterrupt passes through; any other exception, SystemExit too, makes a
    report.

    Args:
        candidate: what to import.
        slow_after_s: seconds after which the plugin is named on stderr, while it goes on loading.
        has_closed_kinds: True for the built-in plugin, whose function `closed_kinds` is called beside its hooks.
    """
    started_s = time.perf_counter()
    try:
        with contextlib.redirect_stdout(sys.stderr), _named_when_slow(candidate, slow_after_s):
            offers, later = _load_offers(candidate, has_closed_kinds)
    except _Fault as fault:
        return PluginReport(
            candidate=candidate,
            status=fault.status,
            reason=fault.reason,
            remedy=fault.remedy,
            traceback="".join(traceback.format_exception(fault.__cause__)) if fault.__cause__ else "",
            load_s=time.perf_counter() - started_s,
        )
    missing = ((offer, find_missing(offer.requires)) for offer in offers)
    return PluginReport(
        candidate=candidate,
        status=PluginStatus.OK,
        offers=offers,
        missing=tuple(MissingRequirement(offer, imports) for offer, imports in missing if imports),
        load_s=time.perf_counter() - started_s,
        extend_application=later.get(EXTENSION_HOOK),
        place_runner=later.get(PLACEMENT_HOOK),
    )


class _Fault(Exception):
    def __init__(self, status: PluginStatus, reason: str, remedy: str) -> None:
        self.status = status
        self.reason = reason
        self.remedy = remedy
        super().__init__(reason)


def _load_offers(
    candidate: Candidate, has_closed_kinds: bool
) -> tuple[tuple[Offer, ...], dict[str, Callable[..., object]]]:
    """Everything that the plugin offers, and those of its hooks that are called later, by name."""
    if not EntryPoint.pattern.match(candidate.target):
        example = f'[project.entry-points."{hookspecs.ENTRY_POINT_GROUP}"] {candidate.name} = "its_package.plugin"'
        raise _Fault(
            PluginStatus.FAILED,
            f"its entry point names no module: {candidate.target[:80]!r}"
            if candidate.target
            else "its entry point is empty, and names no module",
            f"in its pyproject.toml write {example}, and install {candidate.distribution} again",
        )
    report_it = f"report it to the authors of {candidate.distribution}, or disable it: {disabling(candidate)}"
    with _blaming(f"{candidate.target} cannot be imported", report_it):
        plugin = EntryPoint(candidate.name, candidate.target, hookspecs.ENTRY_POINT_GROUP).load()
    with _blaming(f"{candidate.target} cannot be searched for hooks", report_it):
        implementations = _find_implementations(candidate, plugin)
    offers: list[Offer] = []
    later: dict[str, Callable[..., object]] = {}
    for hook, implementation in implementations:
        if hook in _LATER_HOOKS:
            later[hook] = _with_arguments(hook, implementation)
            continue
        with _blaming(f"its hook {hook} raised", report_it):
            offers += _checked(hook, HOOKS[hook], implementation.function(), report_it)
    if has_closed_kinds:
        offers += plugin.closed_kinds()
    _check_names(offers, report_it)
    return tuple(offers), later


def _with_arguments(hook: str, implementation: pluggy.HookImpl) -> Callable[..., object]:
    """The implementation as a function of all that the hook gives, of which it need not take everything."""
    given = tuple(inspect.signature(getattr(hookspecs, hook)).parameters)

    def call(*arguments: object) -> object:
        by_name = dict(zip(given, arguments, strict=True))
        return implementation.function(*(by_name[name] for name in implementation.argnames))

    return call


def _find_implementations(candidate: Candidate, plugin: object) -> list[tuple[str, pluggy.HookImpl]]:
    # A manager without specifications only collects: pluggy's own errors do not say what a plugin's author can do.
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.register(plugin, candidate.name)
    found = [
        (caller.name, implementation)
        for caller in manager.get_hookcallers(plugin) or ()
        for implementation in caller.get_hookimpls()
    ]
    for hook, implementation in found:
        _check_implementation(hook, implementation)
    marked = {hook for hook, _ in found}
    for hook in _ALL_HOOKS:
        if hook not in marked and callable(getattr(plugin, hook, None)):
            raise _Fault(
                PluginStatus.INCOMPATIBLE,
                f"its function {hook} is not marked as a hook implementation",
                "write @jubako.hookimpl above it",
            )
    return sorted((pair for pair in found if pair[0] in _ALL_HOOKS), key=lambda pair: _ALL_HOOKS.index(pair[0]))


def _check_implementation(hook: str, implementation: pluggy.HookImpl) -> None:
    if hook not in _ALL_HOOKS:
        if implementation.optionalhook:
            return
        near = difflib.get_close_matches(hook, _ALL_HOOKS, n=1, cutoff=0.8)
        raise _Fault(
            PluginStatus.INCOMPATIBLE,
            f"it implements the hook {hook}, which this version of Jubako does not have",
            f"write {near[0]}" if near else "install a version of Jubako that has it, or an older one of the plugin",
        )
    given = inspect.signature(getattr(hookspecs, hook)).parameters
    unknown = [name for name in implementation.argnames if name not in given]
    if unknown:
        raise _Fault(
            PluginStatus.INCOMPATIBLE,
            f"its hook {hook} takes the argument {', '.join(unknown)}, which that hook does not give",
            f"write def {hook}({', '.join(given)})",
        )
    if implementation.wrapper or implementation.hookwrapper:
        raise _Fault(
            PluginStatus.INCOMPATIBLE,
            f"its hook {hook} is a wrapper; Jubako calls each plugin's hooks alone",
            "write a plain function that returns or yields offers",
        )


def _checked(hook: str, kinds: tuple[type[Offer], ...], returned: object, remedy: str) -> list[Offer]:
    wanted = " or ".join(kind.__name__ for kind in kinds)
    if not isinstance(returned, Iterable):
        raise _Fault(
            PluginStatus.FAILED,
            f"its hook {hook} returned {type(returned).__name__} instead of several {wanted}",
            remedy,
        )
    offers: list[Offer] = []
    for offer in islice(returned, _MAX_OFFERS + 1):
        if not isinstance(offer, kinds):
            raise _Fault(
                PluginStatus.FAILED,
                f"its hook {hook} offered {type(offer).__name__} instead of {wanted}",
                remedy,
            )
        offers.append(offer)
    if len(offers) > _MAX_OFFERS:
        raise _Fault(PluginStatus.FAILED, f"its hook {hook} made more than {_MAX_OFFERS} offers", remedy)
    return offers


def _check_names(offers: Iterable[Offer], remedy: str) -> None:
    seen = set()
    for offer in offers:
        for name in names_of(offer):
            if (kind_of(offer), name) in seen:
                raise _Fault(PluginStatus.FAILED, f"it offers the {kind_noun(offer)} {name!r} twice", remedy)
            seen.add((kind_of(offer), name))


def disabling(candidate: Candidate) -> str:
    """The setting that keeps a plugin from being loaded, as text to type."""
    return f"JUBAKO_DISABLE_PLUGINS={candidate.name}"


@contextlib.contextmanager
def _blaming(what: str, remedy: str) -> Iterator[None]:
    """Turn whatever the plugin's own code raises into a fault that begins with `what`."""
    try:
        yield
    except (KeyboardInterrupt, _Fault):
        raise
    except BaseException as error:  # a plugin that calls sys.exit() must not end the process
        raise _Fault(PluginStatus.FAILED, f"{what}: {_words(error)}", remedy) from error


def _words(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split()).removesuffix(".")
    except Exception:  # noqa: BLE001  # the plugin's own class of exception
        text = ""
    return f"{type(error).__name__}: {text[:400]}" if text else type(error).__name__


@contextlib.contextmanager
def _named_when_slow(candidate: Candidate, slow_after_s: float) -> Iterator[None]:
    def name_it() -> None:
        sys.stderr.write(
            f"jubako: the plugin {candidate} has been loading for {slow_after_s:g} s. "
            f"If it hangs, stop this program and set {disabling(candidate)}\n"
        )
        sys.stderr.flush()

    timer = threading.Timer(slow_after_s, name_it)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # A thread that writes while the interpreter ends takes it down; a stderr that nobody reads must not hang it.
        timer.join(timeout=1)
