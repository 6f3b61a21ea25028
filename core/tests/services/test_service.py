from __future__ import annotations

import functools

import pytest

from jubako.errors import InvalidArgument
from jubako.io import JSON, Text
from jubako.runners import Runner, SimpleRunner
from jubako.server.endpoints import PATHS
from jubako.services import Service


class Doubling(Runner):
    def _setup(self):
        pass

    def _run_batch(self, rows):
        return [2 * row for row in rows]


class Echoing(SimpleRunner):
    def _setup(self):
        pass

    def _run(self, value):
        return value


def say(value):
    """Say it again.

    At length.
    """
    return value


def add(service, func=say, **arguments):
    return service.api(**{"input": JSON(), "output": JSON(), **arguments})(func)


def refusal(func=say, **arguments):
    with pytest.raises(InvalidArgument) as caught:
        add(Service("toy"), func, **arguments)
    return str(caught.value)


@pytest.mark.parametrize("name", ["toy", "my-service", "my.service", "my_service", "7"])
def test_every_name_of_a_tag_names_a_service(name):
    service = Service(name)
    add(service)
    assert service.name == name
    assert service.openapi_doc()["info"]["title"] == name


def test_an_upper_case_name_is_lowered_with_a_warning_at_the_users_line():
    with pytest.warns(UserWarning, match="'toy'") as caught:
        assert Service("Toy").name == "toy"
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ["", "a b", "ä", "-x", None, 3])
def test_what_is_no_tag_names_no_service(name):
    with pytest.raises(InvalidArgument):
        Service(name)


def test_apis_belong_to_one_service():
    one, other = Service("one"), Service("other")
    add(one)
    add(other)
    assert list(one.apis) == list(other.apis) == ["say"]
    assert one.apis["say"] is not other.apis["say"]


def test_the_decorator_returns_the_function_itself():
    assert add(Service("toy")) is say


def test_names_docs_and_routes_come_from_the_function_unless_given():
    service = Service("toy")
    add(service)
    add(service, name="other", doc="Doc.", route="/v1/other")
    assert [(api.name, api.route, api.doc) for api in service.apis.values()] == [
        ("say", "say", say.__doc__),
        ("other", "v1/other", "Doc."),
    ]


def test_a_leading_slash_of_a_route_means_the_same():
    service = Service("toy")
    add(service, route="/v1/say")
    with pytest.raises(InvalidArgument, match="have one route, '/v1/say'"):
        add(service, name="again", route="v1/say")


def test_coroutine_functions_are_known_in_every_disguise():
    async def later(value):
        return value

    class Later:
        async def __call__(self, value):
            return value

    service = Service("toy")
    add(service)
    add(service, later)
    add(service, functools.partial(later), name="partial")
    add(service, Later(), name="object")
    assert [api.is_async for api in service.apis.values()] == [False, True, True, True]


@pytest.mark.parametrize("name", ["naïve", "_private", "Upper", "swagger_ui", "index", "swagger", "docs", "class"])
def test_every_identifier_names_an_api(name):
    service = Service("toy")
    add(service, name=name)
    assert list(service.apis) == [name]


@pytest.mark.parametrize("name", ["metrics", "healthz", "livez", "readyz"])
def test_the_servers_own_names_are_reserved(name):
    assert "the server uses" in refusal(name=name).lower()
    assert "answers there itself" in refusal(name="fine", route=f"/{name}")


@pytest.mark.parametrize("name", ["", "two words", "1st", "a-b", 3])
def test_what_is_no_identifier_names_no_api(name):
    assert "identifier" in refusal(name=name)


def test_a_lambda_needs_a_name():
    assert "name=" in refusal(lambda value: value)


@pytest.mark.parametrize(
    "route",
    [
        "",
        "/",
        "//a",
        "a//b",
        "a/",
        "a?b",
        "a#b",
        "a b",
        "a%20b",
        ":a",
        "../a",
        "a/./b",
        "a\nb",
        "static_content/x",
    ],
)
def test_routes_that_are_no_path_are_refused(route):
    assert "route" in refusal(route=route)


def test_a_name_twice_is_refused():
    service = Service("toy")
    add(service)
    with pytest.raises(InvalidArgument, match="has an API 'say' already"):
        add(service)


def test_a_class_where_a_descriptor_belongs_is_answered_with_the_call():
    assert "write input=JSON()" in refusal(input=JSON)
    assert "jubako.io" in refusal(output="json")


def test_runners_are_known_by_name():
    doubling, echoing = Doubling(), Echoing("echo")
    assert Service("toy", runners=[doubling, echoing]).runners == {"Doubling": doubling, "echo": echoing}


def test_two_runners_of_one_name_are_refused():
    with pytest.raises(InvalidArgument, match="two runners named 'Doubling'"):
        Service("toy", runners=[Doubling(), Doubling()])


@pytest.mark.parametrize("runner", [Doubling, "iris:latest", None, object()])
def test_what_is_no_runner_is_refused(runner):
    with pytest.raises(InvalidArgument, match=r"cannot be a runner of Service 'toy'[\s\S]*load_runner"):
        Service("toy", runners=[runner])


def test_a_runner_instead_of_a_list_is_refused_with_the_list():
    with pytest.raises(InvalidArgument, match=r"\[Doubling\]"):
        Service("toy", runners=Doubling())


def test_a_service_reads_as_what_it_was_made_from():
    assert repr(Service("toy", runners=[Doubling()])) == "jubako.Service(name='toy', runners=[Doubling])"


def test_the_openapi_document_describes_every_api():
    service = Service("toy")
    add(service, input=Text(), route="/v1/say")
    document = service.openapi_doc()
    operation = document["paths"]["/v1/say"]["post"]
    assert document["openapi"].startswith("3.1")
    assert operation["summary"] == "Say it again."
    assert operation["operationId"] == "toy__say"
    assert operation["requestBody"]["content"] == {"text/plain": {"schema": {"type": "string"}}}
    assert set(operation["responses"]) >= {"200", "400", "413", "415", "429", "500", "503", "504"}
    assert {"/healthz", "/livez", "/readyz", "/metrics"} < set(document["paths"])


def test_definitions_of_models_stand_in_the_documents_components():
    pydantic = pytest.importorskip("pydantic")

    def model_with(inner_type):
        inner = pydantic.create_model("Inner", value=(inner_type, ...))
        return pydantic.create_model("Outer", inner=(inner, ...))

    service = Service("toy")
    add(service, input=JSON(model_with(int)), output=JSON(model_with(str)))
    document = service.openapi_doc()
    content = document["paths"]["/say"]["post"]
    reference = content["requestBody"]["content"]["application/json"]["schema"]["properties"]["inner"]["$ref"]
    other = content["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["inner"]["$ref"]
    schemas = document["components"]["schemas"]
    assert schemas[reference.rpartition("/")[2]]["properties"]["value"]["type"] == "integer"
    assert schemas[other.rpartition("/")[2]]["properties"]["value"]["type"] == "string"
    assert "$defs" not in str(document)


def test_the_document_and_the_reserved_routes_know_every_path_of_the_server():
    described = {path for path, item in Service("toy").openapi_doc()["paths"].items() if "get" in item}
    assert described == set(PATHS) - {"/", "/docs.json"}
    for path in PATHS:
        assert "route" in refusal(name="fine", route=path)
