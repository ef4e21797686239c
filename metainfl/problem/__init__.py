"""What is asked about: tasks, model, losses, the weight that moves, and the loss of one task."""

from metainfl.problem.definition import Definition
from metainfl.problem.losses import Loss, cross_entropy, squared
from metainfl.problem.model import FromModule, Linear, LinearEmbedding, Model
from metainfl.problem.one_by_one import ragged
from metainfl.problem.perturbation import Perturbation, group, query, shift, support, task
from metainfl.problem.ragged import Ragged
from metainfl.problem.tasks import Tasks, TaskView

__all__ = [
    "Definition",
    "FromModule",
    "Linear",
    "LinearEmbedding",
    "Loss",
    "Model",
    "Perturbation",
    "Ragged",
    "TaskView",
    "Tasks",
    "cross_entropy",
    "group",
    "query",
    "shift",
    "squared",
    "support",
    "task",
]

Tasks.ragged = staticmethod(ragged)
