"""The literature, one method a file, each a choice of parts."""

from metainfl.methods.direct_if import direct_if
from metainfl.methods.instance_if import instance_if_query, instance_if_support
from metainfl.methods.method import Method
from metainfl.methods.task_if import task_if, task_if_cg
from metainfl.methods.task_if_paper import task_if_paper
from metainfl.methods.tlxml import tlxml, tlxml_gauss_newton, tlxml_pruned

BUILT_IN = (task_if, task_if_cg, instance_if_query, instance_if_support, direct_if)

__all__ = [
    "BUILT_IN",
    "Method",
    "direct_if",
    "instance_if_query",
    "instance_if_support",
    "task_if",
    "task_if_cg",
    "task_if_paper",
    "tlxml",
    "tlxml_gauss_newton",
    "tlxml_pruned",
]
