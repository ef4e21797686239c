"""Multiplications of several ways beside those of the first: what no faster machine or library changes."""

from torch.utils.flop_counter import FlopCounterMode


def multiplications(ways):
    """Those in matrix products and convolutions, of each way in turn, in units of the first way's."""
    counted = {}
    for name, f in ways.items():
        counter = FlopCounterMode(display=False)
        with counter:
            f()
        counted[name] = counter.get_total_flops()
    base = next(iter(counted.values()))
    return {name: n / base for name, n in counted.items()}
