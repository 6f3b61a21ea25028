"""Who is last releases a value, in whatever order the others go."""

from __future__ import annotations

import threading

from jubako.server.leases import Lease


def test_the_last_one_releases_the_value():
    released = []
    lease = Lease(released.append, None, "toy")
    lease.fill("value")
    assert lease.take()
    lease.drop()
    assert released == []
    lease.drop()
    assert released == ["value"]


def test_a_value_that_comes_when_everybody_has_gone_is_released_at_once():
    released = []
    lease = Lease(released.append, None, "toy")
    lease.drop()
    assert not lease.take()
    assert released == []
    lease.fill("value")
    assert released == ["value"]


def test_nothing_is_released_where_nothing_came():
    released = []
    Lease(released.append, None, "toy").drop()
    assert released == []


def test_a_released_value_cannot_be_taken():
    lease = Lease(lambda value: None, None, "toy")
    lease.fill("value")
    lease.drop()
    assert not lease.take()


def test_on_the_event_loop_a_release_that_blocks_is_posted_and_in_a_thread_it_is_not():
    posted, released = [], []
    lease = Lease(released.append, lambda function, value: posted.append((function, value)), "toy")
    lease.fill("value")
    lease.take()
    lease.drop(in_thread=True)
    lease.drop()
    assert (len(posted), released) == (1, [])
    other = Lease(released.append, lambda function, value: posted.append((function, value)), "toy")
    other.fill("other")
    other.drop(in_thread=True)
    assert (len(posted), released) == (1, ["other"])


def test_many_threads_release_once():
    released = []
    lease = Lease(released.append, None, "toy")
    lease.fill("value")
    for _ in range(50):
        assert lease.take()
    threads = [threading.Thread(target=lease.drop) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert released == []
    lease.drop()
    assert released == ["value"]
