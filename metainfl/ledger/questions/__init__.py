"""The questions, one a file; importing them registers them in the order of the page."""

from metainfl.ledger.questions import (  # noqa: F401, I001  (the order is the page's)
    parts,
    neumann,
    damping,
    conditioning,
    sizes,
    inner_steps,
    stationarity,
    precision,
    freezing,
    fit,
    groups,
    baselines,
    cost,
)
