"""Tensors between callers and replicas: the payload type's contract, and every dtype as raw bytes."""

from __future__ import annotations

import pytest
import torch

from jubako.errors import InvalidArgument
from jubako.payloads import PayloadTable
from jubako.plugins import compose
from jubako.testing import PayloadTypeTests
from jubako.values.payload import EncodedPayload


def same(left, right):
    return type(left) is type(right) and left.dtype == right.dtype and torch.equal(left, right)


class TestTensors(PayloadTypeTests):
    name = "tensor"
    axes = (0, 1)

    def batches(self):
        return [torch.arange(4.0).reshape(2, 2), torch.arange(8.0).reshape(2, 4).T[:2, :2]]

    def misfits(self):
        return [torch.zeros(2, 2, 3), torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.bfloat16)]

    def same(self, left, right):
        return same(left, right)


@pytest.fixture
def payload():
    return PayloadTable(compose()).named("tensor")


def moved(payload, value):
    encoded = payload.encode(value)
    return payload.decode(
        EncodedPayload(encoded.payload_type, encoded.header, [bytes(part) for part in encoded.buffers])
    )


@pytest.mark.parametrize(
    "dtype",
    [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8, torch.bool,
     torch.complex64],
)  # fmt: skip
def test_every_dtype_is_given_back_to_the_last_bit(payload, dtype):
    value = torch.tensor([[0, 1, 2], [3, 4, 5]]).to(dtype)
    assert same(moved(payload, value), value)


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(0, 3),
        torch.tensor(2.5),
        torch.arange(12).reshape(3, 4).T,
        torch.arange(6)[::2],
        torch.ones(1, 3).expand(4, 3),
        torch.tensor([1 + 2j]).conj(),
    ],
    ids=["empty", "0-dim", "transposed", "strided", "expanded", "conjugated"],
)
def test_every_layout_of_memory_is_given_back(payload, value):
    assert same(moved(payload, value), value.resolve_conj())


def test_a_tensor_with_gradients_arrives_without_them(payload):
    parameter = torch.nn.Parameter(torch.ones(2))
    assert payload.payloads.for_value(parameter) is payload
    arrived = moved(payload, parameter)
    assert type(arrived) is torch.Tensor
    assert not arrived.requires_grad


def test_what_is_decoded_can_be_changed_in_place(payload):
    arrived = moved(payload, torch.ones(2))
    arrived += 1
    assert arrived.tolist() == [2, 2]


def test_tensors_in_tuples_and_dictionaries_are_raw_bytes_too(payload):
    value = {"pair": (torch.ones(2, 3, dtype=torch.bfloat16), torch.zeros(2))}
    of_dictionaries = payload.payloads.for_value(value)
    encoded = of_dictionaries.encode(value)
    assert [len(bytes(part)) for part in encoded.buffers] == [12, 8]
    arrived = of_dictionaries.decode(encoded)
    assert same(arrived["pair"][0], value["pair"][0])


def test_a_sparse_tensor_is_refused(payload):
    sparse = torch.eye(2).to_sparse()
    assert payload.fit_key(sparse, 0) != payload.fit_key(sparse, 0)
    with pytest.raises(InvalidArgument, match=r"(?s)layout torch.sparse_coo.*Do: make it dense"):
        payload.encode(sparse)


def test_a_row_needs_its_axes(payload):
    with pytest.raises(InvalidArgument, match="cannot be one row along axis 1"):
        payload.from_single(torch.tensor(1.0), 1)
    with pytest.raises(InvalidArgument, match="has no rows along axis 0"):
        payload.count_rows(torch.tensor(1.0), 0)
