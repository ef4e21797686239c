"""F and its gradient by a loop of plain torch over tasks and inner steps; differences for the rest."""

import contextlib

import torch
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel


class Plain:
    """The same problem without a line of ours."""

    def __init__(self, module, data, losses, *, steps, rate, inner_reg, direct, outer_reg):
        self.module, self.data, self.losses = module, data, losses
        self.steps, self.rate, self.inner_reg = steps, rate, inner_reg
        self.direct, self.outer_reg = direct, outer_reg
        trained = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
        self.shapes = [(n, p.shape) for n, p in trained]
        self.lam = torch.cat([p.detach().reshape(-1) for _, p in trained])

    def outputs(self, theta, x):
        named, a = {}, 0
        for name, shape in self.shapes:
            named[name] = theta[a : a + shape.numel()].reshape(shape)
            a += shape.numel()
        return functional_call(self.module, named, (x,))

    def objective(self, lam, w, u, v):
        inner, outer = self.losses
        total = 0.5 * self.outer_reg * lam @ lam
        for k, (sx, sy, qx, qy) in enumerate(zip(*self.data, strict=True)):
            theta = lam
            for _ in range(self.steps):
                loss = (u[k] * inner(self.outputs(theta, sx), sy)).sum()
                loss = loss + 0.5 * self.inner_reg * (theta - lam).square().sum()
                theta = theta - self.rate * torch.autograd.grad(loss, theta, create_graph=True)[0]
            query = (v[k] * outer(self.outputs(theta, qx), qy)).sum()
            total = total + w[k] * (query + 0.5 * self.direct * (theta - lam).square().sum())
        return total

    def gradient(self, lam, w, u, v):
        lam = lam.clone().requires_grad_()
        # torch's fast attention has no second derivative
        fast = sdpa_kernel(SDPBackend.MATH) if self.steps else contextlib.nullcontext()
        with fast:
            return torch.autograd.grad(self.objective(lam, w, u, v), lam)[0]


def derivative(f):
    """f'(0), and how far two sizes of step disagree: large where a kink lies within the larger."""

    def at(h):
        wide, near = (f(h) - f(-h)) / (2 * h), (f(h / 2) - f(-h / 2)) / h
        return (4 * near - wide) / 3

    far, near = at(1e-3), at(2e-5)
    gap = float((far - near).norm() / (1e-9 + near.norm()))
    return (near, gap) if gap > 1e-4 else (far, gap)
