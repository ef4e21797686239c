"""Modules that no model can be made of: what they return depends on more than parameters and input, their
gradients are no derivatives, or they cannot be given other parameters. Each is refused by name.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils.spectral_norm import SpectralNorm

from metainfl.errors import InvalidProblem

WHOLE = (torch.float32, torch.float64)


def refuse(module: nn.Module) -> None:
    """`InvalidProblem` where outputs depend on more than parameters and input, or gradients lie."""
    _refuse_script(module)
    for name, p in module.named_parameters():
        if isinstance(p, nn.parameter.UninitializedParameter):
            raise InvalidProblem(f"parameter {name!r} has no shape yet; call the module once first")
        if not p.is_floating_point():
            raise InvalidProblem(f"parameter {name!r} is {p.dtype}; only floating point can adapt")
    for name, t in (*module.named_parameters(), *module.named_buffers()):
        if t.is_floating_point() and t.dtype not in WHOLE:
            raise InvalidProblem(
                f"{name!r} is {t.dtype}, in which second derivatives are rounding; call module.float() or "
                ".double()"
            )
    for name, m in module.named_modules():
        if m._backward_hooks or m._backward_pre_hooks:
            raise InvalidProblem(
                f"layer {name!r} has a backward hook, which torch.func cannot run, and which may change "
                "gradients: remove it (the handle that register_full_backward_hook returned, .remove())"
            )
        if isinstance(m, nn.modules.dropout._DropoutNd) and m.training and m.p > 0:
            raise InvalidProblem(f"dropout layer {name!r} is in training mode; call .eval()")
        if _householder(m):
            layer = name.partition("parametrizations.")[0].rstrip(".")
            raise InvalidProblem(
                f"layer {layer!r} is orthogonal by Householder reflections, whose signs torch keeps as whole "
                "parts of numbers that are trained: its outputs jump as soon as those move; build it with "
                "orthogonal_map='matrix_exp' or 'cayley'"
            )
        if m.training and _power_iteration(m):
            layer = name.partition("parametrizations.")[0].rstrip(".")
            raise InvalidProblem(
                f"spectral norm of layer {layer!r} takes a step of power iteration in every forward; call "
                ".eval() to use its vectors as they are"
            )
        if isinstance(m, nn.modules.batchnorm._NormBase) and m.training and m.track_running_stats:
            raise InvalidProblem(
                f"layer {name!r} updates its running statistics in forward; call .eval() to use them "
                "as they are, or set its track_running_stats to False to use the batch's own"
            )


def _refuse_script(module: nn.Module) -> None:
    """`InvalidProblem` for TorchScript, the module itself, a layer of it, or a function that it holds."""
    for name, m in module.named_modules():
        if isinstance(m, torch.jit.ScriptModule):
            what = f"layer {name!r}" if name else "the module"
            raise InvalidProblem(
                f"{what} is TorchScript (a scripted or traced module), which cannot be given other "
                "parameters; pass the Python module that it was made of"
            )
        for own, value in vars(m).items():
            if isinstance(value, torch.jit.ScriptFunction):
                raise InvalidProblem(
                    f"{f'{name}.{own}' if name else own!r} is a TorchScript function (torch.jit.script or "
                    "torch.jit.trace), which cannot be copied; set it to the Python function that it was "
                    "made of"
                )


def _householder(m: nn.Module) -> bool:
    """Whether it makes an orthogonal matrix of trained numbers by `torch.linalg.householder_product`."""
    if not isinstance(m, parametrize.ParametrizationList) or not getattr(
        getattr(m, "original", None), "requires_grad", False
    ):
        return False
    way = parametrizations._OrthMaps.householder
    return any(getattr(part, "orthogonal_map", None) is way for part in m)


def _power_iteration(m: nn.Module) -> bool:
    """Whether it is a spectral norm, of either kind that torch has, of a matrix."""
    if isinstance(m, parametrizations._SpectralNorm):
        return hasattr(m, "_u")
    return any(isinstance(hook, SpectralNorm) for hook in m._forward_pre_hooks.values())
