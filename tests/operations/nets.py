"""Small networks with every operation that has formulas of this project, and problems of them."""

import torch
from torch import nn

import metainfl as mi

D = torch.float64


class Attention(nn.Module):
    """Self-attention over the rows of an image, by the module or by the function."""

    def __init__(self, whole):
        super().__init__()
        self.whole = nn.MultiheadAttention(8, 2, batch_first=True) if whole else None
        self.into = None if whole else nn.Linear(8, 24)

    def forward(self, x):
        """(n, 8, 8) to the same."""
        if self.whole is not None:
            return self.whole(x, x, x, need_weights=False)[0]
        return nn.functional.scaled_dot_product_attention(*self.into(x).chunk(3, -1))


class Recurrent(nn.Module):
    """The outputs of a recurrent layer over the rows of an image, or of a cell in a loop."""

    def __init__(self, kind):
        super().__init__()
        self.layer = kind(8, 8, batch_first=True) if kind in (nn.GRU, nn.LSTM) else kind(8, 8)

    def forward(self, x):
        """(n, 8, 8) to (n, 8, 8)."""
        if isinstance(self.layer, nn.RNNBase):
            return self.layer(x)[0]
        h, out = None, []
        for row in x.unbind(1):
            h = self.layer(row, h)
            out.append(h[0] if isinstance(h, tuple) else h)
        return torch.stack(out, dim=1)


def convolutional(norm):
    """Two blocks, smooth, so that differences can judge."""
    block = [nn.Conv2d(1, 4, 3, padding=1), norm(), nn.Softplus(), nn.AvgPool2d(2)]
    other = [nn.Conv2d(4, 4, 3, padding=1), norm(), nn.Softplus(), nn.AvgPool2d(4)]
    return nn.Sequential(*block, *other, nn.Flatten(), nn.Linear(4, 2))


def dense(*middle):
    """64 inputs, 4 features, 2 outputs."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4), *middle, nn.Softplus(), nn.Linear(4, 2))


def rows(middle):
    """Over the rows of an image."""
    return nn.Sequential(
        nn.Flatten(1), nn.Unflatten(1, (8, 8)), middle, nn.Flatten(1), nn.Linear(64, 2)
    )


def evaluated():
    """Batch norm with running statistics, which is affine."""
    net = convolutional(lambda: nn.BatchNorm2d(4))
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.normal_()
            m.running_var.uniform_(0.5, 2)
    return net.eval()


NETS = {
    "batch norm": lambda: convolutional(lambda: nn.BatchNorm2d(4, track_running_stats=False)),
    "batch norm, plain": lambda: convolutional(
        lambda: nn.BatchNorm2d(4, affine=False, track_running_stats=False)
    ),
    "batch norm of vectors": lambda: dense(nn.BatchNorm1d(4, track_running_stats=False)),
    "batch norm, running": evaluated,
    "instance norm": lambda: convolutional(lambda: nn.InstanceNorm2d(4, affine=True)),
    "group norm": lambda: convolutional(lambda: nn.GroupNorm(2, 4)),
    "layer norm": lambda: dense(nn.LayerNorm(4)),
    "weight norm": lambda: dense(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))),
    "weight norm, whole": lambda: dense(
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 4), dim=None)
    ),
    "attention": lambda: rows(Attention(False)),
    "multi-head attention": lambda: rows(Attention(True)),
    "gru": lambda: rows(Recurrent(nn.GRU)),
    "lstm": lambda: rows(Recurrent(nn.LSTM)),
    "gru cell": lambda: rows(Recurrent(nn.GRUCell)),
    "lstm cell": lambda: rows(Recurrent(nn.LSTMCell)),
    "transformer": lambda: rows(
        nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, activation="gelu")
    ),
}


def problem_of(net, steps, **options):
    """Three tasks of random images, MAML of so many steps."""
    g = torch.Generator().manual_seed(2)
    eye = torch.eye(2, dtype=D)
    tasks = mi.Tasks(
        torch.randn(3, 4, 1, 8, 8, dtype=D, generator=g),
        eye.repeat(3, 2, 1),
        torch.randn(3, 6, 1, 8, 8, dtype=D, generator=g),
        eye.repeat(3, 3, 1),
    )
    adaptation = mi.Unrolled(steps, 0.1) if steps else mi.NoAdaptation()
    return mi.Problem(net, tasks, adaptation, inner_loss=mi.cross_entropy, outer_reg=0.1, **options)


def made(name):
    """A network, its parameters and a direction."""
    torch.manual_seed(1)
    net = NETS[name]().to(D)
    lam = mi.FromModule(net).current()
    return net, lam, torch.randn_like(lam)
