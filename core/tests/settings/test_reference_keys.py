"""The keys of BentoML's configuration file: which are the same here, and what is said of the others."""

from __future__ import annotations

import pytest

from jubako.errors import ConfigurationError
from jubako.settings import load_settings

# BentoML 1.0's own defaults, with the first key as it is here, and without what is refused below.
SAME = """
server:
  port: 3000
  host: 0.0.0.0
  backlog: 2048
  workers: 1
  metrics:
    enabled: true
  logging:
    access:
      enabled: true
      request_content_length: true
      request_content_type: true
      response_content_length: true
      response_content_type: true
  cors:
    enabled: false
    access_control_allow_origin: null
    access_control_allow_credentials: null
    access_control_allow_methods: null
    access_control_allow_headers: null
    access_control_max_age: null
    access_control_expose_headers: null
"""


def test_the_keys_that_are_the_same_mean_the_same(tmp_path):
    path = tmp_path / "jubako.yaml"
    path.write_text(SAME)
    settings = load_settings(path).server
    assert (settings.host, settings.workers, settings.cors.access_control_allow_origin) == ("0.0.0.0", 1, ())
    assert settings.cors == load_settings().server.cors
    assert settings.logging == load_settings().server.logging


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bento_server: {port: 3000}", "write server instead of bento_server"),
        ("api_server: {port: 3000}", "write server instead of api_server"),
        ("server: {timeout: 60}", "write server.timeout_s"),
        ("bento_server: {timeout: 60}", "write server instead of bento_server; write server.timeout_s"),
        ("server: {max_request_size: 20971520}", "write server.max_body_bytes"),
        ("server: {batch_options: {enabled: true}}", "write runners.batching, which holds for every runner"),
        ("server: {ngrok: {enabled: false}}", "leave server.ngrok out"),
        ("server: {metrics: {namespace: BENTOML}}", "leave server.metrics.namespace out"),
        ("runners: {logging: {access: {enabled: true}}}", "write server.logging.access"),
        ("runners: {named: {iris: {batch_options: {}}}}", "write runners.batching"),
        ("runners: {resource_quota: {cpu: 1}}", "write runners.resources"),
        ("tracing: {type: zipkin, sample_rate: 0.0}", "leave tracing out: traceparent is passed on"),
        ("yatai: {default_server: x}", "leave yatai out, and set stores.model_store and stores.bento_store"),
    ],
)
def test_a_key_that_is_another_one_here_is_refused_with_what_to_write(tmp_path, text, words):
    path = tmp_path / "jubako.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="unknown key") as caught:
        load_settings(path)
    assert caught.value.do.startswith(words)
    assert str(path) in caught.value.message


def test_the_environment_is_answered_alike():
    with pytest.raises(ConfigurationError, match=r"Do: write server\.timeout_s$"):
        load_settings(environment={"JUBAKO_SERVER__TIMEOUT": "3"})


def test_another_mistake_beside_such_a_key_is_told_too():
    with pytest.raises(ConfigurationError) as caught:
        load_settings(overrides={"server": {"timeout": 3, "port": "x"}})
    assert "server.port: expected a whole number" in caught.value.why
    assert caught.value.do == "write server.timeout_s"


def test_a_list_of_secrets_that_is_null_opens_no_server():
    with pytest.raises(ConfigurationError, match="is set, and empty"):
        load_settings(overrides={"server": {"api_keys": None}})


@pytest.mark.parametrize("name", ["jubako.yaml", "jubako.yml", "jubako.conf", "jubako"])
def test_a_file_may_have_any_name(tmp_path, name):
    (tmp_path / name).write_text("server: {port: 3001}")
    assert load_settings(tmp_path / name).server.port == 3001


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost", "::1", "iris.test"])
def test_a_host_may_be_a_name_or_any_address(host):
    assert load_settings(environment={"JUBAKO_SERVER__HOST": host}).server.host == host
