"""Filters of the spectrum in place of the inverse: exact where the Hessian is kind, wrong where it is not."""

import torch

from metainfl.methods.claim import Claim
from metainfl.oracle.mutants.parts import system
from metainfl.oracle.mutants.registry import MUTANTS, Specimen


def _filtered(problem, pis, response):
    """-V g(l) V' b with l above what the symmetry leaves at zero."""
    h, b = system(problem, pis)
    values, v = torch.linalg.eigh(h)
    keep = values > 1e-9 * values[-1]
    values, v = values[keep], v[:, keep]
    return -(v @ (response(values)[:, None] * (v.T @ b))).T


RESPONSES = {
    "pseudo_inverse_1e_4": ("pseudo-inverse that drops below 1e-4 of the largest",
                            lambda v: torch.where(v > 1e-4 * v[-1], 1 / v, 0 * v)),
    "pseudo_inverse_1e_5": ("pseudo-inverse that drops below 1e-5 of the largest",
                            lambda v: torch.where(v > 1e-5 * v[-1], 1 / v, 0 * v)),
    "eigenvalue_floor_1e_3": ("eigenvalues floored at 1e-3 of the largest",
                              lambda v: 1 / v.clamp_min(1e-3 * float(v[-1]))),
    "eigenvalue_floor_1e_5": ("eigenvalues floored at 1e-5 of the largest",
                              lambda v: 1 / v.clamp_min(1e-5 * float(v[-1]))),
    "floor_absolute": ("eigenvalues floored at one", lambda v: 1 / v.clamp_min(1.0)),
    "floor_tenth": ("eigenvalues floored at a tenth", lambda v: 1 / v.clamp_min(0.1)),
    "largest_dropped": ("the largest eigenvalue dropped",
                        lambda v: torch.cat([1 / v[:-1], 0 * v[-1:]])),
    "smallest_dropped": ("the smallest eigenvalue dropped",
                         lambda v: torch.cat([0 * v[:1], 1 / v[1:]])),
    "two_smallest_dropped": ("the two smallest eigenvalues dropped",
                             lambda v: torch.cat([0 * v[:2], 1 / v[2:]])),
    "inverse_twice": ("the inverse applied twice", lambda v: 1 / v**2),
    "inverse_root": ("the inverse square root", lambda v: v**-0.5),
    "hessian_for_inverse": ("the Hessian in place of its inverse", lambda v: v),
    "mean_eigenvalue": ("the mean eigenvalue for all", lambda v: 0 * v + 1 / v.mean()),
    "largest_eigenvalue": ("the largest eigenvalue for all", lambda v: 0 * v + 1 / v[-1]),
    "damped_1e_8": ("a damping of 1e-8", lambda v: 1 / (v + 1e-8)),
    "damped_1e_6": ("a damping of 1e-6", lambda v: 1 / (v + 1e-6)),
    "damped_1e_4": ("a damping of 1e-4", lambda v: 1 / (v + 1e-4)),
    "damped_tenth": ("a damping of a tenth", lambda v: 1 / (v + 0.1)),
    "damped_one": ("a damping of one", lambda v: 1 / (v + 1)),
    "damped_relative": ("a damping of a hundredth of the mean eigenvalue",
                        lambda v: 1 / (v + 0.01 * v.mean())),
    "tikhonov": ("l / (l^2 + 1e-4)", lambda v: v / (v**2 + 1e-4)),
    "negative_damping": ("a damping with the wrong sign", lambda v: 1 / (v - 1e-3)),
    "neumann_5": ("five terms of a scaled series", lambda v: (1 - (1 - v / v[-1]) ** 5) / v),
    "neumann_50": ("fifty terms of a scaled series", lambda v: (1 - (1 - v / v[-1]) ** 50) / v),
    "neumann_500": ("five hundred terms of a scaled series",
                    lambda v: (1 - (1 - v / v[-1]) ** 500) / v),
    "neumann_half_scale": ("a hundred terms at half the scale",
                           lambda v: (1 - (1 - 0.5 * v / v[-1]) ** 100) / v),
    "series_off_by_one": ("a converged series that leaves its first term out",
                          lambda v: 1 / v - 1 / v[-1]),
    "newton_schulz_4": ("four Newton-Schulz steps", lambda v: (1 - (1 - v / v[-1]) ** 16) / v),
    "landweber": ("gradient descent on the residual, a thousand steps at a tenth",
                  lambda v: (1 - (1 - 0.1 * v / v[-1]) ** 1000) / v),
    "clipped_answer": ("responses clipped at twice the median",
                       lambda v: (1 / v).clamp_max(2 / float(v.median()))),
}  # fmt: skip


def _respond(response):
    def method(problem, pis):
        return _filtered(problem, pis, response)

    return method


for _name, (_defect, _response) in RESPONSES.items():
    _method = _respond(_response)
    _method.__name__ = _name
    MUTANTS[_name] = Specimen(_name, _method, Claim(), _defect)
