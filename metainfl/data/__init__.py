"""Real data: readers, class-disjoint splits, episodes, features, and what is done to tasks on purpose."""

from metainfl.data.augment import rotated, rotated_copies, with_inputs
from metainfl.data.bundled import read_digits, read_table
from metainfl.data.cifar10 import read_cifar10
from metainfl.data.classes import split_classes, with_rotations
from metainfl.data.corruption import corrupt
from metainfl.data.degrade import concatenated, darkened, noise_tasks
from metainfl.data.digits import digit_tasks
from metainfl.data.encode import one_hot
from metainfl.data.episodes import draw, episodes, stacked
from metainfl.data.fc100 import read_fc100
from metainfl.data.features import pixels, resized, spectrum, standardised
from metainfl.data.labelled import LabelledData
from metainfl.data.mini_imagenet import read_mini_imagenet
from metainfl.data.mnist import read_emnist, read_mnist
from metainfl.data.omniglot import read_omniglot
from metainfl.data.readers import read
from metainfl.data.tabular import read_tabular

__all__ = [
    "LabelledData",
    "concatenated",
    "corrupt",
    "darkened",
    "digit_tasks",
    "draw",
    "episodes",
    "noise_tasks",
    "one_hot",
    "pixels",
    "read",
    "read_cifar10",
    "read_digits",
    "read_emnist",
    "read_fc100",
    "read_mini_imagenet",
    "read_mnist",
    "read_omniglot",
    "read_table",
    "read_tabular",
    "resized",
    "rotated",
    "rotated_copies",
    "spectrum",
    "split_classes",
    "stacked",
    "standardised",
    "with_inputs",
    "with_rotations",
]
