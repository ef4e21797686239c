"""The matrices that stand for H, and the right-hand sides that go with them, written out in numpy.

For families whose model is linear in its parameters: with theta, J = d theta/d lam (the reference's) and the
query loss S in theta, e = `direct`, k = `outer_reg`,
    Gauss-Newton   sum w (J' S'' J + e (J - I)'(J - I)) + k I
    Gamma          sum w (e I - e (J + J')) + (sum w |S' + e (theta - lam)|_1 + k) I
    chord(B)       Gauss-Newton with d_in B in place of J
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from metainfl_reference.family import task_data
from metainfl_reference.linear_model import LinearModelSum
from metainfl_reference.local import Local, TaskData

Array = np.ndarray
LINEAR = ("single_ridge", "single_softmax", "proximal_ridge", "proximal_softmax",
          "maml_linear", "maml_softmax")  # fmt: skip
#: B (q, q) of a task, in place of its inner inverse Hessian
Inner = Callable[[Any, Local, TaskData], Array]


def tasks(q: Any) -> Iterator[tuple[float, Local, TaskData, Array]]:
    """Weight, local, data and adapted parameters of each task."""
    s, f = q.case.solution, q.case.family
    for k, w in enumerate(s.weights.task):
        local = f.task(k, s.lam, s.weights)
        theta = local.theta if len(local.theta) else s.lam
        yield float(w), local, task_data(f.episodes, s.weights, k), theta


def loss(q: Any) -> Any:
    """ "softmax" or "squared"."""
    return "softmax" if "softmax" in q.case.family.name else "squared"


def outer(q: Any, data: TaskData, theta: Array) -> LinearModelSum:
    """S."""
    return LinearModelSum(data.query_x, data.query_y, data.v, theta, loss(q))


def inner(q: Any, data: TaskData, theta: Array) -> LinearModelSum:
    """The inner fit."""
    return LinearModelSum(data.support_x, data.support_y, data.u, theta, loss(q))


def jacobian(q: Any, local: Local) -> Array:
    """J; I where nothing is adapted."""
    return local.jacobian if len(local.jacobian) else np.eye(q.case.family.n_meta)


def gauss_newton(q: Any, own: Inner | None = None) -> Array:
    """With d_in B in place of J where B is given."""
    f = q.case.family
    eye = np.eye(f.n_meta)
    out = f.d_out * eye
    for w, local, data, theta in tasks(q):
        j = jacobian(q, local) if own is None else f.d_in * own(q, local, data)
        r = j - eye
        out = out + w * (j.T @ outer(q, data, theta).hessian() @ j + f.direct * r.T @ r)
    return out


def gamma(q: Any) -> Array:
    """Theorem 5.1's matrix."""
    f, lam = q.case.family, q.case.solution.lam
    eye = np.eye(f.n_meta)
    out = f.d_out * eye
    for w, local, data, theta in tasks(q):
        slope = outer(q, data, theta).gradient() + f.direct * (theta - lam)
        j = jacobian(q, local)
        out = out + w * (f.direct * (eye - j - j.T) + np.abs(slope).sum() * eye)
    return out


def empirical_fisher(q: Any) -> Array:
    """Sum w g g' + k I, any family."""
    out = q.case.family.d_out * np.eye(q.case.family.n_meta)
    for w, local, _, _ in tasks(q):
        out = out + w * np.outer(local.gradient(), local.gradient())
    return out


def kronecker(
    name: Any, x: Array, y: Array, w: Array, theta: Array, fisher: str, corrected: bool
) -> Array:
    """K-FAC or EK-FAC of one linear layer over instances of weight w (d c, d c)."""
    z = x @ theta.reshape(x.shape[1], -1)
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    if fisher == "empirical":
        columns = ((p if name == "softmax" else z) - y)[:, :, None]
    elif name == "softmax":
        columns = np.stack([np.diag(a**0.5) - np.outer(a, a**0.5) for a in p])
    else:
        columns = np.broadcast_to(np.eye(z.shape[1]), (len(z), z.shape[1], z.shape[1]))
    a, g = np.einsum("n,ni,nj->ij", w, x, x), np.einsum("n,nik,njk->ij", w, columns, columns)
    if not corrected:
        return np.kron(a, g / w.sum())
    qa, qg = np.linalg.eigh(a)[1], np.linalg.eigh(g)[1]
    turned = (x @ qa) ** 2
    along = np.einsum("nck,cb->nbk", columns, qg) ** 2
    values = np.einsum("n,na,nbk->ab", w, turned, along).reshape(-1)
    basis = np.kron(qa, qg)
    return basis * values @ basis.T


def chord_rhs(q: Any, own: Inner) -> Array:
    """-d(grad F)/d pi of tasks and query instances with d_in B in place of J, weighed (p, n)."""
    f, lam, found = q.case.family, q.case.solution.lam, list(tasks(q))
    columns = []
    for m in q.members:
        w, local, data, theta = found[m.task]
        j, s = f.d_in * own(q, local, data), outer(q, data, theta)
        pull = f.direct * (theta - lam)
        if m.kind == "task":
            columns.append(j.T @ (s.gradient() + pull) - pull)
        else:
            columns.append(w * j.T @ s.gradient_by_weight()[:, m.instance])
    return -np.stack(columns, axis=1) * q.coefficients


def frozen_rhs(q: Any) -> Array:
    """-w d/d lam of -(dL_O/d theta) B dl_j/d theta with B = H_in^{-1} held, weighed (p, n)."""
    f, lam, found = q.case.family, q.case.solution.lam, list(tasks(q))
    columns = []
    for m in q.members:
        w, local, data, theta = found[m.task]
        b = local.jacobian / f.d_in
        one = np.zeros_like(data.u)
        one[m.instance] = 1
        alone = LinearModelSum(data.support_x, data.support_y, one, theta, loss(q))
        s, j = outer(q, data, theta), local.jacobian
        eye = np.eye(len(lam))
        slope = s.gradient() + f.direct * (theta - lam)
        bent = s.hessian() @ j + f.direct * (j - eye)
        bowed = alone.hessian() @ j
        columns.append(-w * (bent.T @ b @ alone.gradient() + bowed.T @ b @ slope))
    return -np.stack(columns, axis=1) * q.coefficients
