"""`JoblibSerializer`: any estimator as one pickle with its arrays. Reading it can run code, so its trust is `code`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib

from jubako.contracts.serializer import Serializer
from jubako.errors import InvalidArgument, InvalidManifest

_FILE = "model.joblib"


class JoblibSerializer(Serializer):
    """Writes `model.joblib`. Only `jubako.models` loads with it, after the digest was found trusted."""

    def can_dump(self, model: Any) -> bool:
        """Any object with methods of an estimator; not a class."""
        return hasattr(model, "fit") and not isinstance(model, type)

    def dump(self, model: Any, folder: Path) -> None:
        """Write the pickle.

        Raises:
            InvalidArgument: part of the model cannot be pickled, such as a lambda.
        """
        try:
            joblib.dump(model, folder / _FILE)
        # Foreign code: any class of the model may define how it is pickled.
        except Exception as error:
            raise InvalidArgument(
                f"{type(model).__name__} cannot be kept as joblib.",
                why=f"{type(error).__name__}: {error}",
                do="replace lambdas and local functions in the model by functions of a module",
            ) from error

    def load(self, folder: Path) -> Any:
        """Unpickle the model; runs whatever code the file brings.

        Raises:
            InvalidManifest: there is no such file, or it cannot be read, for instance because a module that the model
                was saved with is missing here.
        """
        try:
            return joblib.load(folder / _FILE)
        # Foreign code, as above.
        except Exception as error:
            raise InvalidManifest(
                f"{_FILE} cannot be read.",
                why=f"{type(error).__name__}: {error}",
                do="install the packages that the model was saved with; model.yaml lists them",
            ) from error
