"""Estimators that read a training run: see `metainfl.training`. One a file, (n, m) each."""

from metainfl.methods.run.expected import expected
from metainfl.methods.run.gas import gas
from metainfl.methods.run.gradient_dot import gradient_dot
from metainfl.methods.run.gradient_norm import gradient_norm
from metainfl.methods.run.hydra import hydra
from metainfl.methods.run.hydra_fast import hydra_fast
from metainfl.methods.run.loss import training_loss
from metainfl.methods.run.sgd_influence import sgd_influence
from metainfl.methods.run.source import source
from metainfl.methods.run.task_if_at_end import task_if_at_end
from metainfl.methods.run.tracin import tracin
from metainfl.methods.run.tracin_cp import tracin_cp
from metainfl.methods.run.tracin_ideal import tracin_ideal
from metainfl.methods.run.tracin_last import tracin_last
from metainfl.methods.run.tracin_rp import tracin_rp
from metainfl.methods.run.tracin_we import tracin_we
from metainfl.methods.run.vae_tracin import tracin_ad, vae_tracin

__all__ = [
    "expected",
    "gas",
    "gradient_dot",
    "gradient_norm",
    "hydra",
    "hydra_fast",
    "sgd_influence",
    "source",
    "task_if_at_end",
    "tracin",
    "tracin_ad",
    "tracin_cp",
    "tracin_ideal",
    "tracin_last",
    "tracin_rp",
    "tracin_we",
    "training_loss",
    "vae_tracin",
]
