"""The records that hooks hand over: frozen, cheap, and free of imports. What is heavy is named by text references."""

from __future__ import annotations

import re
from typing import Any, Literal

import attrs

from jubako._references import check_reference
from jubako.contracts.build_step import BuildPhase
from jubako.errors import InvalidArgument

_NAME = re.compile(r"[a-z][a-z0-9_+.-]*")
_COMMAND_NAME = re.compile(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)?")
_IMPORT_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def _check_name(_: object, attribute: Any, name: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"an offer cannot be named {name!r}.", do="use a-z, 0-9, '_', '-', '.', '+', a letter first"
        )


def _check_summary(offer: Any, attribute: Any, summary: Any) -> None:
    if not isinstance(summary, str) or not summary.strip() or "\n" in summary:
        raise InvalidArgument(f"offer {offer.name!r} needs a summary of one sentence, not {summary!r}.")


def _check_requires(offer: Any, attribute: Any, requires: tuple[str, ...]) -> None:
    for name in requires:
        if not isinstance(name, str) or not _IMPORT_NAME.fullmatch(name):
            raise InvalidArgument(f"offer {offer.name!r} requires {name!r}, which is no import name.")


def _is_command_name(_: object, attribute: Any, name: str) -> None:
    if not _COMMAND_NAME.fullmatch(name):
        raise InvalidArgument(
            f"a command cannot be named {name!r}.",
            do="use a-z, 0-9 and '-', a letter first; a dot stands between a group of the core and its command",
        )


def _is_reference(_: object, attribute: Any, reference: str) -> None:
    check_reference(reference)


def _are_references(_: object, attribute: Any, references: tuple[str, ...]) -> None:
    for reference in references:
        check_reference(reference)


def _texts(values: Any) -> tuple[str, ...]:
    # A lone string is the usual slip, and would become a tuple of letters.
    if isinstance(values, str):
        raise InvalidArgument(f"{values!r} stands where several names are expected.", do=f"write ({values!r},)")
    return tuple(values)


@attrs.frozen(kw_only=True)
class Offer:
    """What every offer has.

    Args:
        name: unique among offers of its kind.
        summary: one sentence for people.
        requires: import names that must be installed; looked up with `find_spec`, never imported.
    """

    name: str = attrs.field(validator=_check_name)
    summary: str = attrs.field(validator=_check_summary)
    requires: tuple[str, ...] = attrs.field(default=(), converter=_texts, validator=_check_requires)


@attrs.frozen(kw_only=True)
class RunnerType(Offer):
    """The integration of one framework; `jubako.<name>` is made of it.

    Args:
        save: reference to a `contracts.runner_type.SaveModel`.
        load: reference to a `contracts.runner_type.LoadModel`.
        load_runner: reference to a `contracts.runner_type.LoadRunner`; should import no framework, for API workers
            call it.
        aliases: further names of the same runner type.
        model_types: references to the Python types that it saves.
        can_fork: False if replicas must be spawned, because the framework does not survive a fork.
    """

    save: str = attrs.field(validator=_is_reference)
    load: str = attrs.field(validator=_is_reference)
    load_runner: str = attrs.field(validator=_is_reference)
    aliases: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    model_types: tuple[str, ...] = attrs.field(default=(), converter=_texts, validator=_are_references)
    can_fork: bool = True


@attrs.frozen(kw_only=True)
class StoreType(Offer):
    """A kind of place for models and Bentos; `name` is the URL scheme.

    Args:
        open_store: reference to a function `(url: str, kind: StoreKind) -> Store`.
    """

    open_store: str = attrs.field(validator=_is_reference)


@attrs.frozen(kw_only=True)
class SerializerType(Offer):
    """A format of model files.

    Args:
        serializer: reference to a `contracts.serializer.Serializer` class, made without arguments.
        trust: `data` if its loader cannot be made to run code, whatever the files hold; else `code`.
    """

    serializer: str = attrs.field(validator=_is_reference)
    trust: Literal["data", "code"] = attrs.field(validator=attrs.validators.in_(("data", "code")))


@attrs.frozen(kw_only=True)
class PayloadType(Offer):
    """A kind of Python value that can be batched.

    Args:
        payload: reference to a `contracts.payload.Payload` class.
        python_types: the types it takes, with their subclasses, as "module:Name" of where the type says it is defined.
    """

    payload: str = attrs.field(validator=_is_reference)
    python_types: tuple[str, ...] = attrs.field(converter=_texts, validator=_are_references)


@attrs.frozen(kw_only=True)
class BuildStepType(Offer):
    """A step of a Bento build.

    Args:
        step: reference to a `contracts.build_step.BuildStep`.
        phase: when it runs.
    """

    step: str = attrs.field(validator=_is_reference)
    phase: BuildPhase = attrs.field(converter=BuildPhase)


@attrs.frozen(kw_only=True)
class BackendType(Offer):
    """A place where replicas run.

    Args:
        backend: reference to a function `(composition, settings) -> Backend`.
    """

    backend: str = attrs.field(validator=_is_reference)


@attrs.frozen(kw_only=True)
class DescriptorType(Offer):
    """A kind of HTTP body, reachable as `jubako.io.<Name>`.

    Args:
        descriptor: reference to a `contracts.descriptor.Descriptor` class; its last part is the public name.
        python_types: annotations of API functions that select it, with their subclasses, as "module:Name" of where the
            type says it is defined; the class's `from_annotation` makes the descriptor.
    """

    descriptor: str = attrs.field(validator=_is_reference)
    python_types: tuple[str, ...] = attrs.field(default=(), converter=_texts, validator=_are_references)


@attrs.frozen(kw_only=True)
class BatchPolicyType(Offer):
    """A rule when to send how many rows.

    Args:
        policy: reference to a function `(options: BatchOptions, cost: CostModel) -> BatchPolicy`.
    """

    policy: str = attrs.field(validator=_is_reference)


@attrs.frozen(kw_only=True)
class HttpServerType(Offer):
    """What speaks HTTP to the application.

    Args:
        serve: reference to a `contracts.http_server.HttpServer`.
    """

    serve: str = attrs.field(validator=_is_reference)


@attrs.frozen(kw_only=True)
class CommandType(Offer):
    """A command of the command line.

    Args:
        name: what is typed after `jubako`; with a dot, as in `models.frob`, a command of a group that the core has:
            `jubako models frob`.
        summary: what is shown in the list of commands.
        command: reference to a `click.Command`, which is imported when it is typed.
    """

    name: str = attrs.field(validator=[_check_name, _is_command_name])
    command: str = attrs.field(validator=_is_reference)


@attrs.frozen(kw_only=True)
class CheckType(Offer):
    """Something that `jubako doctor` looks at.

    Args:
        check: reference to a `contracts.command.Check`.
    """

    check: str = attrs.field(validator=_is_reference)
