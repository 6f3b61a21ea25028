"""Calling the hook `jubako_extend_application` of each plugin for one Service; what goes wrong is told, not raised."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterable
from itertools import islice
from typing import Any

import attrs

from jubako.contracts.extensions import Extension
from jubako.plugins.composition import Composition
from jubako.plugins.kinds import EXTENSION_HOOK
from jubako.plugins.loading import disabling
from jubako.plugins.report import PluginReport

# Far more than any plugin adds; stops a hook that never ends.
_MAX_EXTENSIONS = 1000


@attrs.frozen
class Extended:
    """What one plugin adds to an application.

    Args:
        plugin: the plugin.
        extensions: in the order in which it gave them; none if something was wrong with one of them.
        fault: what was wrong, one sentence that names the plugin; empty if nothing was.
        remedy: what to do about it.
        trace: the traceback of its error, if it raised.
    """

    plugin: PluginReport
    extensions: tuple[Extension, ...] = ()
    fault: str = ""
    remedy: str = ""
    trace: str = attrs.field(default="", repr=False)


def extend_application(composition: Composition, service: Any) -> tuple[Extended, ...]:
    """Ask each plugin what it adds to the application of a Service; blocks for as long as their code takes.

    Args:
        composition: the plugins; in the order of its reports.
        service: what is served.
    """
    return tuple(_extend(report, service) for report in composition.reports if report.extend_application is not None)


def _extend(report: PluginReport, service: Any) -> Extended:
    remedy = f"report it to the authors of {report.distribution}, or disable it: {disabling(report.candidate)}"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            # None was left out by the caller; said again for the type checker.
            returned = report.extend_application(service) if report.extend_application else ()
            if not isinstance(returned, Iterable):
                return Extended(report, (), f"the hook {EXTENSION_HOOK} of {report} returned {_kind(returned)}", remedy)
            given = tuple(islice(returned, _MAX_EXTENSIONS + 1))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # the plugin's own code, which may call sys.exit(); told with its name
        fault = f"the hook {EXTENSION_HOOK} of {report} raised {type(error).__name__}: {error}"
        return Extended(report, (), fault, remedy, traceback.format_exc())
    wrong = [_kind(one) for one in given if not isinstance(one, Extension)]
    if wrong:
        fault = f"the hook {EXTENSION_HOOK} of {report} gave {wrong[0]} instead of a Route, Middleware or Observer"
        return Extended(report, (), fault, remedy)
    if len(given) > _MAX_EXTENSIONS:
        return Extended(report, (), f"the hook {EXTENSION_HOOK} of {report} never ends", remedy)
    return Extended(report, given)


def _kind(value: object) -> str:
    return type(value).__name__
