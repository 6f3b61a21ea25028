"""Which size a batch is padded to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jubako.values.batch_profile import BatchProfile, SizeCost
from jubako_torch_runner.buckets import Buckets


@st.composite
def _profiles(draw):
    rows = sorted(draw(st.sets(st.integers(1, 200), max_size=9)))
    seconds = st.floats(1e-4, 1e-1)
    sizes = [SizeCost(size, draw(seconds)) for size in rows]
    limit = draw(st.sampled_from([None, *rows])) if rows else None
    return BatchProfile(limit, sizes)


def _profile(limit_rows=None, **seconds):
    return BatchProfile(limit_rows, [SizeCost(int(rows[1:]), cost) for rows, cost in seconds.items()])


@given(_profiles(), st.integers(1, 250))
def test_a_bucket_holds_its_rows_within_the_limit_and_is_its_own_bucket(profile, rows):
    buckets = Buckets(profile)
    bucket = buckets.bucket_for(rows)
    assert bucket >= rows
    assert bucket == rows or bucket in buckets.sizes
    assert bucket == rows or profile.limit_rows is None or bucket <= profile.limit_rows
    assert buckets.bucket_for(bucket) == bucket


@given(_profiles(), st.integers(1, 250))
def test_padding_is_never_slower_than_the_noise_of_measuring(profile, rows):
    buckets = Buckets(profile)
    assert buckets.estimate_s(buckets.bucket_for(rows)) <= 1.02 * buckets.estimate_s(rows)


def test_nothing_is_padded_where_each_row_costs():
    buckets = Buckets(_profile(r1=0.001, r2=0.002, r4=0.004, r8=0.008))
    assert [buckets.bucket_for(rows) for rows in range(1, 9)] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_batches_go_up_to_the_next_size_where_rows_are_free():
    buckets = Buckets(_profile(r1=0.002, r2=0.002, r4=0.002, r8=0.002, r16=0.004))
    assert [buckets.bucket_for(rows) for rows in (1, 2, 3, 5, 7, 8, 9)] == [1, 2, 4, 8, 8, 8, 9]


def test_a_size_that_is_clearly_faster_is_preferred_to_a_smaller_one():
    buckets = Buckets(_profile(r1=0.002, r2=0.003, r4=0.001, r8=0.004))
    assert [buckets.bucket_for(rows) for rows in (1, 2, 3, 4, 5)] == [4, 4, 4, 4, 5]


def test_without_measured_sizes_nothing_is_padded():
    buckets = Buckets(BatchProfile(limit_rows=10))
    assert (buckets.bucket_for(3), buckets.bucket_for(30), buckets.sizes) == (3, 30, ())


def test_sizes_beyond_the_limit_are_no_buckets():
    buckets = Buckets(_profile(limit_rows=4, r1=0.002, r4=0.002, r8=0.001))
    assert buckets.sizes == (1, 4)
    assert buckets.bucket_for(3) == 4
