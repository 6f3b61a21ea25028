"""`DescriptorTests`: the contract of descriptors, for plugins' own tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jubako.contracts.descriptor import Descriptor, EncodedBody
from jubako.errors import BadInput, InvalidArgument, UnsupportedMediaType

_PICKLE_MEDIA_TYPES = ("application/python-pickle", "application/x-pickle", "application/vnd.jubako.pickle")
_JSON_TEXTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
).map(lambda value: json.dumps(value).encode())


class DescriptorTests:
    """Subclass it as `TestX`, and give the descriptor, values that it describes, and what it refuses."""

    def descriptor(self) -> Descriptor:
        """The descriptor; a new one each time."""
        raise NotImplementedError("return a descriptor")

    def values(self) -> Sequence[Any]:
        """Values that come back equal from a request whose body they are; at least one."""
        raise NotImplementedError("return values")

    def refused_bodies(self) -> Sequence[bytes]:
        """Bodies of the main media type that are not what the descriptor takes; may be empty."""
        return ()

    def refused_values(self) -> Sequence[Any]:
        """Results that the descriptor does not describe; may be empty."""
        return ()

    def same(self, left: Any, right: Any) -> bool:
        """True if two values are equal in type and content."""
        return type(left) is type(right) and bool(left == right)

    def test_values_come_back_from_what_they_are_written_as(self) -> None:
        descriptor = self.descriptor()
        for value in self.values():
            body = descriptor.encode(value)
            assert isinstance(body, EncodedBody)
            assert self.same(descriptor.decode(body.body, body.content_type), value)

    def test_the_main_media_type_and_no_content_type_are_taken(self) -> None:
        descriptor = self.descriptor()
        for value in self.values():
            body = descriptor.encode(value).body
            main = descriptor.media_types[0]
            for content_type in (main, main.upper()):
                assert self.same(descriptor.decode(body, content_type), value)

    def test_a_media_type_that_is_not_taken_is_refused_with_the_one_that_is(self) -> None:
        descriptor = self.descriptor()
        if "*/*" in descriptor.media_types:
            return
        body = descriptor.encode(self.values()[0]).body
        for content_type in ("application/x-www-form-urlencoded", "nonsense", *_PICKLE_MEDIA_TYPES):
            with pytest.raises(UnsupportedMediaType) as caught:
                descriptor.decode(body, content_type)
            assert descriptor.media_types[0] in str(caught.value)

    def test_bodies_that_are_wrong_are_refused_with_what_was_expected(self) -> None:
        descriptor = self.descriptor()
        for body in self.refused_bodies():
            with pytest.raises(BadInput) as caught:
                descriptor.decode(body, descriptor.media_types[0])
            assert caught.value.expected

    def test_results_that_are_wrong_are_the_services_fault(self) -> None:
        descriptor = self.descriptor()
        for value in self.refused_values():
            with pytest.raises(InvalidArgument) as caught:
                descriptor.encode(value)
            assert not isinstance(caught.value, BadInput)

    def test_a_pickle_is_never_loaded(self, tmp_path: Path) -> None:
        descriptor = self.descriptor()
        canary = tmp_path / "loaded"
        pickle = f"cos\nmkdir\n(V{canary}\ntR.".encode()
        for content_type in (*descriptor.media_types, "", *_PICKLE_MEDIA_TYPES):
            try:
                descriptor.decode(pickle, content_type)
            except BadInput:
                continue
        assert not canary.exists()

    @settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=100)
    @given(body=st.binary() | _JSON_TEXTS)
    def test_any_body_is_taken_or_refused_as_bad_input(self, body: bytes) -> None:
        descriptor = self.descriptor()
        try:
            value = descriptor.decode(body, descriptor.media_types[0])
        except BadInput:
            return
        try:
            encoded = descriptor.encode(value)
        except InvalidArgument:
            return
        descriptor.decode(encoded.body, encoded.content_type)

    def test_schemas_are_json_and_stand_under_the_main_media_type(self) -> None:
        descriptor = self.descriptor()
        for content in (descriptor.openapi_request_schema(), descriptor.openapi_responses_schema()):
            assert json.loads(json.dumps(content)) == content
            assert descriptor.media_types[0] in content
        assert json.loads(json.dumps(descriptor.openapi_schema())) == descriptor.openapi_schema()
