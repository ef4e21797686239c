"""The literature, one method a file, each a choice of parts."""

from metainfl.methods.implicit.arnoldi_if import arnoldi_if
from metainfl.methods.implicit.classical_if import classical_if, ekfac_if
from metainfl.methods.implicit.cook import cook_distance, cook_shift
from metainfl.methods.implicit.direct_if import direct_if
from metainfl.methods.implicit.fast_if import fast_if
from metainfl.methods.implicit.group_influence import first_order_group, second_order_group
from metainfl.methods.implicit.inner_if import inner_if
from metainfl.methods.implicit.instance_if import instance_if_query, instance_if_support
from metainfl.methods.implicit.instance_if_frozen import instance_if_frozen
from metainfl.methods.implicit.lissa_if import lissa_if
from metainfl.methods.implicit.relatif import relatif
from metainfl.methods.implicit.renormalised_if import renormalised_if
from metainfl.methods.implicit.task_if import task_if, task_if_cg
from metainfl.methods.implicit.task_if_ekfac import task_if_ekfac
from metainfl.methods.implicit.task_if_paper import task_if_gamma, task_if_paper
from metainfl.methods.implicit.task_if_subsampled import task_if_subsampled
from metainfl.methods.implicit.tlxml import tlxml, tlxml_gauss_newton, tlxml_pruned
from metainfl.methods.method import Method

BUILT_IN = (task_if, task_if_cg, instance_if_query, instance_if_support, direct_if)

__all__ = [
    "BUILT_IN",
    "Method",
    "arnoldi_if",
    "classical_if",
    "cook_distance",
    "cook_shift",
    "direct_if",
    "ekfac_if",
    "fast_if",
    "first_order_group",
    "inner_if",
    "instance_if_frozen",
    "instance_if_query",
    "instance_if_support",
    "lissa_if",
    "relatif",
    "renormalised_if",
    "second_order_group",
    "task_if",
    "task_if_cg",
    "task_if_ekfac",
    "task_if_gamma",
    "task_if_paper",
    "task_if_subsampled",
    "tlxml",
    "tlxml_gauss_newton",
    "tlxml_pruned",
]
