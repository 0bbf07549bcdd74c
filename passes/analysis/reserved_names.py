"""Names that what is compiled cannot have: Python's words, and those of modules and results.

Nets, calls and loops with a name become modules with that name, below others; results and emits
become fields of a named tuple.
"""

import keyword
from typing import Literal

Role = Literal["module", "model", "field", "input"]

# What PyTorch's modules and ours have; a test holds it against them.
# fmt: off
MODULE_NAMES = frozenset([
    "T_destination", "_apply", "_backward_hooks", "_backward_pre_hooks", "_buffers", "_call_impl",
    "_compiled_call_impl", "_forward_hooks", "_forward_hooks_always_called",
    "_forward_hooks_with_kwargs", "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs",
    "_get_backward_hooks", "_get_backward_pre_hooks", "_get_name", "_graphs",
    "_is_full_backward_hook", "_load_from_state_dict", "_load_state_dict_post_hooks",
    "_load_state_dict_pre_hooks", "_maybe_warn_non_full_backward_hook", "_modules",
    "_named_members", "_non_persistent_buffers_set", "_parameters",
    "_register_load_state_dict_pre_hook", "_register_state_dict_hook",
    "_refuse_compiled", "_replicate_for_data_parallel", "_save_to_state_dict", "_slow_forward",
    "_state_dict_hooks", "_state_dict_pre_hooks", "_version", "_wants", "_wrapped_call_impl",
    "add_module", "apply", "bfloat16", "buffers", "call", "call_super_init", "children",
    "compile", "compiled_with", "cpu", "cuda", "double",
    "dump_patches", "eval", "extra_repr", "float", "forward", "forward_graph", "get_buffer",
    "get_extra_state", "get_parameter", "get_submodule", "graphs", "half", "inverse_graph", "ipu",
    "live", "load_state_dict", "modules", "mtia", "named_buffers", "named_children",
    "named_modules", "named_parameters", "nets_of", "parameters", "plan",
    "register_backward_hook", "register_buffer", "register_forward_hook",
    "register_forward_pre_hook", "register_full_backward_hook", "register_full_backward_pre_hook",
    "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook", "register_module",
    "register_parameter", "register_state_dict_post_hook", "register_state_dict_pre_hook",
    "requires_grad_", "row", "runs_modules", "set_extra_state", "set_submodule", "share_memory",
    "state_dict", "to", "to_empty", "train", "training", "type", "vjp_graph", "xpu", "zero_grad",
])
# fmt: on

FIELD_NAMES = frozenset(["run", "state", "written", "drawn", "ledger", "compiled", "detach"])


def reserved(name: str, role: Role) -> str | None:
    """Say what a name is already, if nothing in that role can have it."""
    if role == "module":
        ours = name in MODULE_NAMES or (name.startswith("__") and name.endswith("__"))
        return "a name of PyTorch's modules" if ours else None
    if keyword.iskeyword(name):
        return "a word of Python"
    if role == "field" and name.startswith("_"):
        return "kept from results: they do not begin with `_`"
    if role == "field" and name in FIELD_NAMES:
        return "what every result has"
    return "what every call passes" if role == "input" and name == "self" else None
