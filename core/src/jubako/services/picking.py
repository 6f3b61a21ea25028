"""`pick_service`: the Service that is meant, out of the module that defines it."""

from __future__ import annotations

import difflib
from types import ModuleType

from jubako.errors import ImportServiceError
from jubako.services.service import Service


def pick_service(module: ModuleType, attribute: str, import_string: str) -> Service:
    """Return the Service that a dotted attribute names, or the only one that the module has.

    Raises:
        ImportServiceError: there is no such attribute, it is no Service, or there are none or several to choose from.
    """
    if attribute:
        return _service_at(module, attribute, import_string)
    names = _names_of_services(module)
    if len(names) == 1:
        service: Service = vars(module)[names[0]]
        return service
    if not names:
        raise ImportServiceError(
            f"{import_string!r} has no Service.",
            why=f"{module.__file__} defines none at its top level.",
            do="define one, svc = jubako.Service(…), or name it: 'module:attribute'",
        )
    raise ImportServiceError(
        f"{import_string!r} has {len(names)} Services.",
        why=f"{module.__file__} defines {', '.join(names)}.",
        do="write " + " or ".join(repr(f"{import_string}:{name}") for name in names),
    )


def _service_at(module: ModuleType, attribute: str, import_string: str) -> Service:
    found: object = module
    parent = ""
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise ImportServiceError(
                f"{import_string!r} names no Service.",
                why=f"{module.__file__} has no {f'{parent}{name}'!r}.",
                do=_instead(module, found, parent, name, import_string),
            ) from error
        parent += f"{name}."
    if not isinstance(found, Service):
        raise ImportServiceError(
            f"{import_string!r} names no Service.",
            why=f"{attribute!r} is {_described(found)}, not a jubako.Service.",
            do=_instead(module, None, "", "", import_string),
        )
    return found


def _instead(module: ModuleType, holder: object, parent: str, name: str, import_string: str) -> str:
    """What to write instead: names of the holder that are near, else the module's Services."""
    base = import_string.rpartition(":")[0]
    near = difflib.get_close_matches(name, dir(holder), n=3) if name else []
    names = [f"{parent}{one}" for one in near] or _names_of_services(module)
    if not names:
        return "define one, svc = jubako.Service(…)"
    return "write " + " or ".join(repr(f"{base}:{one}") for one in names)


def _names_of_services(module: ModuleType) -> list[str]:
    # One that has several names is one.
    found = {id(value): name for name, value in vars(module).items() if isinstance(value, Service)}
    return sorted(found.values())


def _described(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    return f"of type {type(value).__qualname__}"
