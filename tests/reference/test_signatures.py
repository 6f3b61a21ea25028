"""Every public function of the reference can be called here with the arguments that it takes there."""

from __future__ import annotations

import importlib
import inspect
from operator import attrgetter

import pytest

# What Jubako writes otherwise is in docs/reference-parity.md. Parameters that begin with an underscore are not listed.
SIGNATURES = {
    "Service": "name, runners=None",
    "Service.api": "self, input, output, name=None, doc=None, route=None",
    "Service.mount_asgi_app": "self, app, path='/', name=None",
    "Service.mount_wsgi_app": "self, app, path='/', name=None",
    "Service.add_asgi_middleware": "self, middleware_cls, **options",
    "Service.openapi_doc": "self",
    "Service.on_asgi_app_startup": "self",
    "Service.on_asgi_app_shutdown": "self",
    "load": "bento_identifier, working_dir=None, change_global_cwd=False",
    "Tag": "name, version=None",
    "Tag.from_str": "text",
    "Tag.from_taglike": "tag",
    "Tag.make_new_version": "self",
    "Tag.path": "self",
    "Tag.latest_path": "self",
    "get": "tag",
    "list": "tag=None",
    "delete": "tag",
    "bentos.containerize": "tag, docker_image_tag=None, *, build_args=None, labels=None, no_cache=False, platform=None",
    "Bento.path_of": "self, item",
    "Model.path_of": "self, item",
    "Model.load_runner": "self",
    "Runner": "name",
    "Runner.run": "self, *args, **kwargs",
    "Runner.run_batch": "self, *args, **kwargs",
    "Runner.async_run": "self, *args, **kwargs",
    "Runner.async_run_batch": "self, *args, **kwargs",
    "SimpleRunner": "name",
    "SimpleRunner.run": "self, *args, **kwargs",
    "SimpleRunner.async_run": "self, *args, **kwargs",
    "models.create": "name, *, module='', labels=None, options=None, custom_objects=None, metadata=None",
    "models.get": "tag",
    "models.list": "tag=None",
    "models.delete": "tag",
    "models.load_runner": "tag",
    "models.export_model": "tag, path, output_format=None",
    "models.import_model": "path, input_format=None",
    "models.push": "tag, *, force=False",
    "models.pull": "tag, *, force=False",
    "export_bento": "tag, path, output_format=None",
    "import_bento": "path, input_format=None",
    "push": "tag, *, force=False",
    "pull": "tag, *, force=False",
    "exceptions.BentoMLException": "message",
    "exceptions.InvalidArgument": "message",
    "exceptions.BadInput": "message",
    "exceptions.NotFound": "message",
    "exceptions.TooManyRequests": "message",
    "exceptions.RemoteException": "message, payload=None",
    "exceptions.APIDeprecated": "message",
    "exceptions.InternalServerError": "message",
    "exceptions.BentoMLConfigException": "message",
    "exceptions.MissingDependencyException": "message",
    "exceptions.CLIException": "message",
    "io.NumpyNdarray": "dtype=None, enforce_dtype=False, shape=None, enforce_shape=False",
    "io.NumpyNdarray.from_sample": "sample_input, enforce_dtype=True, enforce_shape=True",
    "io.JSON": "pydantic_model=None, validate_json=True, json_encoder=None",
    "io.Text": "",
    "io.PandasDataFrame": "orient='records', apply_column_names=False, columns=None, dtype=None, enforce_dtype=False, "
    "shape=None, enforce_shape=False, default_format='json'",
    "io.PandasDataFrame.from_sample": "sample_input, orient='records', apply_column_names=True, enforce_shape=True, "
    "enforce_dtype=False, default_format='json'",
    "io.PandasSeries": "orient='records', dtype=None, enforce_dtype=False, shape=None, enforce_shape=False",
    "io.Image": "pilmode='RGB', mime_type='image/jpeg'",
    "io.File": "mime_type=None",
    "io.Multipart": "**parts",
    "io.FileLike.read": "self, size=-1",
    "io.FileLike.seek": "self, position, whence=0",
    "io.FileLike.tell": "self",
    "io.FileLike.close": "self",
    "picklable_model.save": "name, obj, *, labels=None, custom_objects=None, metadata=None",
    "picklable_model.load": "tag",
    "picklable_model.load_runner": "tag, *, name=None, method_name='__call__', batch=None",
    "sklearn.save": "name, model, *, labels=None, custom_objects=None, metadata=None",
    "sklearn.load": "tag",
    "sklearn.load_runner": "tag, function_name='predict', *, name=None",
}
OF_TORCH = {
    "pytorch.save": "name, model, *, labels=None, custom_objects=None, metadata=None",
    "pytorch.load": "tag, device_id='cpu'",
    "pytorch.load_runner": "tag, *, predict_fn_name='__call__', partial_kwargs=None, name=None",
}
EVERY_STORE = {
    "_model_store": [
        "models.create",
        "models.get",
        "models.list",
        "models.delete",
        "models.verify",
        "models.export_model",
        "models.import_model",
        "models.push",
        "models.pull",
        "models.load_runner",
        "load",
    ]
    + [f"{kind}.{name}" for kind in ("picklable_model", "sklearn") for name in ("save", "load", "load_runner")],
    "_bento_store": [
        "get",
        "list",
        "delete",
        "bentos.verify",
        "build",
        "load",
        "export_bento",
        "import_bento",
        "push",
        "pull",
    ],
}
KEYWORD = inspect.Parameter.KEYWORD_ONLY
ANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def find(name: str):
    top, _, rest = name.partition(".")
    found = getattr(importlib.import_module("jubako"), top)
    return attrgetter(rest)(found) if rest else found


def differences(theirs: inspect.Signature, ours: inspect.Signature) -> list[str]:
    """What a call that fits the one signature would meet in the other."""
    found = []
    positional = [name for name, one in ours.parameters.items() if one.kind not in (KEYWORD, *ANY)]
    required = {name for name, one in ours.parameters.items() if one.default is one.empty and one.kind not in ANY}
    kinds = {one.kind for one in ours.parameters.values()}
    for place, (name, one) in enumerate(theirs.parameters.items()):
        if one.kind in ANY:
            found += [] if one.kind in kinds else [f"{name} is missing"]
        elif name not in ours.parameters:
            found.append(f"{name} is missing")
        elif one.kind != KEYWORD and positional[place : place + 1] != [name]:
            found.append(f"{name} is not the argument number {place}")
        elif one.default is not one.empty and ours.parameters[name].default != one.default:
            found.append(f"{name} is {ours.parameters[name].default!r} unless given")
    return found + [f"{name} must be given" for name in required - set(theirs.parameters)]


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_call_that_fits_the_reference_fits_here(name):
    theirs = inspect.signature(eval(f"lambda {SIGNATURES[name]}: None"))
    assert not differences(theirs, inspect.signature(find(name)))


@pytest.mark.needs("torch")
@pytest.mark.parametrize("name", OF_TORCH)
def test_a_call_that_fits_the_references_pytorch_fits_here(name):
    ours = inspect.signature(find(name))
    assert not differences(inspect.signature(eval(f"lambda {OF_TORCH[name]}: None")), ours)
    assert ours.parameters["_model_store"].kind == KEYWORD


@pytest.mark.parametrize(("argument", "name"), [(key, name) for key, names in EVERY_STORE.items() for name in names])
def test_every_function_that_needs_a_store_takes_one(argument, name):
    parameter = inspect.signature(find(name)).parameters[argument]
    assert (parameter.kind, parameter.default) == (KEYWORD, None)


def test_what_differs_is_found():
    def theirs(a, b=1, *rest, c=None, e=3, **more): ...

    def ours(b, a, d, *, c=2, **more): ...

    assert differences(inspect.signature(theirs), inspect.signature(ours)) == [
        "a is not the argument number 0",
        "b is not the argument number 1",
        "rest is missing",
        "c is 2 unless given",
        "e is missing",
        "d must be given",
    ]
