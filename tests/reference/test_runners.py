"""Custom runners: with and without batches, sync and async, tuples, and a model whose class is beside the service."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

PROGRAM = "runners"
TEXT = {"content-type": "text/plain"}


@pytest.mark.parametrize("path", ["/scale_sync", "/scale_async"])
def test_a_custom_runner_answers_sync_and_async_functions_alike(client, path):
    assert client.post(path, json=[1.0, 2.0]).json() == [3.0, 6.0]


@pytest.mark.parametrize("path", ["/scale_sync", "/scale_async"])
def test_each_of_many_clients_gets_its_own_answer(client, path):
    def ask(number):
        return client.post(path, json=[number, 1.0]).json()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(40))) == [[3.0 * number, 3.0] for number in range(40)]


def test_a_batch_takes_keyword_arguments(client):
    assert client.post("/scale_all", json=[[1.0], [2.0]]).json() == [[4.0], [7.0]]


def test_tuples_are_answered_for_one_and_for_many(client):
    assert client.post("/spread_all", json=[[1, 5, 3], [2, 2, 2]]).json() == {"low": [1, 2], "high": [5, 2]}
    assert client.post("/spread_one", json=[1, 5, 3]).json() == [1.0, 5.0]


def test_a_simple_runner_takes_what_it_is_given(client):
    assert client.post("/shout_sync", content="hey", headers=TEXT).text == "HEY!!"
    assert client.post("/shout_async", content="hey", headers=TEXT).text == "HEY!!"


def test_a_runner_of_a_picklable_model_takes_any_value(client):
    assert client.post("/scale_value", json="ab").json() == "ababab"
    assert client.post("/scale_value", json=7).json() == 21


def test_a_server_that_reloads_gives_the_same_answers(reloading_client):
    assert reloading_client.post("/scale_sync", json=[1.0, 2.0]).json() == [3.0, 6.0]
    assert reloading_client.post("/spread_all", json=[[1, 5, 3]]).json() == {"low": [1], "high": [5]}
    assert reloading_client.post("/shout_async", content="hey", headers=TEXT).text == "HEY!!"
    assert reloading_client.post("/scale_value", json="ab").json() == "ababab"


def test_a_script_gets_the_same_answers(script):
    code = (
        "import numpy as np, service\n"
        "print(service.scale.run(np.array([1.0, 2.0])).tolist())\n"
        "print(service.scale.run_batch(np.array([[1.0], [2.0]]), offset=1).tolist())\n"
        "print([part.tolist() for part in service.spread.run_batch(np.array([[1, 5, 3], [2, 2, 2]]))])\n"
        "print(service.shout.run('hey', times=2), service.ready_made.run('ab'))\n"
    )
    assert script(code).splitlines() == ["[3.0, 6.0]", "[[4.0], [7.0]]", "[[1, 2], [5, 2]]", "HEY!! ababab"]


def test_a_program_elsewhere_that_loads_the_service_gets_the_same_answers(script):
    code = (
        "import os, sys\n"
        "folder = os.getcwd()\n"
        "os.chdir('/')\n"
        "import jubako as bentoml\n"
        "import numpy as np\n"
        "svc = bentoml.load('service.py:svc', working_dir=folder)\n"
        "print(svc.runners['scale'].run(np.array([1.0, 2.0])).tolist())\n"
        "print(svc.apis['scale_value'].func('ab'), svc.apis['shout_sync'].func('hey'))\n"
        "print(os.getcwd(), folder in sys.path, 'scaler' in sys.modules)\n"
    )
    assert script(code).splitlines() == ["[3.0, 6.0]", "ababab HEY!!", "/ False False"]
