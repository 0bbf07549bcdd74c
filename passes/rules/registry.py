"""Every rule, by its code, and what each check looks at; files are imported when asked for."""

from importlib import import_module
from typing import Any

from revc.passes.rules.base import Check, Rule, Subject

MODULES = {
    "S001": "s001_syntax",
    "S002": "s002_unknown_name",
    "S003": "s003_unknown_argument",
    "S004": "s004_shape_mismatch",
    "S005": "s005_odd_split",
    "S006": "s006_unbound_dim",
    "S007": "s007_numeric_mix",
    "S008": "s008_dim_needed",
    "S009": "s009_redefined_name",
    "L101": "l101_dropped_state",
    "L102": "l102_use_after_move",
    "L103": "l103_duplicate_argument",
    "L104": "l104_overwrite_live",
    "L105": "l105_loop_imbalance",
    "L106": "l106_write_given",
    "L107": "l107_unproved_free",
    "L108": "l108_slice_alias",
    "L109": "l109_stale_let",
    "L110": "l110_forgotten_state",
    "L111": "l111_forget_undone",
    "B200": "b200_unknown_verdict",
    "B201": "b201_self_read",
    "B202": "b202_residual_contraction",
    "B203": "b203_simultaneous_update",
    "B204": "b204_angle_reads_rotated",
    "B205": "b205_scale_may_vanish",
    "B206": "b206_singular_mix",
    "B207": "b207_inverse_mismatch",
    "B209": "b209_declared_only",
    "B210": "b210_one_stack",
    "B211": "b211_clamped_factor",
    "B212": "b212_outside_domain",
    "Q301": "q301_non_injective_quantizer",
    "Q303": "q303_float_state",
    "Q304": "q304_no_integer_form",
    "Q305": "q305_range_overflow",
    "Q307": "q307_step_off_lattice",
    "R401": "r401_uncharged_rng",
    "R402": "r402_reservoir_exhaustion",
    "R403": "r403_misplaced_dropout",
    "R405": "r405_correlated_reuse",
    "M501": "m501_budget_unmetered",
    "M502": "m502_budget_infeasible",
    "M503": "m503_missing_meter",
    "M504": "m504_unit_mismatch",
    "M505": "m505_tape_discarded",
    "M506": "m506_drop_unbudgeted",
    "M507": "m507_drop_undone",
    "M508": "m508_memory_infeasible",
    "D601": "d601_nondeterministic_read",
    "D602": "d602_stateful_net",
    "D603": "d603_train_eval_skew",
    "D604": "d604_shape_dependent_kernel",
    "P701": "p701_redundant_recompute",
    "P703": "p703_no_op",
    "P704": "p704_stale_half",
    "Y801": "y801_naming",
    "Y802": "y802_unused_net",
    "Y803": "y803_unused_allow",
    "C901": "c901_not_yet_supported",
}

CHECKS: dict[Subject, tuple[str, ...]] = {
    "file": ("S002", "B209", "Q303", "M501", "M503", "M506", "Y801", "Y802"),
    "bijections": ("B207",),
    "nets": ("R401",),
    "modules": ("D601", "D602", "D603", "D604"),
    "block": ("L107", "L110", "B212", "Q305", "P701", "P703"),
    "bits": ("R405", "M505"),
    "model": ("S009", "M502", "M504", "M507", "R402", "P704"),
    "memory": ("M508",),
    "program": ("S008",),
    "support": ("C901",),
    "proof": ("B200",),
}
"""The rules whose file has a `check`; elaboration makes the findings of the others."""


def rule(code: str) -> Rule:
    """Return the rule with a code.

    Raises:
        KeyError: there is none.
    """
    found = _file(code).RULE
    assert isinstance(found, Rule)
    return found


def checks(subject: Subject) -> list[Check]:
    """Return the checks of what `subject` says, in the order of the table."""
    return [_file(code).check for code in CHECKS[subject]]


def _file(code: str) -> Any:
    return import_module(f"revc.passes.rules.{MODULES[code]}")
