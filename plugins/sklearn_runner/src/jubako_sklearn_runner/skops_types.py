"""What a skops archive may hold here: for each kind of node in it, the Python types or functions that it may name.

The list is fixed in this file; nothing is ever added to it from an archive. A name is on it because a fitted
scikit-learn model needs it and because neither making such an object, nor restoring its attributes, nor calling it with
any arguments, runs code that the archive brings, opens files or starts processes. Left out on purpose:

- bound methods, `operator.*`, `QuantileForest`: no model of scikit-learn needs them;
- `PyFuncDistance*`, custom scorers, kernels and transformers: they hold a Python function of the user's;
- `builtins.map`, `numpy.memmap`, types of pandas and joblib: no fitted model needs them.

Models that hold anything else are stored with joblib, as code.
"""

from __future__ import annotations

from collections.abc import Mapping


def _names(module: str, names: str) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for name in names.split())


_BUILTINS = _names("builtins", "bool bytes complex dict float int list object set str tuple")

_NUMPY_SCALARS = _names(
    "numpy",
    "bool bool_ int8 int16 int32 int64 intc intp longlong uint8 uint16 uint32 uint64 uintc uintp ulonglong float16"
    " float32 float64 longdouble complex64 complex128 str_ bytes_ datetime64 timedelta64",
)
_NUMPY_KINDS = _names("numpy", "generic number integer signedinteger unsignedinteger inexact floating object_")

_CY_LOSSES = (
    "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss CyHalfPoissonLoss"
    " CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHuberLoss CyPinballLoss"
)
# Native losses: a few numbers each. scikit-learn 1.7 says that they are of a module `_loss`, under which its own module
# stands in sys.modules.
_LOSSES = (
    _names("sklearn._loss._loss", _CY_LOSSES)
    | _names("_loss", _CY_LOSSES)
    | _names(
        "sklearn.linear_model._sgd_fast",
        "EpsilonInsensitive Hinge ModifiedHuber SquaredEpsilonInsensitive SquaredHinge",
    )
)

_LOSS_WRAPPERS = _names(
    "sklearn._loss.loss",
    "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss"
    " HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss",
) | _names("sklearn._loss.link", "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit")

# Numbers for the distances that neighbour trees are built on; not PyFuncDistance, which calls a Python function.
_DISTANCES = frozenset(
    f"{distance}{bits}"
    for distance in _names(
        "sklearn.metrics._dist_metrics",
        "BrayCurtisDistance CanberraDistance ChebyshevDistance DiceDistance EuclideanDistance HammingDistance"
        " HaversineDistance JaccardDistance MahalanobisDistance ManhattanDistance MinkowskiDistance"
        " RogersTanimotoDistance RussellRaoDistance SEuclideanDistance SokalMichenerDistance SokalSneathDistance",
    )
    for bits in (32, 64)
)

# Their arrays are read by compiled code without bounds checks; `native_arrays` checks them after loading.
_NEIGHBOUR_TREES = _names("sklearn.neighbors._kd_tree", "KDTree KDTree32 KDTree64") | _names(
    "sklearn.neighbors._ball_tree", "BallTree BallTree32 BallTree64"
)
_TREE_PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
_TREE = "sklearn.tree._tree.Tree"

_KERNELS = _names(
    "sklearn.gaussian_process.kernels",
    "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Matern PairwiseKernel Product RBF"
    " RationalQuadratic Sum WhiteKernel",
)

# Kept by models that were fitted by a search; plain settings.
_SPLITTERS = _names(
    "sklearn.model_selection._split",
    "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut LeavePGroupsOut LeavePOut PredefinedSplit"
    " RepeatedKFold RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit"
    " TimeSeriesSplit",
)
_SCORERS = _names("sklearn.metrics._scorer", "_CurveScorer _MultimetricScorer _PassthroughScorer _Scorer")

# Private parts of public estimators.
_PARTS = frozenset(
    {
        "scipy.interpolate._bsplines.BSpline",
        "scipy.interpolate._bsplines._BSpline",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.cluster._bisect_k_means._BisectingTree",
        "sklearn.compose._column_transformer._RemainderColsList",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.multiclass._ConstantPredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.utils._metadata_requests.MetadataRequest",
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
        # Public, but named by `all_estimators` only once an experimental module was imported.
        "sklearn.impute._iterative.IterativeImputer",
        "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
        "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
    }
)

# Pure functions of arrays.
_FUNCTIONS = (
    _names("numpy", "amax amin max mean median min sum")
    | _names("sklearn.cluster._kmeans", "_kmeans_single_elkan _kmeans_single_lloyd")
    | _names("sklearn.feature_selection._mutual_info", "mutual_info_classif mutual_info_regression")
    | _names("sklearn.feature_selection._univariate_selection", "chi2 f_classif f_oneway f_regression r_regression")
    | _names(
        "sklearn.metrics._classification",
        "accuracy_score balanced_accuracy_score brier_score_loss d2_brier_score d2_log_loss_score f1_score"
        " jaccard_score log_loss matthews_corrcoef precision_score recall_score",
    )
    | _names("sklearn.metrics._ranking", "average_precision_score roc_auc_score top_k_accuracy_score")
    | _names(
        "sklearn.metrics._regression",
        "d2_absolute_error_score explained_variance_score max_error mean_absolute_error mean_absolute_percentage_error"
        " mean_gamma_deviance mean_poisson_deviance mean_squared_error mean_squared_log_error median_absolute_error"
        " r2_score root_mean_squared_error root_mean_squared_log_error",
    )
    | _names("sklearn.metrics._scorer", "negative_likelihood_ratio positive_likelihood_ratio")
    | _names(
        "sklearn.metrics.cluster._supervised",
        "adjusted_mutual_info_score adjusted_rand_score completeness_score fowlkes_mallows_score homogeneity_score"
        " mutual_info_score normalized_mutual_info_score rand_score v_measure_score",
    )
    | {
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "sklearn.utils.validation.check_array",
    }
)

_SPARSE = frozenset(
    f"scipy.sparse._{layout}.{layout}_{kind}"
    for layout in ("bsr", "coo", "csc", "csr", "dia")
    for kind in ("array", "matrix")
)

OBJECTS = _DISTANCES | _KERNELS | _LOSS_WRAPPERS | _NEIGHBOUR_TREES | _PARTS | _SCORERS | _SPLITTERS | {_TREE_PREDICTOR}
"""What may be an object with attributes, besides the public estimators of the installed scikit-learn."""

BIT_GENERATORS = frozenset({"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"})
"""The random number generators of numpy; an archive names one by a text that is called when it is read."""

NODES: Mapping[str, frozenset[str]] = {
    "BytesNode": frozenset({"builtins.bytes"}),
    "DTypeNode": frozenset({"numpy.dtype"}),
    "DefaultDictNode": frozenset({"collections.defaultdict"}),
    "DictNode": frozenset({"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"}),
    "FunctionNode": _FUNCTIONS,
    "JsonNode": frozenset({"builtins.str"}),
    "ListNode": frozenset({"builtins.list"}),
    "LossNode": _LOSSES,
    "MaskedArrayNode": frozenset({"numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"}),
    "NdArrayNode": _NUMPY_SCALARS | {"numpy.ndarray"},
    "ObjectNode": OBJECTS,
    "PartialNode": frozenset({"functools.partial"}),
    "RandomGeneratorNode": frozenset({"numpy.random._generator.Generator"}),
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
    "SetNode": frozenset({"builtins.set"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "SparseMatrixNode": _SPARSE,
    "TreeNode": frozenset({_TREE}),
    "TupleNode": frozenset({"builtins.tuple", "sklearn.impute._iterative._ImputerTriplet"}),
    "TypeNode": _BUILTINS | _NUMPY_SCALARS | _NUMPY_KINDS,
}
"""Kind of node in an archive → what such a node may name. A kind that is not here is refused."""


LISTED = frozenset[str]().union(*NODES.values())
"""Every name on the list."""
