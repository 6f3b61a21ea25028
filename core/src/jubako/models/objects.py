"""`save_object` and `load_object`: what runner types do with a model's object, whatever the format."""

from __future__ import annotations

import shutil
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from jubako.contracts.offers import SerializerType
from jubako.contracts.serializer import Serializer
from jubako.contracts.store import Store
from jubako.errors import InvalidArgument, JubakoError, OfferNotFound
from jubako.models.catalog import ModelDraft, create, get
from jubako.models.model import Model
from jubako.plugins import Composition
from jubako.stores.failures import find_disk_error, store_failure
from jubako.values.signature import SignatureLike
from jubako.values.tag import Tag
from jubako.workspace import current_workspace

# Characters of why one format does not take an object, in a warning: enough for a sentence and the place it names.
_REASON_LENGTH = 240


def save_object(
    name: str,
    obj: Any,
    *,
    module: str,
    serializers: Sequence[str],
    same: Callable[[Any, Any], bool] | None = None,
    signatures: Mapping[str, SignatureLike] | None = None,
    labels: Mapping[str, str] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    described_as: str = "",
    framework_name: str = "",
    framework_distributions: Sequence[str] = (),
    _model_store: Store | None = None,
) -> Tag:
    """Store an object as a new version of a model, in the first format that gives it back when read again.

    If that format can run code, the model is declared trusted on this machine, and one warning says what would make it
    data.

    Args:
        name: the model's name, without a version.
        obj: the object; not changed.
        module: the runner type's name, checked again by `load_object`.
        serializers: names of formats, the best first.
        same: called with the object and what was read; False means that the format lost something. By default the
            types must be the same.
        signatures: see `jubako.models.create`, as for all that follow.
        labels: text to text.
        custom_objects: name to object.
        metadata: the user's own facts.
        options: the runner type's settings.
        described_as: what an error calls the object; its class's name if empty.
        framework_name: for people.
        framework_distributions: distributions needed to load it.
        _model_store: where to store it.

    Returns:
        Its exact tag.

    Raises:
        InvalidArgument: no format gives the object back; says why, for each.
        PluginError: a format is not offered, or cannot be used.
        StoreError: the store cannot be written.
    """
    composition = current_workspace().composition
    is_same = same or (lambda written, read: type(written) is type(read))
    with create(
        name,
        module=module,
        signatures=signatures,
        labels=labels,
        options=options,
        custom_objects=custom_objects,
        metadata=metadata,
        framework_name=framework_name,
        framework_distributions=framework_distributions,
        _model_store=_model_store,
    ) as draft:
        refusals = _dump_first(composition, draft, obj, serializers, is_same, described_as)
    if _is_code(composition, draft.serializer):
        _warn_of_code(composition, draft, module, refusals)
    return draft.tag


def load_object(tag: Tag | str | Model, *, module: str, _model_store: Store | None = None) -> Any:
    """Return a model's object, read in the format that the model records and no other.

    Every file that is read is checked against the manifest first, once in a process.

    Args:
        tag: the model, or which one to open.
        module: the runner type that is to load it.
        _model_store: where to look for a tag.

    Raises:
        NotFound: there is no such model.
        InvalidArgument: another runner type saved it, or none.
        ModelNotTrusted: its format can run code, and it was not declared trusted on this machine.
        ModelDigestMismatch: a file is not what the manifest says.
        PluginError: its format is not offered, or cannot be used.
    """
    model = tag if isinstance(tag, Model) else get(tag, _model_store=_model_store)
    composition = current_workspace().composition
    _check_module(model, module, composition)
    offer = _find_format(model, composition)
    if offer.trust == "code":
        model.require_trust(f"It is stored as {offer.name}, a format that can run any code when it is loaded")
    with model.object_files() as folder:
        return _make_serializer(composition, offer).load(folder)


def _dump_first(
    composition: Composition,
    draft: ModelDraft,
    obj: Any,
    names: Sequence[str],
    is_same: Callable[[Any, Any], bool],
    described_as: str,
) -> dict[str, str]:
    """Write the object in the first format that works, name it in the draft, and say why each before it did not."""
    refusals: dict[str, str] = {}
    for name in names:
        serializer = _make_serializer(composition, composition.find(SerializerType, name))
        with store_failure(f"model {draft.tag} was not saved"):
            refusal = _try_dump(serializer, obj, draft.path, is_same)
            if not refusal:
                draft.serializer = name
                return refusals
            refusals[name] = f"{name}: {refusal}"
            _empty(draft.path)
    raise InvalidArgument(
        f"{described_as or type(obj).__name__} cannot be stored as {' or '.join(names)}.",
        why=" ".join(refusals.values()),
        do="see which part of the object is refused, and take it out or make it of an importable class",
    )


def _warn_of_code(composition: Composition, draft: ModelDraft, module: str, refusals: Mapping[str, str]) -> None:
    reasons = [refusal for name, refusal in refusals.items() if not _is_code(composition, name)]
    warnings.warn(
        f"model {draft.tag} is stored as {draft.serializer}, which can run code when it is loaded. "
        f"{_what_would_make_it_data(module, reasons)}",
        stacklevel=4,
    )


def _what_would_make_it_data(module: str, reasons: Sequence[str]) -> str:
    """One sentence for the user who got code."""
    if not reasons:
        return f"Runner type {module!r} offers no data format for it."
    formats = "its data format refuses" if len(reasons) == 1 else "one of its data formats refuses"
    listed = "; ".join(textwrap.shorten(reason, _REASON_LENGTH, placeholder=" …") for reason in reasons)
    return f"It would be data without what {formats}: {listed}"


def _is_code(composition: Composition, serializer: str) -> bool:
    return composition.find(SerializerType, serializer).trust == "code"


def _try_dump(serializer: Serializer, obj: Any, folder: Path, is_same: Callable[[Any, Any], bool]) -> str:
    """Write and read the object; say in a sentence why that does not work, or return nothing.

    Raises:
        OSError: the disk is why. A failing disk must not make code of what is data: no other format is tried.
    """
    if not serializer.can_dump(obj):
        return f"it does not take {type(obj).__name__}."
    try:
        serializer.dump(obj, folder)
        read = serializer.load(folder)
        is_back = is_same(obj, read)
    except Exception as error:  # noqa: BLE001  # formats, and the object's own methods, are foreign code
        failure = find_disk_error(error)
        if failure is not None:
            raise failure from None
        if isinstance(error, JubakoError):
            return " ".join(part for part in (error.message, error.why) if part)
        return f"{type(error).__name__}: {error}."
    return "" if is_back else "what is read back is not the same."


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _make_serializer(composition: Composition, offer: SerializerType) -> Serializer:
    make = cast("type[Serializer]", composition.resolve(offer, "serializer"))
    return make()


def _find_format(model: Model, composition: Composition) -> SerializerType:
    try:
        return composition.find(SerializerType, model.info.serializer)
    except OfferNotFound as error:
        plugin = model.info.context.serializer_plugin
        if not plugin or composition.has_distribution(plugin):
            raise
        raise OfferNotFound(
            f"model {model.tag} cannot be loaded: {error.message}",
            why=f"Its format was offered by {plugin}, which is not installed.",
            do=f"pip install {plugin}",
        ) from error


def _check_module(model: Model, module: str, composition: Composition) -> None:
    if model.info.module == module:
        return
    if not model.info.module:
        raise InvalidArgument(
            f"model {model.tag} was saved by no runner type, so {module!r} cannot load it.",
            do=f"open its files yourself: jubako.models.get({str(model.tag)!r}).path",
        )
    plugin = model.info.context.plugin
    install = f"pip install {plugin} and " if plugin and not composition.has_distribution(plugin) else ""
    raise InvalidArgument(
        f"model {model.tag} was saved by runner type {model.info.module!r}, not by {module!r}.",
        do=f"{install}load it with jubako.{model.info.module}.load",
    )
