"""Many files, and a model of 2 GB."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

MODEL = """
import json, os, sys, time
import jubako
from jubako._progress import using_progress
import contextlib

home, context, is_linked = sys.argv[1:]
size = int(os.environ["SIZE_BYTES"])
with jubako.models.create("big") as draft, draft.path_of("weights.bin").open("xb") as file:
    piece = os.urandom(1 << 20)
    for _ in range(size >> 20):
        file.write(piece)
stored = jubako.models.get("big").path_of("weights.bin")
if is_linked == "no":
    stored.chmod(0o644)
told = []

@contextlib.contextmanager
def show(label, total):
    yield told.append if label.startswith("packing model") else lambda count: None

def bytes_read():
    return int(next(line for line in open("/proc/self/io") if line.startswith("rchar")).split()[1])

jubako.build("service:svc", build_ctx=context)
free, read, begin = os.statvfs(home), bytes_read(), time.monotonic()
with using_progress(show):
    bento = jubako.build("service:svc", build_ctx=context, additional_models=["big"])
seconds = time.monotonic() - begin
(packed,) = [path for path in bento.path.rglob("weights.bin")]
print(json.dumps({
    "seconds": round(seconds, 1),
    # `ru_maxrss` begins with what the process had that started this one.
    "rss_mib": next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) // 1024,
    "read": round((bytes_read() - read) / size, 2),
    "told": sum(told) / size,
    "steps": len(told),
    "is_linked": packed.samefile(stored),
    "disk_mib": max(0, free.f_bavail - os.statvfs(home).f_bavail) * free.f_frsize >> 20,
}))
"""


@pytest.mark.row("build-size")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("is_linked", ["yes", "no"], ids=["linked", "copied"])
def test_a_large_model_is_packed_in_bounded_memory(tmp_path, length, figures, is_linked):
    size_bytes = int(length(256, 2048)) << 20
    (tmp_path / "context").mkdir()
    (tmp_path / "context/service.py").write_text("import jubako\nsvc = jubako.Service('toy')\n")
    done = subprocess.run(
        [sys.executable, "-c", MODEL, str(tmp_path), str(tmp_path / "context"), is_linked],
        env={**os.environ, "JUBAKO_HOME": str(tmp_path / "home"), "JUBAKO_PLUGINS": "", "SIZE_BYTES": str(size_bytes)},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    report = json.loads(done.stdout)
    assert report["rss_mib"] < 300, report
    assert report["is_linked"] is (is_linked == "yes"), report
    assert report["told"] == 1.0, report
    assert report["steps"] >= size_bytes >> 20, report
    # Hashed once; where it is copied, the system reads it for that.
    assert report["read"] < (1.3 if is_linked == "yes" else 2.3), report
    figures(
        **{
            f"{size_bytes >> 20:,} MiB {'linked' if is_linked == 'yes' else 'copied'}": f"{report['seconds']} s, "
            f"{report['rss_mib']} MiB of memory, {report['disk_mib']:,} MiB of disk, read {report['read']} times"
        }
    )


@pytest.mark.row("build-size")
@pytest.mark.timeout(1800)
def test_as_many_files_as_there_are_get_packed(context, length, figures):
    number = int(length(1_000, 100_000))
    for index in range(number):
        folder = context.folder / f"data/{index % 317}"
        if index < 317:
            folder.mkdir(parents=True)
        (folder / f"{index}.txt").touch()
    begin = time.monotonic()
    bento = context.build()
    took_s = time.monotonic() - begin
    assert sum(entry.path.startswith("src/data/") for entry in bento.info.files) == number
    figures(files=f"{number:,} files built and checked in {took_s:.0f} s")


@pytest.mark.row("build-size")
@pytest.mark.quick
def test_a_tree_without_end_is_refused(context, figures):
    with contextlib.ExitStack() as stack:
        here = os.open(context.folder, os.O_RDONLY)
        stack.callback(os.close, here)
        # One folder at a time: the path of the last is longer than any path may be.
        for _ in range(2100):
            os.mkdir("d", dir_fd=here)
            here = os.open("d", os.O_RDONLY, dir_fd=here)
            stack.callback(os.close, here)
        text = context.refusal()
    assert "200 folders" in text
    assert context.build(exclude=["d/"]).info.files
    figures(depth="2,100 folders, one in another: refused")
    _remove_deep(context.folder)


def _remove_deep(folder: Path) -> None:
    # Python's own function for that calls itself once for each folder.
    subprocess.run(["rm", "-rf", str(folder / "d")], check=True)
