"""Estimators that read a game v(S): see `metainfl.games`. One a file."""

from metainfl.methods.game.ame import ame
from metainfl.methods.game.banzhaf import banzhaf
from metainfl.methods.game.banzhaf_msr import banzhaf_msr
from metainfl.methods.game.beta_shapley import beta_shapley
from metainfl.methods.game.consistency import c_score, consistency_profile
from metainfl.methods.game.datamodel import Datamodel, datamodel
from metainfl.methods.game.downsampling import downsampling
from metainfl.methods.game.feldman_zhang import feldman_zhang
from metainfl.methods.game.gradient_shapley import gradient_shapley
from metainfl.methods.game.group_testing import group_testing
from metainfl.methods.game.knn_leave_one_out import knn_leave_one_out
from metainfl.methods.game.knn_shapley import knn_shapley
from metainfl.methods.game.leave_m_out import leave_m_out
from metainfl.methods.game.leave_one_out import leave_one_out
from metainfl.methods.game.memorisation import memorisation
from metainfl.methods.game.shapley_exact import shapley
from metainfl.methods.game.shapley_interaction import shapley_interaction
from metainfl.methods.game.shapley_permutations import shapley_permutations
from metainfl.methods.game.shapley_taylor import shapley_taylor
from metainfl.methods.game.tmc_shapley import tmc_shapley

__all__ = [
    "Datamodel",
    "ame",
    "banzhaf",
    "banzhaf_msr",
    "beta_shapley",
    "c_score",
    "consistency_profile",
    "datamodel",
    "downsampling",
    "feldman_zhang",
    "gradient_shapley",
    "group_testing",
    "knn_leave_one_out",
    "knn_shapley",
    "leave_m_out",
    "leave_one_out",
    "memorisation",
    "shapley",
    "shapley_interaction",
    "shapley_permutations",
    "shapley_taylor",
    "tmc_shapley",
]
