"""`PinsDesk`: how the processes of one generation agree on what a tag means.

A process that uses a tag for the first time says what it has found. The first that does so decides for all of them,
those that are started later included.
"""

from __future__ import annotations

import attrs

from jubako.contracts.store import StoreKind
from jubako.serving.children import Child
from jubako.serving.control import Pin, Pinned, Record
from jubako.stores.pins import Pins
from jubako.values.plan import Plan


class PinsDesk:
    """The supervisor's side; one for each generation, whose tags mean what they meant when it began."""

    def __init__(self) -> None:
        self._models = Pins()
        self._bentos = Pins()

    def attend(self, child: Child) -> None:
        """Answer what a process asks."""

        def take(record: Record) -> None:
            if isinstance(record, Pin):
                pins = self._models if record.kind == StoreKind.MODELS.value else self._bentos
                child.link.send(Pinned(record.number, pins.agree(record.pin)))

        child.hear(take)

    def complete(self, plan: Plan) -> Plan:
        """The same Plan with everything that was settled since it was made."""
        return attrs.evolve(plan, models=self._models.all(), bentos=self._bentos.all())
