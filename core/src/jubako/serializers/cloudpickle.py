"""`CloudpickleSerializer`: any Python object in `object.pkl`; reading one can run any code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cloudpickle

from jubako.contracts.serializer import Serializer
from jubako.errors import InvalidArgument, InvalidManifest, MissingDependency
from jubako.serializers._unpickle import unpickle_file
from jubako.stores.failures import find_disk_error

FILE_NAME = "object.pkl"


class CloudpickleSerializer(Serializer):
    """Pickles that also hold functions and classes of scripts and notebooks. Its offer says `code`."""

    def can_dump(self, model: Any) -> bool:
        """Always True: only pickling shows what cannot be pickled."""
        return True

    def dump(self, model: Any, folder: Path) -> None:
        """Write `object.pkl`."""
        dump_file(model, folder / FILE_NAME)

    def load(self, folder: Path) -> Any:
        """Unpickle `object.pkl`: the caller answers for its being trusted."""
        return load_file(folder / FILE_NAME)


def dump_file(value: Any, path: Path) -> None:
    """Write one object as a new file; large arrays and bytes go there without a copy of them in memory.

    Raises:
        InvalidArgument: the object, or something in it, cannot be pickled; the file is left as far as it was written.
        OSError: the file cannot be written.
    """
    with path.open("xb") as file:
        try:
            cloudpickle.dump(value, file)
        except Exception as error:  # the object's own code runs while it is pickled
            failure = find_disk_error(error)
            if failure is not None:
                raise failure from None
            raise InvalidArgument(
                f"{type(value).__name__} cannot be pickled.", why=f"{type(error).__name__}: {error}."
            ) from error


def load_file(path: Path) -> Any:
    """Unpickle a file: the caller answers for its being trusted.

    Raises:
        MissingDependency: the object needs a package that is not installed.
        InvalidManifest: the file cannot be unpickled.
    """
    try:
        return unpickle_file(path)
    except ModuleNotFoundError as error:
        missing = error.name or str(error)
        raise MissingDependency(
            f"{path} cannot be loaded.",
            why=f"The pickled object needs the module {missing!r}, which is not installed.",
            do=f"install what provides {missing!r}, or put it on the Python path",
        ) from error
    except Exception as error:  # the object's own code runs while it is unpickled
        raise InvalidManifest(f"{path} cannot be loaded.", why=f"{type(error).__name__}: {error}.") from error
