"""Small models as users write them, by name and kind of input: vectors, images, sequences, tokens."""

import torch
import torch.nn.functional as F
from torch import nn

D, C = 4, 3  # features and outputs


class Of(nn.Module):
    """f(modules, x)."""

    def __init__(self, f, *modules):
        super().__init__()
        self.f, self.modules_ = f, nn.ModuleList(modules)

    def forward(self, x):
        return self.f(self.modules_, x)


class With(nn.Module):
    """f(parameters by name, x)."""

    def __init__(self, f, **shapes):
        super().__init__()
        self.f = f
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(0.5 * torch.randn(*shape)))

    def forward(self, x):
        return self.f(self, x)


def chain(*layers):
    return nn.Sequential(*layers)


def rows(f):
    """f of x times each row of a: (n, C, D) to (n, C)."""
    return lambda: With(lambda s, x: f(x[:, None] * s.a[None]), a=(C, D))


def maps(f, **more):
    """f of x a, x b: each (n, C)."""
    return lambda: With(lambda s, x: f(s, x @ s.a, x @ s.b), a=(D, C), b=(D, C), **more)


def square(f):
    """x b times f of a square matrix a."""
    return lambda: With(lambda s, x: f(s.a, x) @ s.b, a=(D, D), b=(D, C))


def spd(a):
    return a @ a.T + torch.eye(D, dtype=a.dtype)


def between(layer):
    return lambda: chain(nn.Linear(D, 4), layer(), nn.Tanh(), nn.Linear(4, C))


def frozen_body():
    net = chain(nn.Linear(D, 4), nn.Tanh(), nn.Linear(4, C))
    net[0].requires_grad_(False)
    return net


def shared_layer():
    layer = nn.Linear(D, D)
    return Of(lambda m, x: m[1](m[0](m[0](x).tanh())), layer, nn.Linear(D, C))


ACTIVATIONS = """
Tanh Sigmoid Softplus GELU SiLU Mish Softsign ELU CELU SELU Hardswish Hardtanh LeakyReLU ReLU ReLU6
LogSigmoid Tanhshrink Softshrink PReLU
""".split()  # noqa: SIM905 (a list is longer)
VECTORS = {
    **{
        name: lambda name=name: chain(nn.Linear(D, 3), getattr(nn, name)(), nn.Linear(3, C))
        for name in ACTIVATIONS
    },
    "linear": lambda: nn.Linear(D, C),
    "layer norm": between(lambda: nn.LayerNorm(4)),
    "rms norm": between(lambda: nn.RMSNorm(4)),
    "batch norm, own statistics": between(lambda: nn.BatchNorm1d(4, track_running_stats=False)),
    "batch norm, at rest": lambda: between(lambda: nn.BatchNorm1d(4))().eval(),
    "batch norm, training": between(lambda: nn.BatchNorm1d(4)),
    "dropout": between(lambda: nn.Dropout(0.5)),
    "dropout, at rest": lambda: between(lambda: nn.Dropout(0.5))().eval(),
    "orthogonal": lambda: chain(
        nn.utils.parametrizations.orthogonal(nn.Linear(D, 4)), nn.Tanh(), nn.Linear(4, C)
    ),
    "normalised": lambda: Of(
        lambda m, x: m[1](F.normalize(m[0](x), dim=1)), nn.Linear(D, 4), nn.Linear(4, C)
    ),
    "cosine": lambda: With(
        lambda s, x: 3 * F.cosine_similarity((x @ s.a)[:, None], s.b[None], dim=2),
        a=(D, 4), b=(C, 4),
    ),
    "cdist": lambda: With(lambda s, x: -torch.cdist(x @ s.a, s.b), a=(D, 4), b=(C, 4)),
    "logsumexp": rows(lambda z: z.logsumexp(-1)),
    "amax": rows(lambda z: z.amax(-1)),
    "largest two": rows(lambda z: z.topk(2, -1).values.sum(-1)),
    "sorted": rows(lambda z: z.sort(-1).values[..., 0]),
    "median": rows(lambda z: z.median(-1).values),
    "product": rows(lambda z: z.prod(-1)),
    "deviation": rows(lambda z: z.std(-1)),
    "norm": rows(lambda z: (z + 1).norm(dim=-1)),
    "cumulated": maps(lambda s, u, v: u.cumsum(1) + v.cumprod(1)),
    "where": maps(lambda s, u, v: torch.where(u > 0, v.square(), 0.1 * v)),
    "clamp": maps(lambda s, u, v: u.clamp(-0.5, 0.5) + v),
    "abs": maps(lambda s, u, v: u.abs() + v),
    "special": maps(lambda s, u, v: u.erf() + torch.lgamma(1.5 + v.square())),
    "atan2": maps(lambda s, u, v: torch.atan2(u, 1 + v.square())),
    "hypot": maps(lambda s, u, v: torch.hypot(u, v)),
    "power": maps(lambda s, u, v: (1 + u.square()) ** s.c + v, c=(C,)),
    "einsum": lambda: With(lambda s, x: torch.einsum("ni,ijk,nj->nk", x, s.a, x), a=(D, D, C)),
    "bilinear": lambda: Of(lambda m, x: m[0](x, x.tanh()), nn.Bilinear(D, D, C)),
    "fft": lambda: With(lambda s, x: torch.fft.rfft(x @ s.a).abs()[:, :C], a=(D, 6)),
    "solve": square(lambda a, x: torch.linalg.solve(spd(a), x.T).T),
    "cholesky": square(lambda a, x: x @ torch.linalg.cholesky(spd(a))),
    "exponential": square(lambda a, x: x @ torch.linalg.matrix_exp(0.3 * a)),
    "determinant": square(lambda a, x: x * torch.linalg.det(a)),
    "singular values": square(lambda a, x: x * torch.linalg.svdvals(a).sum()),
    "shared layer": shared_layer,
    "frozen body": frozen_body,
    "softmax inside": lambda: Of(
        lambda m, x: m[1](m[0](x).softmax(-1)), nn.Linear(D, 4), nn.Linear(4, C)
    ),
    "gumbel": lambda: Of(lambda m, x: F.gumbel_softmax(m[0](x)), nn.Linear(D, C)),
    "in place": lambda: Of(lambda m, x: m[0](x).add_(1).mul_(2).tanh_(), nn.Linear(D, C)),
    "glu": lambda: chain(nn.Linear(D, 6), nn.GLU(), nn.Linear(3, C)),
    "scatter": lambda: With(
        lambda s, x: x.new_zeros(len(x), C).index_add(1, torch.tensor([0, 1, 2, 0]), x * s.a),
        a=(D,),
    ),
    "detached": lambda: Of(lambda m, x: m[0](x) * m[0](x).detach(), nn.Linear(D, C)),
}  # fmt: skip


def pooled(*layers, width):
    return lambda: chain(*(f() for f in layers), nn.Flatten(), nn.Linear(width, C))


def conv(**options):
    return lambda: nn.Conv2d(1, 2, 3, padding=1, **options)


IMAGES = {
    "convolution": pooled(conv(), nn.Tanh, lambda: nn.AvgPool2d(2), width=18),
    "max pooling": pooled(conv(), nn.ReLU, lambda: nn.MaxPool2d(2), width=18),
    "stride, group norm": pooled(
        conv(stride=2),
        lambda: nn.GroupNorm(2, 2),
        nn.SiLU,
        lambda: nn.AdaptiveAvgPool2d(1),
        width=2,
    ),
    "instance norm": pooled(conv(), lambda: nn.InstanceNorm2d(2, affine=True), nn.Tanh, width=72),
    "circular": pooled(conv(padding_mode="circular"), nn.Tanh, lambda: nn.AvgPool2d(3), width=8),
    "transposed": pooled(
        lambda: nn.ConvTranspose2d(1, 2, 2, stride=2), nn.Tanh, lambda: nn.AvgPool2d(4), width=18
    ),
    "upsampled": pooled(
        conv(),
        lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
        lambda: nn.AvgPool2d(4),
        width=18,
    ),
    "local response": pooled(conv(), lambda: nn.LocalResponseNorm(2), width=72),
    "power pooling": pooled(conv(), lambda: nn.LPPool2d(2, 2), width=18),
}
SEQUENCES = {
    "gru": lambda: Of(
        lambda m, x: m[1](m[0](x)[0][:, -1]), nn.GRU(2, 3, batch_first=True), nn.Linear(3, C)
    ),
    "lstm": lambda: Of(
        lambda m, x: m[1](m[0](x)[0].mean(1)), nn.LSTM(2, 2, batch_first=True), nn.Linear(2, C)
    ),
    "attention": lambda: Of(
        lambda m, x: m[1](m[0](x, x, x)[0].mean(1)),
        nn.MultiheadAttention(2, 2, batch_first=True), nn.Linear(2, C),
    ),
    "transformer": lambda: Of(
        lambda m, x: m[1](m[0](x).mean(1)),
        nn.TransformerEncoderLayer(2, 1, 4, dropout=0.0, batch_first=True), nn.Linear(2, C),
    ),
    "convolution in time": lambda: Of(
        lambda m, x: m[1](m[0](x.transpose(1, 2)).tanh().mean(2)), nn.Conv1d(2, 3, 2), nn.Linear(3, C)
    ),
}  # fmt: skip
TOKENS = {
    "embedding": lambda: Of(
        lambda m, x: m[1](m[0](x.long()).mean(1)), nn.Embedding(6, 3), nn.Linear(3, C)
    ),
    "one-hot": lambda: Of(lambda m, x: m[0](F.one_hot(x.long(), 6).to(x).sum(1)), nn.Linear(6, C)),
    "embedding that rescales": lambda: Of(
        lambda m, x: m[1](m[0](x.long()).mean(1)), nn.Embedding(6, 3, max_norm=1.0), nn.Linear(3, C)
    ),
}
KINDS = {"vectors": VECTORS, "images": IMAGES, "sequences": SEQUENCES, "tokens": TOKENS}


def inputs(kind, n, draw):
    """(n, ...)."""
    if kind == "tokens":
        return torch.randint(0, 6, (n, 4), generator=draw).double()
    shape = {"vectors": (D,), "images": (1, 6, 6), "sequences": (3, 2)}[kind]
    return torch.randn(n, *shape, generator=draw, dtype=torch.float64)
