"""The reference's quickstart: a scikit-learn classifier, saved, loaded as a runner, and served."""

from __future__ import annotations

PROGRAM = "quickstart"

# What the classifier itself predicts, as every later answer has to be.
FLOWERS = [[5.1, 3.5, 1.4, 0.2], [5.9, 3.0, 5.1, 1.8], [6.0, 2.9, 4.5, 1.5]]
KINDS = [0, 2, 1]


def test_one_flower_is_classified(client):
    assert [client.post("/classify", json=flower).json() for flower in FLOWERS] == KINDS


def test_many_flowers_are_classified_at_once(client):
    assert client.post("/classify_batch", json=FLOWERS).json() == KINDS


def test_a_custom_route_checks_the_shape_of_its_sample(client):
    assert client.post("/v1/models/iris/predict", json=FLOWERS[:1]).json() == KINDS[:1]
    assert client.post("/v1/models/iris/predict", json=[[1.0, 2.0]]).status_code == 400


def test_the_page_and_the_document_are_there(client):
    assert "iris_classifier" in client.get("/").text
    assert "/v1/models/iris/predict" in client.get("/docs.json").json()["paths"]


def test_a_script_gets_the_same_answers(script):
    code = f"import service; print([int(service.iris_clf_runner.run(flower)) for flower in {FLOWERS}])"
    assert script(f"import numpy as np\n{code.replace('run(flower)', 'run(np.array(flower))')}") == f"{KINDS}\n"
    loaded = "import jubako as bentoml\nsvc = bentoml.load('service.py:svc')\n"
    assert script(loaded + f"print(svc.apis['classify'].func({FLOWERS[1]}))") == "2\n"
