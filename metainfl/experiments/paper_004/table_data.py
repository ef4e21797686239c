"""The tables that 004 trains on, their disjoint parts, and its noise (appendix D.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from metainfl.data import LabelledData, read_table, read_tabular
from metainfl.data.looked import remembered
from metainfl.errors import InvalidTasks, MissingData
from metainfl.experiments.paper_004.planes import Labelled

TURNED = 6  # features of celeba, in place of noise
OPTIONS: dict[str, dict[str, Any]] = {
    "adult": {"missing": "drop"},
    "bank": {"missing": "drop"},
    "celeba": {"label": "Smiling", "leave_out": ["image_id"]},
    "jigsaw": {},
}


@remembered
def tables_of(size: str, data: Path | None) -> dict[str, LabelledData]:
    """By name; `MissingData` where none of the paper's is there."""
    if size == "small":
        return {"breast_cancer": read_table("breast_cancer")}
    found, absent = {}, []
    for name, options in OPTIONS.items():
        try:
            found[name] = read_tabular(data, table=name, **options)
        except MissingData as e:
            absent.append(e)
    if not found:
        raise MissingData(f"none of {', '.join(OPTIONS)} is there, and one is enough. {absent[0]}")
    return found


def drawn(table: LabelledData, sizes: dict[str, int], seed: int) -> dict[str, Labelled]:
    """Disjoint parts of a table, inputs and one-hot labels; fewer test rows where it has no more."""
    rest = len(table) - sum(v for name, v in sizes.items() if name != "test")
    if rest < 1:
        raise InvalidTasks(
            f"{table.name} has {len(table)} rows, and {sizes} take all of them before the test rows: give a "
            "larger table"
        )
    sizes = {**sizes, "test": min(sizes["test"], rest)}
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(seed))
    y = nn.functional.one_hot(table.labels, len(table.classes)).double()
    parts = order.split([*sizes.values(), len(order) - sum(sizes.values())])
    return {name: (table.x[p], y[p]) for name, p in zip(sizes, parts, strict=False)}


def noisy(table: LabelledData, x: Tensor, rng: np.random.Generator) -> Tensor:
    """Training rows of a table with the paper's noise (appendix D.1)."""
    x = x.clone()
    if table.name == "celeba":
        some = rng.permutation(x.shape[1])[:TURNED].tolist()
        x[:, some] = table.x[:, some].amin(0) + table.x[:, some].amax(0) - x[:, some]
        return x
    some = rng.permutation(len(x))[: len(x) // 10].tolist()
    x[some] += torch.tensor(rng.normal(0, 0.1**0.5, (len(some), x.shape[1])))
    return x
