from __future__ import annotations

from jubako.stores.local import LocalStore
from jubako.testing.store_tests import StoreTests


class TestLocalStore(StoreTests):
    def open_store(self, place, kind):
        return LocalStore(place, kind)
