"""What a first, a second and a third signal mean."""

from __future__ import annotations

import signal

import pytest

from jubako.serving.signals import StopSignals


class Scene:
    """Signals at chosen times, and what they led to."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.events: list[str] = []
        self.signals = StopSignals(lambda: self.events.append("stop"), lambda: self.events.append("cut"), self.clock)

    def clock(self) -> float:
        return self.now_s

    def receive(self, number: int, *, at_s: float) -> None:
        self.now_s = 100.0 + at_s
        self.signals.receive(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_for_a_stop(number):
    scene = Scene()
    scene.receive(number, at_s=0)
    assert (scene.events, scene.signals.cut_by) == (["stop"], None)


def test_a_second_signal_within_a_second_is_the_same_wish():
    scene = Scene()
    scene.receive(signal.SIGINT, at_s=0)
    scene.receive(signal.SIGTERM, at_s=1.0)
    assert scene.events == ["stop"]


def test_a_later_signal_cuts_the_stop_short_once():
    scene = Scene()
    for at_s, number in ((0, signal.SIGINT), (0.5, signal.SIGINT), (1.1, signal.SIGTERM), (1.2, signal.SIGINT)):
        scene.receive(number, at_s=at_s)
    assert (scene.events, scene.signals.cut_by) == (["stop", "cut"], signal.SIGTERM)


def test_real_signals_are_received_inside_the_block_and_ignored_after_it():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    scene = Scene()
    try:
        with scene.signals:
            signal.raise_signal(signal.SIGTERM)
            assert scene.events == ["stop"]
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert scene.events == ["stop"]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
