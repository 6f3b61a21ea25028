"""Trees of tensors: what models take and return, as nested tuples, named tuples, lists and mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils import _pytree as pytree

# torch's own trees know every container that it takes for one itself (named tuples, ordered and default dictionaries,
# the output classes that libraries of models have registered), which a walk written here would not. The module is the
# one that torch.export's documentation tells its users to register theirs in (`register_dataclass` goes there too).


def map_tensors(function: Callable[[torch.Tensor], Any], tree: Any) -> Any:
    """The tree with each tensor replaced by what `function` says; other leaves stay as they are."""
    if isinstance(tree, torch.Tensor):
        return function(tree)
    return pytree.tree_map_only(torch.Tensor, function, tree)


def tensors_of(tree: Any) -> Iterator[torch.Tensor]:
    """The tensors of a tree, in order."""
    return (leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor))


def rows_of(tree: Any) -> int:
    """The rows of the first tensor that has a first axis; 1 if there is none."""
    return next((int(tensor.shape[0]) for tensor in tensors_of(tree) if tensor.dim()), 1)
