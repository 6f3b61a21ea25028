"""`PayloadTable`: which payload type takes a value, found by the names of its classes without importing packages."""

from __future__ import annotations

from typing import Any, cast

from jubako.contracts.offers import PayloadType
from jubako.contracts.payload import Payload
from jubako.plugins import Composition


class PayloadTable:
    """The payload types of one composition; finds one in a dictionary look-up once a class was seen.

    Safe for several threads: two that see a new class at once find the same type.
    """

    def __init__(self, composition: Composition) -> None:
        self._composition = composition
        self._names = {
            python_type: offer.name for offer in composition.offers(PayloadType) for python_type in offer.python_types
        }
        self._by_class: dict[type, Payload] = {}
        self._by_name: dict[str, Payload] = {}

    def for_value(self, value: Any) -> Payload:
        """The payload type of the value's class, or of the nearest base class that has one.

        Raises:
            PluginError: the type is offered by a plugin that cannot be used.
        """
        payload = self._by_class.get(type(value))
        return self._find(type(value)) if payload is None else payload

    def named(self, name: str) -> Payload:
        """The payload type of that name.

        Raises:
            OfferNotFound: no installed plugin offers it.
        """
        if name not in self._by_name:
            offer = self._composition.find(PayloadType, name)
            make = cast("type[Payload]", self._composition.resolve(offer, "payload"))
            self._by_name.setdefault(name, make(name, self))
        return self._by_name[name]

    def _find(self, cls: type) -> Payload:
        names = (self._names.get(f"{base.__module__}:{base.__qualname__}") for base in cls.__mro__)
        payload = self.named(next(name for name in names if name is not None))
        self._by_class[cls] = payload
        return payload
