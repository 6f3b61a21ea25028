"""Saves, looks at and deletes models and Bentos, as the reference says."""

import sys
from pathlib import Path

import jubako as bentoml
from jubako.exceptions import BentoMLException, NotFound


def refuses(function, argument, error=BentoMLException):
    try:
        function(argument)
    except error:
        return True
    return False


def check(claim):
    if not claim:
        raise SystemExit("it is not as the reference says")


with bentoml.models.create(
    "iris_clf",
    module="",
    labels={"stage": "dev"},
    options={"a": 1},
    custom_objects={"names": ["x"]},
    metadata={"acc": 0.9},
) as model:
    Path(model.path_of("weights.txt")).write_text("0.5")
check(bentoml.Tag.from_taglike(model.tag) is model.tag)

asked = bentoml.Tag.from_str("iris_clf:latest")
model = bentoml.models.get(asked)
check(model.tag == bentoml.Tag("iris_clf", model.tag.version) and len(model.tag.version) == 16)
check(model.info.labels == {"stage": "dev"} and model.info.metadata["acc"] == 0.9 and model.info.options["a"] == 1)
check(model.info.api_version == "v1" and model.info.tag == model.tag)
check(model.creation_time == model.info.creation_time)
check(model.custom_objects["names"] == ["x"])
check(Path(model.path_of("weights.txt")).is_file() and Path(model.path, "model.yaml").is_file())
check(str(model.tag.path()) == f"iris_clf/{model.tag.version}" and str(asked.latest_path()) == "iris_clf/latest")
check(bentoml.models.list() == bentoml.models.list("iris_clf") == bentoml.models.list(model.tag) == [model])
check(bentoml.models.list("iris_clf:other") == [])
check({model: 1}[bentoml.models.get("iris_clf")] == 1)

bento = bentoml.build(
    "service:svc",
    labels={"team": "x"},
    description="# Echo",
    additional_models=["iris_clf:latest"],
)
check(bentoml.get("echo").tag == bentoml.get(bento.tag).tag == bentoml.get("echo:latest").tag == bento.tag)
check(bento.doc.strip() == "# Echo" and bento.info.labels == {"team": "x"})
check(bento.info.models[0].tag == model.tag)
check(Path(bento.path_of("bento.yaml")).exists() and [each.tag for each in bentoml.list()] == [bento.tag])

bentoml.delete(str(bento.tag))
bentoml.models.delete("iris_clf")
check(all(refuses(function, "echo", NotFound) for function in (bentoml.get, bentoml.list, bentoml.delete)))
check(refuses(bentoml.models.get, "iris_clf", NotFound))
check(refuses(bentoml.Tag, "no tag") and refuses(bentoml.Tag.from_str, "a:"))
sys.stdout.write("done\n")
