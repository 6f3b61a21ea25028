"""Environments of Bentos: made once and whole of what the lock pins, and kept while they are used."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import jubako
from jubako.errors import CommandError, ModelDigestMismatch
from jubako.services.bento import Bento
from jubako.serving.environments.cache import Environments
from jubako.serving.environments.interpreters import find_python
from jubako.serving.environments.recipe import read_recipe
from jubako.settings import Settings, StoreSettings
from jubako.stores.digests import digest_folder
from jubako.stores.manifests import write_bento_info
from jubako.values.bento import BentoInfo
from jubako.values.tag import Tag
from jubako.workspace import open_workspace, using_workspace

if not hasattr(os, "fork"):
    pytest.skip("--isolated needs a system that replaces processes", allow_module_level=True)

PATIENCE_S = 90
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
# In place of the whole of Jubako: what an environment starts, and with what.
MAIN = """
import json, os, sys
if sys.argv[1:] == ["--version"]:
    print("jubako 0")
else:
    print(json.dumps({"argv": sys.argv[1:], "prefix": sys.prefix, "pid": os.getpid(), "path": sys.path,
                      "environment": dict(os.environ)}), flush=True)
    sys.exit(sys.stdin.read() == "fail" and 7)
"""


def write_wheel(folder, name="jubako", version="0.1", files=None):
    """Write a wheel, and return its file name and SHA-256."""
    files = {f"{name}/__init__.py": "", f"{name}/__main__.py": MAIN} if files is None else files
    info = f"{name}-{version}.dist-info"
    files |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text.encode())}")
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in files.items():
            archive.writestr(inner, text)
    return path.name, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def make_bento(tmp_path):
    """A function that writes a Bento whose lock pins a wheel that it carries; `lock` may change the lock's text."""

    def make(version="v1", *, python=f"{HERE}.0", lock=lambda text: text, others=None):
        folder = tmp_path / "home" / "bentos" / "toy" / version
        (folder / "src").mkdir(parents=True)
        # Importing it would fail: nothing may, before the environment is there.
        (folder / "src" / "service.py").write_text("raise SystemExit('imported')\nsvc = None\n")
        name, digest = write_wheel(folder / "env/python/wheels")
        (folder / "env/python/version.txt").write_text(f"{python}\n")
        text = f"--no-index\n./wheels/{name} --hash=sha256:{digest}\n"
        (folder / "env/python/requirements.lock.txt").write_text(lock(text))
        for path, content in (others or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        info = BentoInfo(
            service="service:svc",
            tag=Tag("toy", version),
            jubako_version="0.1",
            creation_time=datetime.now(UTC),
            files=digest_folder(folder),
        )
        write_bento_info(folder, info)
        return Bento.from_folder(folder)

    return make


@pytest.fixture
def start(tmp_path):
    """A function that starts `jubako serve` with arguments, in the folder that holds the home."""
    started = []

    def begin(*arguments, **environment):
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("JUBAKO_", "VIRTUAL_ENV"))}
        process = subprocess.Popen(
            [sys.executable, "-m", "jubako", "serve", *arguments],
            cwd=tmp_path,
            env={**clean, "JUBAKO_HOME": str(tmp_path / "home"), "JUBAKO_PLUGINS": "", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def finish(process, said=""):
    out, err = process.communicate(said, timeout=PATIENCE_S)
    return process.returncode, json.loads(out) if out else {}, err


def environments(tmp_path):
    return sorted((tmp_path / "home/.store/environments").glob("*/*/pyvenv.cfg"))


def test_a_lock_that_leads_to_other_files_makes_no_environment(make_bento):
    bento = make_bento(lock=lambda text: f"{text}-r ../../../../../../../etc/passwd\n")
    with pytest.raises(CommandError, match=r"line 3 of its requirements\.lock\.txt"):
        read_recipe(bento)


def test_a_bento_is_served_by_a_process_of_its_environment_that_takes_this_ones_place(make_bento, start, tmp_path):
    make_bento()
    (tmp_path / "jubako").mkdir()  # which must not be imported from the working directory
    (tmp_path / "settings.yaml").write_text("server: {port: 3001}\n")
    arguments = ("--host=127.0.0.1", "toy:v1", "--isolated", "-q", "--trust", f"sha256:{'0' * 64}", "--trust")
    process = start(
        *(*arguments, f"sha256:{'1' * 64}", "--config", "settings.yaml", "--reload"), PYTHONPATH=str(tmp_path / "other")
    )
    exit_code, report, err = finish(process, "fail")
    assert exit_code == 7, err
    assert report["pid"] == process.pid
    assert report["argv"][0] == "serve"
    assert report["argv"][-2:] == ["--", "bento:toy:v1"]
    options = ["--config=settings.yaml", "--host=127.0.0.1", "--quiet", "--reload"]
    assert sorted(report["argv"][1:-2]) == [*options, f"--trust=sha256:{'0' * 64}", f"--trust=sha256:{'1' * 64}"]
    (made,) = environments(tmp_path)
    assert report["prefix"] == str(made.parent)
    assert str(tmp_path) not in report["path"]
    assert "PYTHONPATH" not in report["environment"]
    assert report["environment"]["VIRTUAL_ENV"] == str(made.parent)
    assert report["environment"]["PATH"].startswith(f"{made.parent}/bin{os.pathsep}")


def test_the_environment_is_made_once_for_all_bentos_of_one_lock(make_bento, start, tmp_path):
    first, second = make_bento("v1"), make_bento("v2")
    exit_code, report, err = finish(start("toy:v1", "--isolated"))
    assert (exit_code, "Making the environment of toy:v1, once" in err) == (0, True), err
    # A folder is the place of a Bento as well as a tag is.
    exit_code, again, err = finish(start(str(second.path), "--isolated"))
    assert (exit_code, err) == (0, "")
    assert report["prefix"] == again["prefix"]
    assert again["argv"][-1] == "bento:toy:v2"
    make_bento("v3", lock=lambda text: f"# another lock\n{text}")
    assert finish(start("toy:v3", "--isolated"))[1]["prefix"] != report["prefix"]
    assert read_recipe(first).key == read_recipe(second).key


def test_an_archive_is_served_from_where_it_is_unpacked(make_bento, start, tmp_path):
    make_bento()
    with using_workspace(open_workspace(Settings(stores=StoreSettings(home=tmp_path / "home")))):
        jubako.export_bento("toy:v1", tmp_path / "toy.bento")
        jubako.delete("toy:v1")
    exit_code, report, err = finish(start("./toy.bento", "--isolated"))
    assert exit_code == 0, err
    assert (Path(report["argv"][-1]) / "bento.yaml").is_file()
    assert Path(report["argv"][-1]).is_relative_to(tmp_path / "home/.store")


def test_of_eight_that_start_at_once_one_makes_it_and_the_others_wait(make_bento, start, tmp_path):
    make_bento()
    ends = [finish(process) for process in [start("toy:v1", "--isolated") for _ in range(8)]]
    assert [exit_code for exit_code, _, _ in ends] == [0] * 8, ends
    assert sum("Making the environment" in err for _, _, err in ends) == 1
    assert len({report["prefix"] for _, report, _ in ends}) == 1
    assert len(environments(tmp_path)) == 1


@pytest.fixture
def stalling(tmp_path):
    """An index that answers its first question only when the test is over, and an event for when that was asked."""
    name, digest = write_wheel(tmp_path / "index", "slow", files={"slow.py": ""})
    asked, over, lock = threading.Event(), threading.Event(), threading.Lock()

    class Index(BaseHTTPRequestHandler):
        def do_GET(self):
            with lock:
                is_first = not asked.is_set()
                asked.set()
            if is_first:
                over.wait(PATIENCE_S)
            is_wheel = self.path.endswith(".whl")
            page = f'<a href="/{name}#sha256={digest}">{name}</a>'.encode()
            body = (tmp_path / "index" / name).read_bytes() if is_wheel else page
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream" if is_wheel else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        links = f"--find-links http://127.0.0.1:{server.server_port}/\nslow==0.1 --hash=sha256:{digest}\n"
        yield lambda text: text + links, asked
        over.set()
        server.shutdown()
        thread.join()


def folders(place):
    return [path for path in place.iterdir() if path.is_dir()]


def test_what_a_killed_maker_leaves_is_not_used_and_goes(make_bento, start, tmp_path, stalling):
    lock, asked = stalling
    place = Environments(tmp_path / "home").folder / read_recipe(make_bento(lock=lock)).key
    process = start("toy:v1", "--isolated")
    assert asked.wait(PATIENCE_S)
    process.kill()
    process.wait()
    (left,) = folders(place)
    assert not (place / "current").exists()
    exit_code, report, err = finish(start("toy:v1", "--isolated"))
    assert exit_code == 0, err
    assert Path(report["prefix"]) != left
    assert folders(place) == [Path(report["prefix"])]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_maker_that_is_told_to_stop_leaves_nothing(make_bento, start, tmp_path, stalling, number):
    lock, asked = stalling
    place = Environments(tmp_path / "home").folder / read_recipe(make_bento(lock=lock)).key
    process = start("toy:v1", "--isolated")
    assert asked.wait(PATIENCE_S)
    process.send_signal(number)
    assert process.wait(PATIENCE_S) == 128 + number
    assert folders(place) == []
    assert not (place / "current").exists()


def test_who_comes_while_it_is_made_is_told_and_waits(make_bento, start, tmp_path, stalling):
    lock, asked = stalling
    make_bento(lock=lock)
    first = start("toy:v1", "--isolated")
    assert asked.wait(PATIENCE_S)
    second = start("toy:v1", "--isolated")
    assert "Waiting for another process" in second.stderr.readline()
    first.kill()
    # The lock of the killed one is free.
    assert "Making the environment" in second.stderr.readline()
    exit_code, report, err = finish(second)
    assert exit_code == 0, err
    assert environments(tmp_path) == [Path(report["prefix"], "pyvenv.cfg")]


def test_a_wheel_that_the_lock_does_not_pin_is_not_installed(make_bento, start, tmp_path):
    make_bento(lock=lambda text: text.replace("sha256:", "sha256:0000")[:-5] + "\n")
    exit_code, _, err = finish(start("toy:v1", "--isolated"))
    assert exit_code == 1
    assert "the environment of Bento toy:v1 cannot be made" in err
    assert "hash" in err.lower()
    assert "find out who changed that package" in err
    assert environments(tmp_path) == []


def test_the_last_words_of_what_failed_are_told_without_credentials(make_bento, start, tmp_path):
    missing = "--no-index\n--find-links https://user:secret@127.0.0.1:9/wheels\nno-such-package==1.0\n"
    make_bento(lock=lambda _: missing)
    exit_code, _, err = finish(start("toy:v1", "--isolated", UV_HTTP_RETRIES="0", PIP_RETRIES="0"))
    assert exit_code == 1
    assert "pip install failed (exit code" in err
    assert "no-such-package" in err or "127.0.0.1" in err
    assert "secret" not in err
    assert "Do: " in err


def test_pip_does_it_where_there_is_no_uv(make_bento, start, tmp_path):
    make_bento()
    # A Python without uv beside it, and nothing else on the path.
    plain = tmp_path / "plain"
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", "--without-pip", plain], check=True)
    process = subprocess.run(
        [plain / "bin/python", "-m", "jubako", "serve", "toy:v1", "--isolated"],
        cwd=tmp_path,
        env={
            "PATH": str(plain / "bin"),
            "HOME": os.environ.get("HOME", ""),
            "JUBAKO_HOME": str(tmp_path / "home"),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        },
        input="",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["argv"] == ["serve", "--", "bento:toy:v1"]


def test_what_is_no_bento_has_no_lock(start, tmp_path):
    (tmp_path / "service.py").write_text("raise SystemExit('imported')\nsvc = None\n")
    exit_code, _, err = finish(start("./service.py:svc", "--isolated"))
    assert exit_code == 1
    assert "'./service.py:svc' cannot be served with --isolated.\nIt is no Bento" in err
    assert "Do: build it first" in err


def test_a_bento_without_a_lock_says_so(make_bento):
    bento = make_bento()
    shutil.rmtree(bento.path / "env")
    (bento.path / "bento.yaml").unlink()
    info = BentoInfo(
        service="service:svc",
        tag=bento.tag,
        jubako_version="0.1",
        creation_time=datetime.now(UTC),
        files=digest_folder(bento.path),
    )
    write_bento_info(bento.path, info)
    with pytest.raises(CommandError, match=r"env/python lacks requirements\.lock\.txt") as caught:
        read_recipe(Bento.from_folder(bento.path))
    assert "build it again" in caught.value.do


def test_packages_of_conda_are_not_forgotten_silently(make_bento):
    with pytest.raises(CommandError, match="It needs packages of conda") as caught:
        read_recipe(make_bento(others={"env/conda/environment.yml": "dependencies: [h2o]\n"}))
    assert "jubako containerize toy:v1" in caught.value.do


def test_a_lock_that_was_changed_since_the_build_is_refused(make_bento):
    bento = make_bento()
    with (bento.path / "env/python/requirements.lock.txt").open("a") as file:
        file.write("evil==1.0\n")
    with pytest.raises(ModelDigestMismatch, match=r"requirements\.lock\.txt is damaged, or was changed"):
        read_recipe(bento)


@pytest.mark.parametrize("text", ["", "2.7.18", "three", "3.11; import os", "3.11x"])
def test_a_version_that_is_none_is_refused(make_bento, text):
    with pytest.raises(CommandError, match="names no version of Python"):
        read_recipe(make_bento(python=text))


def test_a_python_that_is_not_here_is_asked_for():
    with pytest.raises(CommandError, match=r"there is no Python 3\.99, which the Bento was built with") as caught:
        find_python("3.99", {"PATH": "/nonexistent", "HOME": "/nonexistent"})
    assert "uv python install 3.99" in caught.value.do


def test_the_python_of_another_version_is_found_on_the_path_and_with_pyenv(tmp_path):
    def script(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    # As the commands of pyenv do for a version that is not chosen.
    script(tmp_path / "shims/python3.98", "exit 127")
    answers = f"echo 3.98 {sys.implementation.name}"
    old = script(tmp_path / "pyenv/versions/3.98.9/bin/python3.98", answers)
    new = script(tmp_path / "pyenv/versions/3.98.10/bin/python3.98", answers)
    environment = {"PATH": str(tmp_path / "shims"), "PYENV_ROOT": str(tmp_path / "pyenv")}
    assert find_python("3.98", environment) == new
    shutil.rmtree(new.parents[1])
    assert find_python("3.98", environment) == old
    on_path = script(tmp_path / "bin/python3.98", answers)
    assert find_python("3.98", {**environment, "PATH": f"{tmp_path}/shims::{tmp_path}/bin"}) == on_path
    assert find_python(HERE, {}) == Path(sys.executable)


def make_folder(folder):
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").touch()
    (folder / "data").write_bytes(b"x" * 1000)


KEY = "0" * 32


def open_one(cache, key=KEY, make=make_folder):
    return cache.open(key, "toy:v1", make, lambda: None)


def test_an_environment_that_is_used_is_kept_and_one_that_is_not_goes_after_its_time(tmp_path):
    cache = Environments(tmp_path)
    folder, descriptor = open_one(cache)
    assert cache.remove_unused(0) == []
    os.close(descriptor)
    (unused,) = cache.unused(0)
    assert (unused.path, unused.made_for, unused.size_bytes >= 1000) == (folder, "toy:v1", True)
    assert cache.unused() == cache.remove_unused() == []
    assert [removed.path for removed in cache.remove_unused(0)] == [folder]
    assert list(cache.folder.iterdir()) == []


def test_an_environment_that_cannot_be_made_is_not_there(tmp_path):
    cache = Environments(tmp_path)

    def fail(folder):
        make_folder(folder)
        raise CommandError("no index")

    with pytest.raises(CommandError, match="no index"):
        open_one(cache, make=fail)
    assert [path.name for path in (cache.folder / KEY).iterdir()] == ["lock"]
    assert cache.remove_unused(0) == []
    assert list(cache.folder.iterdir()) == []


def test_one_whose_python_was_uninstalled_is_made_again(tmp_path):
    cache = Environments(tmp_path)
    folder, descriptor = open_one(cache)
    os.close(descriptor)
    (folder / "bin/python").unlink()
    again, descriptor = open_one(cache)
    os.close(descriptor)
    assert again != folder
    assert not folder.exists()


def test_environments_that_other_accounts_can_write_to_are_not_used(tmp_path):
    cache = Environments(tmp_path)
    _, descriptor = open_one(cache)
    os.close(descriptor)
    (cache.folder / KEY).chmod(0o777)
    with pytest.raises(CommandError, match="is not used: other accounts can write to it"):
        open_one(cache)


@pytest.mark.parametrize("pointer", ["", "../../elsewhere", "/", "zzzzzzzzzzzz", "0" * 12, "\0"])
def test_a_pointer_leads_nowhere_else(tmp_path, pointer):
    cache = Environments(tmp_path)
    folder, descriptor = open_one(cache)
    os.close(descriptor)
    make_folder(cache.folder / "elsewhere")
    (cache.folder / KEY / "current").write_text(pointer)
    again, descriptor = open_one(cache)
    os.close(descriptor)
    assert again.parent == folder.parent
    assert again != folder


def test_removing_follows_no_link(tmp_path):
    other = tmp_path / "other" / "0123456789ab"
    other.mkdir(parents=True)
    environments = Environments(tmp_path / "home")
    environments.folder.mkdir(parents=True)
    (environments.folder / ("0" * 32)).symlink_to(other.parent)
    assert environments.remove_unused(0) == []
    assert list(other.parent.iterdir()) == [other]
