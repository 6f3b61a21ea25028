"""Every error that Jubako raises on purpose.

All descend from `JubakoError`. A class carries the HTTP status that answers it (`error_code`), so that the server, the
runners and users' own subclasses agree on one mapping. A message has three parts: what happened, why, and what to do.
"""

from __future__ import annotations

import re
from typing import ClassVar


class JubakoError(Exception):
    """The base of all errors of Jubako; subclass it with another `error_code` to choose the HTTP status.

    Args:
        message: what happened, with the value that was wrong.
        why: the reason, one sentence; left out of the text if empty.
        do: what the reader can do about it; printed after `Do:`.
    """

    error_code: ClassVar[int] = 500

    def __init__(self, message: str = "", *, why: str = "", do: str = "") -> None:
        self.message = message
        self.why = why
        self.do = do
        super().__init__("\n".join(part for part in (message, why, f"Do: {do}" if do else "") if part))

    @classmethod
    def problem_slug(cls) -> str:
        """The stable last part of the problem type in HTTP answers, such as `bad-input` for `BadInput`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()


class InvalidArgument(JubakoError, ValueError):
    """A Python argument or option is wrong."""

    error_code = 400


class BadInput(InvalidArgument):
    """A request's body is not what the API takes.

    Args:
        message: what was wrong.
        field: where in the body, such as `$.rows[3]`; empty means the whole body.
        expected: what would have been right.
        why: see `JubakoError`.
        do: see `JubakoError`.
    """

    def __init__(self, message: str = "", *, field: str = "", expected: str = "", why: str = "", do: str = "") -> None:
        self.field = field
        self.expected = expected
        super().__init__(message, why=why or (f"Expected {expected}." if expected else ""), do=do)


class UnsupportedMediaType(BadInput):
    """A request's content type is none that the API takes."""

    error_code = 415


class PayloadTooLarge(BadInput):
    """A request is larger than a limit allows."""

    error_code = 413


class NotFound(JubakoError):
    """A model, Bento, route or file does not exist."""

    error_code = 404


class AlreadyExists(JubakoError):
    """A tag is taken: versions are never overwritten."""

    error_code = 409


class TooManyRequests(JubakoError):
    """The queue is full, or waiting in it would make the call late.

    Args:
        message: what is full, and how full.
        retry_after_s: seconds after which a new try is likely to be taken; at least 1 is sent to HTTP clients.
        why: see `JubakoError`.
        do: see `JubakoError`.
    """

    error_code = 429

    def __init__(self, message: str = "", *, retry_after_s: float = 1.0, why: str = "", do: str = "") -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message, why=why, do=do)


class ServiceUnavailable(JubakoError):
    """Nothing serves and nothing is being started, or the server is draining.

    Args:
        message: what is unavailable.
        retry_after_s: seconds after which a new try makes sense.
        why: see `JubakoError`.
        do: see `JubakoError`.
    """

    error_code = 503

    def __init__(self, message: str = "", *, retry_after_s: float = 1.0, why: str = "", do: str = "") -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message, why=why, do=do)


class DeadlineExceeded(JubakoError):
    """A call's deadline has passed, or is shorter than the model needs on an idle server."""

    error_code = 504


class RunnerFailed(JubakoError):
    """A runner's own code raised; the cause is chained and its text is in the message.

    Args:
        message: see `JubakoError`.
        payload: anything that user code wants to hand on with it; not answered.
        why: see `JubakoError`.
        do: see `JubakoError`.
    """

    def __init__(self, message: str = "", payload: object = None, *, why: str = "", do: str = "") -> None:
        self.payload = payload
        super().__init__(message, why=why, do=do)


class WrongRowCount(RunnerFailed):
    """A runner returned another number of rows than it was given."""


class BatchTooLarge(JubakoError):
    """Raised by a runner that cannot compute a batch of this size, for instance on a device out of memory.

    The dispatcher halves the batch, remembers the limit and loses no call.
    """


class GpuNotFound(InvalidArgument):
    """A runner asks for a GPU that is not there."""


class InternalServerError(JubakoError):
    """Something went wrong inside Jubako or in user code."""


class APIDeprecated(JubakoError):
    """What was called is no longer there; for user code, Jubako itself has nothing of the kind."""


class MissingDependency(JubakoError):
    """A package that a feature needs is not installed."""


class ConfigurationError(JubakoError):
    """A configuration file, environment name or option is wrong."""


class CommandError(JubakoError):
    """A command cannot do what was asked."""


class ImportServiceError(JubakoError):
    """No Service could be imported from an import string."""


class InvalidManifest(JubakoError):
    """A `model.yaml` or `bento.yaml` cannot be read."""


class InvalidArchive(JubakoError):
    """An archive is damaged, or holds what no version may."""


class ModelDigestMismatch(JubakoError):
    """A stored file is not what its manifest says."""


class ModelNotTrusted(JubakoError):
    """A model whose format can run code was not declared trusted on this machine."""


class StoreError(JubakoError):
    """A store cannot be read or written."""


class BuildError(JubakoError):
    """A Bento cannot be built."""


class PluginError(JubakoError):
    """A plugin, or what it offers, cannot be used."""


class PluginConflict(PluginError):
    """Two plugins offer the same name."""


class OfferNotFound(PluginError):
    """No installed plugin offers a name."""


def status_of(error: BaseException) -> int:
    """The HTTP status that answers an error: the `error_code` of a `JubakoError`, or 500.

    Whatever a user's class gives for it (text, another number, a property that raises) is 500 too.
    """
    try:
        code: object = error.error_code if isinstance(error, JubakoError) else 500
    except Exception:  # noqa: BLE001  # the user's class; whoever asks records the error itself
        code = 500
    # `http.HTTPStatus` is natural, and an int.
    return int(code) if isinstance(code, int) and 400 <= code <= 599 else 500


def text_of(error: BaseException) -> str:
    """The text of an error; nothing if its class, which may be a user's, cannot make one."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # the user's class; whoever asks records the error itself
        return ""
