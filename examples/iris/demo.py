"""The whole way once: trains, saves, builds, serves, asks about all 150 flowers at once, and checks the answers.

Everything is kept in a temporary folder. The server stays until Ctrl-C; with `--once` it is stopped at the end, and the
exit status says whether every answer was right.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import queue
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

HOST = "127.0.0.1"
CONNECTIONS = 64
READY_WITHIN_S = 60.0
STOPPED_WITHIN_S = 40.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Return the exit status: 0 if every answer was the model's own."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--once", action="store_true", help="stop the server at the end instead of waiting for Ctrl-C")
    parser.add_argument("--port", type=int, default=0, help="of the server; a free one if 0")
    options = parser.parse_args()
    # Both, and not SIGTERM alone: a shell starts what runs in the background with SIGINT ignored.
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)
    # The server writes to the same terminal: lines leave in the order in which they were made.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a text file, unless replaced
    with tempfile.TemporaryDirectory(prefix="jubako-demo-") as home:
        os.environ["JUBAKO_HOME"] = home
        return _demonstrate(options.port or _free_port(), once=options.once)


def _demonstrate(port: int, *, once: bool) -> int:
    # Imported only now: jubako.sklearn opens the stores of the home that is set at that moment.
    from train import train_and_save

    import jubako.sklearn

    model = train_and_save()
    print(f"trained and saved  {model}")
    bento = jubako.build("service:svc", build_ctx=str(Path(__file__).parent), include=["service.py"])
    print(f"built              {bento.tag}")
    with _serving(str(bento.tag), port):
        right = _ask_about_all_flowers(jubako.sklearn.load(model), port)
        if not once:
            stop: queue.SimpleQueue[int] = queue.SimpleQueue()
            for number in STOP_SIGNALS:
                signal.signal(number, lambda number, _: stop.put(number))
            address = f"http://{HOST}:{port}"
            print("\nAsk it yourself:")
            print(f"  curl {address}/classify -H 'Content-Type: application/json' -d '[5.1, 3.5, 1.4, 0.2]'")
            print(f"or look at {address}/\nCtrl-C stops it.")
            stop.get()
    return 0 if right else 1


def _ask_about_all_flowers(model: Any, port: int) -> bool:
    """Send every flower as a request of its own, compare, and print how it went."""
    from sklearn.datasets import load_iris  # with the others above

    flowers = load_iris().data
    expected = [int(kind) for kind in model.predict(flowers)]
    begin = time.perf_counter()
    answers, seconds = _classify(flowers.tolist(), port)
    took_s = time.perf_counter() - begin
    right = sum(answer == kind for answer, kind in zip(answers, expected, strict=True))
    p50, p99 = (statistics.quantiles(seconds, n=100)[rank - 1] * 1000 for rank in (50, 99))
    print(f"right answers      {right} of {len(expected)}, over {CONNECTIONS} connections in {took_s:.2f} s")
    print(f"mean batch         {_mean_batch(port):.1f} rows")
    print(f"latency            p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    return right == len(expected)


def _classify(flowers: Sequence[Sequence[float]], port: int) -> tuple[list[Any], list[float]]:
    """Answers and seconds, in the order of the flowers; each connection takes every 64th flower, one by one."""
    answers: list[Any] = [None] * len(flowers)
    seconds = [0.0] * len(flowers)
    start_together = threading.Barrier(CONNECTIONS)

    def ask(first: int) -> None:
        connection = http.client.HTTPConnection(HOST, port, timeout=60)
        connection.connect()
        start_together.wait()
        for index in range(first, len(flowers), CONNECTIONS):
            begin = time.perf_counter()
            connection.request("POST", "/classify", json.dumps(flowers[index]), {"content-type": "application/json"})
            response = connection.getresponse()
            body = response.read()
            seconds[index] = time.perf_counter() - begin
            answers[index] = json.loads(body) if response.status == http.client.OK else body.decode()
        connection.close()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(ask, range(CONNECTIONS)))
    return answers, seconds


def _mean_batch(port: int) -> float:
    """Rows per batch since the server started, from its metrics."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    totals = {"sum": 0.0, "count": 0.0}
    for line in text.splitlines():
        for part in totals:
            if line.startswith(f"jubako_batch_size_{part}"):
                totals[part] += float(line.rpartition(" ")[2])
    return totals["sum"] / totals["count"] if totals["count"] else 0.0


@contextlib.contextmanager
def _serving(tag: str, port: int) -> Iterator[None]:
    """Run `jubako serve` until the block ends, then let it drain and wait for it."""
    command = [sys.executable, "-m", "jubako", "serve", tag, "--host", HOST, "--port", str(port)]
    # The access log of 150 requests would bury the summary.
    environment = {**os.environ, "JUBAKO_SERVER__LOGGING__ACCESS__ENABLED": "false"}
    server = subprocess.Popen(command, env=environment)
    try:
        _wait_until_ready(server, port)
        yield
    finally:
        # From here on everything ends by itself; an interrupt more would only leave the server alone.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        server.terminate()
        try:
            server.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < end and server.poll() is None:
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.client.OK:
                return
        connection.close()
        time.sleep(0.05)
    raise SystemExit("the server did not become ready; its log above says why")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Stop at once, wherever the demo is."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
