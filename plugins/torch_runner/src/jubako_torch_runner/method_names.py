"""Names of modules' methods; imports no framework, for API workers check `predict_fn_name` with it."""

from __future__ import annotations

from jubako.errors import InvalidArgument

CALL = "__call__"

# What every torch.nn.Module has. These change the module for every caller, or read its parts; none answers rows.
_OF_EVERY_MODULE = frozenset(
    """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval
    extra_repr float get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict modules mtia
    named_buffers named_children named_modules named_parameters parameters register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule
    share_memory state_dict to to_empty train type xpu zero_grad
    """.split()  # noqa: SIM905  # a list of fifty texts takes fifty lines
)


def check_method_name(name: str) -> str:
    """Return the name of a method that may be served.

    Raises:
        InvalidArgument: it is no method's name, is private, or is one that every module has and that answers no rows.
    """
    if name == CALL:
        return name
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
        why = "It is the name of no public method."
    elif name in _OF_EVERY_MODULE:
        why = "Every module has it: it changes the module for all callers, or reads its parts, and answers no rows."
    else:
        return name
    raise InvalidArgument(
        f"method {name!r} of a module cannot be served.",
        why=why,
        do="name a method that answers rows, '__call__' or one of your own, with predict_fn_name=… or signatures=…",
    )
