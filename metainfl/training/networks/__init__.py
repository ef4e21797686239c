"""Networks of the literature by name, started from a seed."""

from metainfl.training.networks.convolution import conv4, mnist_cnn, omniglot_cnn, tlxml_cnn
from metainfl.training.networks.perceptron import mlp, tlxml_mlp

__all__ = ["conv4", "mlp", "mnist_cnn", "omniglot_cnn", "tlxml_cnn", "tlxml_mlp"]
