"""TracInWE (Yeh et al. 2022; 003, section 5.2.1.3): TracIn in a model's word embeddings only.

    value[pi, t] = - sum_s rate_s d(c_s grad L_{B_s})/d pi . M D L_t,      M keeps the embedding's rows
A row has a gradient only where its token occurs, so the dot product is over tokens that occur in both
(for meta-learners: in a task's support or query set). Estimand: TracIn's where all else is frozen. Sign,
scale: TracIn's; negative = helped. Cost: TracIn's; stored gradients are rows of the tokens alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.methods.claim import claims
from metainfl.methods.run.tracin_last import tracin_last
from metainfl.problem import FromModule
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import check
from metainfl.training.run import Run


@claims(estimand="run_score", accuracy="rank")
def tracin_we(
    run: Run, perturbations: Sequence[Perturbation], targets: Tasks, *, layer: str | None = None
) -> Tensor:
    """Sums over all steps taken (n, m). `layer` names the embedding; None: all there are."""
    check(run.program.problem.tasks, perturbations)
    mask = embedding_mask(run.program.problem, layer)
    return tracin_last(run, perturbations, targets, parameters=mask)


def embedding_mask(problem: Problem, layer: str | None = None) -> Tensor:
    """Mask (p,) of the weights of that torch.nn.Embedding, or of all of them."""
    model = problem.setting.model
    if not isinstance(model, FromModule) or model.n_params != problem.n_meta:
        raise InvalidOption("embeddings are known where lam is the parameters of a torch.nn.Module")
    names = [
        name
        for name, module in model.module.named_modules()
        if isinstance(module, nn.Embedding) and layer in (None, name)
    ]
    kept = {f"{name}.weight".lstrip(".") for name in names} & set(model.shapes)
    if not kept:
        there = [n for n, m in model.module.named_modules() if isinstance(m, nn.Embedding)]
        raise InvalidOption(f"no trained torch.nn.Embedding is called {layer!r}; there are {there}")
    return torch.cat(
        [torch.full((s.numel(),), n in kept, device="cpu") for n, s in model.shapes.items()]
    )
