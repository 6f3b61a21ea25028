"""`DescriptorTests`: the contract of descriptors, for plugins' own tests."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
    """Subclass it as `TestX`, and give the descriptor, values that it describes, and what it refuses.

    Attributes:
        needs_parameters: True if a content type means nothing without parameters, as a form's without its boundary.
    """

    needs_parameters = False

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

    def same_in(self, media_type: str, left: Any, right: Any) -> bool:
        """As `same`, for values that came back as a media type that may lose something; by default none does."""
        return self.same(left, right)

    def test_values_come_back_from_what_they_are_written_as(self) -> None:
        descriptor = self.descriptor()
        for value in self.values():
            body = descriptor.encode(value)
            assert isinstance(body, EncodedBody)
            with _decoded(descriptor, body.body, body.content_type) as found:
                assert self.same_in(_plain(body.content_type), found, value)

    def test_an_answer_has_the_media_type_that_is_asked_for_and_comes_back_from_it(self) -> None:
        descriptor = self.descriptor()
        for media_type in descriptor.openapi_responses_content():
            for value in self.values():
                body = descriptor.encode(value, f"{media_type};q=0.9, application/x-unknown")
                assert _plain(body.content_type) == media_type
                if media_type in descriptor.media_types or "*/*" in descriptor.media_types:
                    with _decoded(descriptor, body.body, body.content_type) as found:
                        assert self.same_in(media_type, found, value)

    def test_an_accept_header_that_names_nothing_known_gets_the_main_media_type(self) -> None:
        descriptor = self.descriptor()
        value = self.values()[0]
        main = _plain(descriptor.encode(value).content_type)
        for accept in ("*/*", "application/x-unknown", "nonsense", "*/*;q=0", ",;q=,"):
            assert _plain(descriptor.encode(value, accept).content_type) == main

    def test_several_threads_use_it_at_once(self) -> None:
        descriptor = self.descriptor()
        body = descriptor.encode(self.values()[0])

        def decode_and_encode(_: int) -> bool:
            with _decoded(descriptor, body.body, body.content_type) as found:
                descriptor.encode(found)
                return self.same_in(_plain(body.content_type), found, self.values()[0])

        with ThreadPoolExecutor(4) as threads:
            assert all(threads.map(decode_and_encode, range(16)))

    def test_an_item_of_a_stream_is_bytes_or_refused(self) -> None:
        descriptor = self.descriptor()
        for value in self.values():
            with contextlib.suppress(InvalidArgument):
                assert isinstance(descriptor.encode_item(value), bytes)

    def test_the_main_media_type_and_no_content_type_are_taken(self) -> None:
        descriptor = self.descriptor()
        if self.needs_parameters:
            return
        for value in self.values():
            body = descriptor.encode(value).body
            main = descriptor.media_types[0]
            for content_type in (main, main.upper(), ""):
                with _decoded(descriptor, body, content_type) as found:
                    assert self.same_in(main, found, value)

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
            with contextlib.suppress(BadInput), _decoded(descriptor, pickle, content_type):
                pass
        assert not canary.exists()

    @settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=100)
    @given(body=st.binary() | _JSON_TEXTS)
    def test_any_body_is_taken_or_refused_as_bad_input(self, body: bytes) -> None:
        descriptor = self.descriptor()
        with contextlib.suppress(InvalidArgument), _decoded(descriptor, body, descriptor.media_types[0]) as value:
            encoded = descriptor.encode(value)
            with _decoded(descriptor, encoded.body, encoded.content_type):
                pass

    def test_schemas_are_json_and_stand_under_the_main_media_type(self) -> None:
        descriptor = self.descriptor()
        for content in (descriptor.openapi_request_schema(), descriptor.openapi_responses_schema()):
            assert json.loads(json.dumps(content)) == content
            assert len(content) == 1
            assert "*/*" in descriptor.media_types or descriptor.media_types[0] in content
        assert json.loads(json.dumps(descriptor.openapi_schema())) == descriptor.openapi_schema()

    def test_the_document_lists_every_media_type_the_main_one_first(self) -> None:
        descriptor = self.descriptor()
        for content, main in (
            (descriptor.openapi_request_content(), descriptor.openapi_request_schema()),
            (descriptor.openapi_responses_content(), descriptor.openapi_responses_schema()),
        ):
            assert json.loads(json.dumps(content)) == content
            assert next(iter(content)) == next(iter(main))
            assert all("schema" in media_type for media_type in content.values())
        concrete = {media_type for media_type in descriptor.media_types if "*" not in media_type}
        assert concrete <= {*descriptor.openapi_request_content(), *descriptor.openapi_responses_content()}


@contextlib.contextmanager
def _decoded(descriptor: Descriptor, body: bytes, content_type: str) -> Iterator[Any]:
    """What a body holds, until the end of the block."""
    value = descriptor.decode(body, content_type)
    try:
        yield value
    finally:
        descriptor.release(value)


def _plain(content_type: str) -> str:
    return content_type.partition(";")[0]
