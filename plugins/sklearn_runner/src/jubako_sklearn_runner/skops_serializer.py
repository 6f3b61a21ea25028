"""`SkopsSerializer`: models of scikit-learn as a skops archive, from types on a fixed list. Reading it runs no code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import skops.io
from sklearn.base import BaseEstimator
from skops.io.exceptions import UntrustedTypesFoundException

from jubako.contracts.serializer import Serializer
from jubako.errors import InvalidArgument, InvalidManifest, JubakoError, ModelNotTrusted
from jubako_sklearn_runner.native_arrays import check_native_arrays
from jubako_sklearn_runner.object_graph import first_difference
from jubako_sklearn_runner.skops_archive import check_archive

_FILE = "model.skops"


class SkopsSerializer(Serializer):
    """Writes `model.skops`; a model that does not come back equal in every part is refused when it is saved.

    Three gates, one after the other, and no second try: our list over the archive (`skops_archive`), skops' own audit
    with names of that list, and the bounds of arrays that compiled code indexes with (`native_arrays`).
    """

    def can_dump(self, model: Any) -> bool:
        """Any estimator."""
        return isinstance(model, BaseEstimator)

    def dump(self, model: Any, folder: Path) -> None:
        """Write the archive, read it back and compare.

        Raises:
            InvalidArgument: the model holds types that are not on the list, such as the user's own classes, or would
                not come back as it is.
        """
        mistake = f"{type(model).__name__} cannot be kept as skops."
        try:
            skops.io.dump(model, folder / _FILE)
            difference = first_difference(model, self.load(folder))
        except ModelNotTrusted as error:
            why = f"{error.message.replace(_FILE, 'The model', 1)} Only types of scikit-learn's own are kept."
            raise InvalidArgument(mistake, why=why, do="store it as joblib, which is code") from error
        except JubakoError as error:
            raise InvalidArgument(mistake, why=error.message, do="store it as joblib, which is code") from error
        # Foreign code: skops asks every class in the model for its state.
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise InvalidArgument(mistake, why=why, do="store it as joblib, which is code") from error
        if difference is not None:
            raise InvalidArgument(
                mistake, why=f"{difference} would come back changed.", do="store it as joblib, which is code"
            )

    def load(self, folder: Path) -> Any:
        """Read the model.

        Raises:
            ModelNotTrusted: the archive names what is not on the list, or its arrays point outside themselves.
            InvalidManifest: it is no skops archive, or damaged.
        """
        path = folder / _FILE
        trusted = check_archive(path)
        try:
            model = skops.io.load(path, trusted=trusted)
        except UntrustedTypesFoundException as error:
            raise ModelNotTrusted(
                f"{_FILE} holds types that skops does not trust.", why=str(error)[:500], do="save the model again"
            ) from error
        # Foreign code: the restored objects set their own state, and refuse damaged state in ways of their own.
        except Exception as error:
            raise InvalidManifest(
                f"{_FILE} cannot be read.",
                why=f"{type(error).__name__}: {error}"[:500],
                do="save the model again, or install the scikit-learn that model.yaml names",
            ) from error
        if not isinstance(model, BaseEstimator):
            raise InvalidManifest(f"{_FILE} holds a {type(model).__name__}, no estimator.", do="save the model again")
        check_native_arrays(model)
        return model
