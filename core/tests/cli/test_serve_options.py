"""The options of `jubako serve`, as far as they are judged before anything is served."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--production", "A service is always served as in production. Leave it out; --reload is for development."),
        ("--ngrok", "No tunnel is opened. Leave it out."),
        ("--run-with-ngrok", "No tunnel is opened. Leave it out."),
    ],
)
def test_an_option_of_bentoml_that_would_do_nothing_is_refused_with_what_to_do(jubako, option, words):
    done = jubako("serve", "service.py:svc", option)
    assert done.exit_code == 2
    assert f"there is no option {option}. {words}" in done.stderr
    assert option not in jubako("serve", "--help").stdout


def test_a_delay_of_the_reload_without_reload_is_refused(jubako):
    done = jubako("serve", "service.py:svc", "--reload-delay", "1")
    assert done.exit_code == 2
    assert "--reload-delay is for --reload, which is not given." in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("--workers", "0"), ("--workers", "257"), ("--backlog", "0"), ("--port", "65536"), ("--reload-delay", "-1")],
)
def test_a_number_out_of_range_is_an_error_of_the_command_line(jubako, arguments):
    done = jubako("serve", "service.py:svc", *arguments)
    assert done.exit_code == 2
    assert "is not in the range" in done.stderr


def test_every_option_that_is_a_setting_says_what_holds_without_it(jubako):
    text = " ".join(jubako("serve", "--help").stdout.split())
    for part in ("127.0.0.1 if not set", "3000 if not set", "2048 if not set", "API workers; 1 if not set", "0.25"):
        assert part in text
