"""Calling dattri, kronfluence, captum and curvlinops, each in its own convention.

Every function returns raw scores; its `Peer` says how they map to the mean form with a minus sign,
-g_t' C^{-1} g_i as (n, m): `sign`, whether they come as (tests, training), and what was declared.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from metainfl.oracle.peers.problem import PeerProblem

Array = np.ndarray


@dataclass(frozen=True)
class Peer:
    """A library's method: how to call it, and its declared convention."""

    library: str
    package: str
    name: str
    run: Callable[[PeerProblem, int], Array]
    exact: bool
    sign: int = 1
    transposed: bool = False
    batches: int = 1

    def scores(self, problem: PeerProblem) -> tuple[Array, int]:
        """Scores in the mean form (n, m), and the batch size used."""
        size = -(-problem.n // self.batches)
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            torch.manual_seed(0)  # sampled Fishers; the caller keeps the global state
            raw = self.run(problem, size)
        return self.sign * (raw.T if self.transposed else raw), size


def _dattri(cls: str, **options: Any) -> Callable[[PeerProblem, int], Array]:
    """test' C^{-1} train of the mean loss: plus sign, (training, tests)."""

    def run(problem: PeerProblem, size: int) -> Array:
        from dattri.algorithm import influence_function
        from dattri.task import AttributionTask

        dtype = options.get("dtype", torch.float64)
        x, y, tx, ty = problem.tensors(dtype)
        model = problem.model(dtype)

        def loss(parameters: Any, data: Any) -> torch.Tensor:
            a, b = data
            a = a.unsqueeze(0) if a.ndim == 1 else a
            return cross_entropy(torch.func.functional_call(model, parameters, a), b.reshape(-1))

        task = AttributionTask(loss_func=loss, model=model, checkpoints=model.state_dict())
        extra = {k: v(problem) if callable(v) else v for k, v in options.items() if k != "dtype"}
        attributor = getattr(influence_function, cls)(task=task, **extra)
        attributor.cache(DataLoader(TensorDataset(x, y), batch_size=size))
        train = DataLoader(TensorDataset(x, y), batch_size=problem.n)
        test = DataLoader(TensorDataset(tx, ty), batch_size=problem.m)
        return attributor.attribute(train, test).detach().double().numpy()

    return run


def _damping(problem: PeerProblem) -> float:
    return problem.d


def _kronfluence(strategy: str, empirical: bool = False) -> Callable[[PeerProblem, int], Array]:
    """test' C^{-1} train with C of the mean loss: plus sign, (tests, training)."""

    def run(problem: PeerProblem, size: int) -> Array:
        from kronfluence.analyzer import Analyzer, prepare_model
        from kronfluence.arguments import FactorArguments, ScoreArguments
        from kronfluence.task import Task

        class Classification(Task):
            def compute_train_loss(self, batch: Any, model: nn.Module, sample: bool = False) -> Any:
                x, y = batch
                out = model(x)
                if sample:
                    y = torch.multinomial(torch.softmax(out.detach(), -1), 1).flatten()
                return cross_entropy(out, y, reduction="sum")

            def compute_measurement(self, batch: Any, model: nn.Module) -> Any:
                return cross_entropy(model(batch[0]), batch[1], reduction="sum")

        x, y, tx, ty = problem.tensors(torch.float32)
        train, test = TensorDataset(x, y), TensorDataset(tx, ty)
        with tempfile.TemporaryDirectory() as folder:
            task = Classification()
            analyzer = Analyzer(
                "peer",
                prepare_model(problem.model(torch.float32), task),
                task,
                cpu=True,
                output_dir=folder,
                disable_tqdm=True,
                disable_model_save=True,
                log_level=logging.ERROR,
            )
            arguments = FactorArguments(strategy=strategy, use_empirical_fisher=empirical)
            analyzer.fit_all_factors("f", train, per_device_batch_size=size, factor_args=arguments)
            analyzer.compute_pairwise_scores(
                "s",
                "f",
                test,
                train,
                per_device_query_batch_size=problem.m,
                per_device_train_batch_size=size,
                score_args=ScoreArguments(damping_factor=problem.d),
            )
            return analyzer.load_pairwise_scores("s")["all_modules"].double().numpy()

    return run


def _captum(problem: PeerProblem, size: int) -> Array:
    """test' H^{-1} train with H of the summed loss: plus sign, (tests, training), 1/n of the mean form."""
    from captum.influence._core.influence_function import NaiveInfluenceFunction

    x, y, tx, ty = problem.tensors()
    model = problem.model()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.pt")
        torch.save(model.state_dict(), path)

        def load(m: nn.Module, where: str) -> float:
            m.load_state_dict(torch.load(where))
            return 1.0

        method = NaiveInfluenceFunction(
            model,
            TensorDataset(x, y),
            path,
            checkpoints_load_func=load,
            loss_fn=nn.CrossEntropyLoss(reduction="none"),
            batch_size=size,
            projection_dim=problem.components * 10,
            hessian_reg=problem.n * problem.d,
        )
        return problem.n * method.influence((tx, ty)).detach().numpy()


def _curvlinops(kind: str, fisher: str | None = None) -> Callable[[PeerProblem, int], Array]:
    """A curvature matrix of the mean loss; the solve and the sign are ours."""

    def run(problem: PeerProblem, size: int) -> Array:
        import curvlinops

        from metainfl.oracle.peers.fisher import probabilities

        x, y, _, _ = problem.tensors()
        model = problem.model()
        data = [(x[i : i + size], y[i : i + size]) for i in range(0, problem.n, size)]
        options = {} if fisher is None else {"fisher_type": fisher}
        a = getattr(curvlinops, kind)(
            model, nn.CrossEntropyLoss(), list(model.parameters()), data, **options
        )
        p = problem.components * 10
        matrix = (a @ torch.eye(p, dtype=torch.float64)).numpy() + problem.d * np.eye(p)
        tests = problem.test_gradients.reshape(problem.components, 10, -1)
        g = np.einsum(
            "na,nb->nab", probabilities(problem) - np.eye(10)[problem.data[1]], problem.data[0]
        )
        flat = tests.transpose(1, 0, 2).reshape(p, -1)
        return -g.reshape(problem.n, p) @ np.linalg.solve(matrix, flat)

    return run


def _peer(library: str, name: str, run: Any, exact: bool = False, **convention: Any) -> Peer:
    package = "curvlinops-for-pytorch" if library == "curvlinops" else library
    return Peer(library, package, name, run, exact, **convention)


_REG = {"regularization": _damping}
_CG = {**_REG, "max_iter": 200, "tol": 1e-12}
_F32 = {"dtype": torch.float32}
_TWO = {"sign": -1, "batches": 2}
PEERS = (
    _peer("curvlinops", "Hessian", _curvlinops("HessianLinearOperator"), True, batches=2),
    _peer("captum", "NaiveInfluenceFunction", _captum, True, sign=-1, transposed=True, batches=2),
    _peer("dattri", "Explicit, one batch", _dattri("IFAttributorExplicit", **_REG), True, sign=-1),
    _peer(
        "dattri",
        "Explicit, two batches",
        _dattri("IFAttributorExplicit", **_REG),
        True,
        sign=-1,
        batches=2,
    ),
    _peer("dattri", "CG, one batch", _dattri("IFAttributorCG", **_CG), True, sign=-1),
    _peer("dattri", "CG, two batches", _dattri("IFAttributorCG", **_CG), True, **_TWO),
    _peer("dattri", "LiSSA, float64", _dattri("IFAttributorLiSSA"), True, sign=-1),
    _peer("dattri", "Arnoldi, float64", _dattri("IFAttributorArnoldi", **_REG), True, sign=-1),
    _peer(
        "dattri", "Arnoldi, float32", _dattri("IFAttributorArnoldi", **_REG, **_F32), True, sign=-1
    ),
    _peer("dattri", "DataInf, float32", _dattri("IFAttributorDataInf", **_REG, **_F32), sign=-1),
    _peer("dattri", "EK-FAC", _dattri("IFAttributorEKFAC", damping=_damping), sign=-1),
    _peer("kronfluence", "ekfac", _kronfluence("ekfac"), sign=-1, transposed=True),
    _peer("kronfluence", "ekfac, empirical", _kronfluence("ekfac", True), sign=-1, transposed=True),
    _peer("kronfluence", "kfac", _kronfluence("kfac"), sign=-1, transposed=True),
    _peer("kronfluence", "diagonal", _kronfluence("diagonal"), sign=-1, transposed=True),
    _peer("curvlinops", "EK-FAC, default", _curvlinops("EKFACLinearOperator"), batches=2),
    _peer("curvlinops", "EK-FAC, type-2", _curvlinops("EKFACLinearOperator", "type-2"), batches=2),
    _peer(
        "curvlinops",
        "EK-FAC, empirical",
        _curvlinops("EKFACLinearOperator", "empirical"),
        batches=2,
    ),
)
