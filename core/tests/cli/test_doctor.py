"""`jubako doctor`: what each check of the core finds, and what it says to do."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime, timedelta

import pytest

from jubako.cli.checks.clock import check_time
from jubako.cli.checks.packages import check_distribution
from jubako.cli.checks.python import check_version
from jubako.contracts.command import CheckResult, CheckStatus
from jubako.errors import InvalidArgument
from jubako.settings import ServerSettings, Settings, StoreSettings
from jubako.testing import CheckTests

CORE = ["python", "packages", "plugins", "home", "stores", "trust", "port", "machine", "clock"]


@pytest.fixture
def doctor(jubako):
    """Return a function that runs some checks, and returns what they find by status, with the exit code."""

    def run(*names, **environment):
        done = jubako("doctor", *names, "--json", JUBAKO_PLUGINS="", **environment)
        found = {status: [] for status in ("ok", "warn", "fail")}
        for each in json.loads(done.stdout)["findings"]:
            found[each["status"]].append((each["found"], each["do"]))
        return found, done.exit_code

    return run


def test_everything_is_looked_at_in_one_table(jubako):
    done = jubako("doctor", JUBAKO_SERVER__PORT="0", JUBAKO_PLUGINS="")
    rows = done.stdout.splitlines()
    assert rows[0].split() == ["STATUS", "CHECK", "FOUND"]
    checks = [row.split()[1] for row in rows[1:-2]]
    assert list(dict.fromkeys(checks)) == CORE
    assert rows[-1].endswith(" fail")
    assert done.exit_code == 0, done.stdout


def test_quiet_writes_only_what_fails(jubako, tmp_path):
    (tmp_path / "home").write_text("")
    assert jubako("doctor", "-q", "clock").stdout == ""
    done = jubako("doctor", "-q", "home", "clock")
    assert done.stdout == f"home: {tmp_path / 'home'} is no folder.\n"
    assert done.exit_code == 1


def test_an_unknown_check_is_answered_with_all(jubako):
    done = jubako("doctor", "hoem")
    assert done.exit_code == 1
    assert "Error: there is no check 'hoem'.\nChecks are clock, home," in done.stderr


def test_a_home_that_is_not_there_is_no_fault(doctor, tmp_path):
    found, code = doctor("home")
    assert (f"{tmp_path / 'home'} is not there yet, and can be made.", None) in found["ok"]
    assert (code, found["fail"]) == (0, [])


@pytest.mark.skipif(os.name != "posix", reason="there are no modes")
def test_a_home_that_others_can_write_to_is_a_warning(doctor, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    found, _ = doctor("home")
    assert (
        f"Others than you can write to {home}, and so change models.",
        f"chown $USER {home} && chmod go-w {home}",
    ) in found["warn"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_to_fails(doctor, tmp_path):
    (tmp_path / "home").mkdir(mode=0o500)
    found, code = doctor("home")
    assert code == 1
    assert found["fail"][0][0] == f"{tmp_path / 'home'} cannot be written to."


def test_a_manifest_that_cannot_be_read_fails(doctor, tmp_path):
    for version in ("1", "2"):
        folder = tmp_path / "home" / "models" / "iris" / version
        folder.mkdir(parents=True)
        (folder / "model.yaml").write_text("- no manifest")
    found, code = doctor("stores")
    assert code == 1
    assert found["fail"] == [
        ("2 of 2 models cannot be read: iris:1, iris:2.", "see what is wrong with them: jubako models verify")
    ]
    assert ("0 Bentos can be read.", None) in found["ok"]


def test_leftovers_are_a_warning(doctor, tmp_path):
    (tmp_path / "home" / "models" / ".trash-0123").mkdir(parents=True)
    found, _ = doctor("stores")
    assert found["warn"] == [
        (
            "1 leftovers of unfinished work are among the models.",
            "see them with jubako gc --dry-run, and remove them with jubako gc",
        )
    ]


def test_a_store_that_no_plugin_offers_fails(doctor):
    found, code = doctor("stores", JUBAKO_MODEL_STORE="sftp://host/models")
    assert code == 1
    assert found["fail"][0][0].startswith("The stores cannot be opened: there is no store type 'sftp'.")


@pytest.mark.skipif(os.name != "posix", reason="there are no modes")
def test_a_list_of_trusted_models_that_others_could_have_written_fails(doctor, tmp_path):
    trust = tmp_path / "home" / ".store" / "trust"
    trust.parent.mkdir(parents=True, mode=0o700)
    trust.write_text("")
    trust.chmod(0o666)
    found, code = doctor("trust")
    assert code == 1
    ((words, remedy),) = found["fail"]
    assert words.startswith(f"{trust} is not used. Others than you could have written to it")
    assert f"chmod 600 {trust}" in remedy


def test_a_port_that_is_taken_is_a_warning(doctor):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found, code = doctor("port", JUBAKO_SERVER__PORT=str(port))
    assert found["warn"] == [(f"127.0.0.1:{port} is in use.", "stop what uses it, or serve with another --port")]
    assert code == 0


def test_an_address_of_another_machine_fails(doctor):
    found, code = doctor("port", JUBAKO_SERVER__HOST="192.0.2.1")
    assert code == 1
    assert found["fail"][0][0].startswith("192.0.2.1:3000 cannot be bound: ")


def test_limits_are_compared_with_what_the_settings_ask_for(doctor):
    found, _ = doctor("machine", JUBAKO_SERVER__MAX_CONNECTIONS="1000000000")
    assert any("server.max_connections is 1000000000" in words for words, _ in found["warn"]) or any(
        "Enough files" in words for words, _ in found["ok"]
    )


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ((3, 11, 12), "The tarfile module of Python 3.11.12 lets archives write outside of their folder"),
        ((3, 13, 3), "The tarfile module of Python 3.13.3"),
        ((3, 99, 0), "Jubako is not tested with Python 3.99.0."),
    ],
)
def test_pythons_that_are_old_or_unknown_are_warnings(version, words):
    warned = [result for result in check_version(version) if result.status is CheckStatus.WARN]
    assert warned[0].found.startswith(words)


def test_a_python_that_is_mended_is_fine():
    assert [result.status for result in check_version((3, 12, 11))] == [CheckStatus.OK]


def test_a_package_of_another_version_than_asked_for_fails(site):
    site.install("needy", version="1.0")
    metadata = site.folder / "needy-1.0.dist-info" / "METADATA"
    lines = [
        "Requires-Dist: numpy>=999",
        "Requires-Dist: nowhere-to-be-found",
        'Requires-Dist: click<1; extra == "old"',
    ]
    metadata.write_text(metadata.read_text() + "\n".join([*lines, 'Requires-Dist: no; python_version < "3"', ""]))
    found = list(check_distribution("needy"))
    assert [(result.status, result.do) for result in found] == [
        (CheckStatus.FAIL, "pip install 'numpy>=999'"),
        (CheckStatus.FAIL, "pip install 'nowhere-to-be-found'"),
        (CheckStatus.WARN, "pip install 'click<1'"),
    ]
    assert found[0].found.startswith("needy needs numpy>=999; numpy is ")
    assert found[1].found == "needy needs nowhere-to-be-found; nowhere-to-be-found is not installed."


def test_a_clock_that_shows_the_past_fails(tmp_path):
    result = check_time(datetime(1970, 1, 1, tzinfo=UTC), tmp_path)
    assert (result.status, result.found) == (
        CheckStatus.FAIL,
        "The clock shows 1970-01-01 00:00 UTC, which is long past.",
    )


def test_a_clock_behind_what_was_stored_is_a_warning(tmp_path):
    (tmp_path / "models" / "iris").mkdir(parents=True)
    now = datetime.fromtimestamp((tmp_path / "models" / "iris").stat().st_mtime, UTC)
    assert check_time(now, tmp_path).status is CheckStatus.OK
    assert "something was stored on" in check_time(now - timedelta(days=3), tmp_path).found


def test_a_result_that_is_not_ok_says_what_to_do():
    with pytest.raises(InvalidArgument, match=r"a check's result warn needs what to do about 'It is late\.'"):
        CheckResult("warn", "It is late.")


class CoreCheckTests(CheckTests):
    """With a port of its own choice: another process may use the usual one."""

    def settings(self, home):
        return Settings(stores=StoreSettings(home=home), server=ServerSettings(port=0))


for name in CORE:
    globals()[f"Test{name.capitalize()}"] = type(f"Test{name.capitalize()}", (CoreCheckTests,), {"name": name})
