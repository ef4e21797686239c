"""Paper 004 on real tables: which are read at which size, and that their parts share no row."""

import pytest
import torch

from metainfl.errors import InvalidTasks, MissingData
from metainfl.experiments.experiment import UNTOLD
from metainfl.experiments.paper_004 import on_tables
from metainfl.experiments.paper_004.on_tables import drawn, tables_of, trimming
from metainfl.experiments.paper_004.table_claims import buys_better, trims_better


def bank(rows=120):
    """Bank's form: semicolons, quoted words, the class last."""
    lines = [f'{k % 50};"{"abc"[k % 3]}";"{"no" if k % 4 else "yes"}"' for k in range(rows)]
    return "\n".join(['"age";"job";"y"', *lines])


def test_parts_share_no_row():
    table = tables_of("small", None)["breast_cancer"]
    parts = drawn(table, on_tables.SMALL, 3)
    rows = torch.cat([x for x, _ in parts.values()])
    assert len(rows) == 569 and len(torch.unique(rows, dim=0)) == 569
    assert [len(x) for x, _ in parts.values()] == [200, 100, 269]


def test_the_papers_tables_are_those_that_are_there(tmp_path):
    """Guards a run on other data than the folder's, and a table that is required when another is there."""
    with pytest.raises(MissingData, match="none of adult, bank, celeba, jigsaw is there"):
        tables_of("paper", tmp_path)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/bank.csv").write_text(bank())
    found = tables_of("paper", tmp_path)
    assert list(found) == ["bank"] and found["bank"].classes == ("no", "yes")


def test_at_the_papers_size(tmp_path, monkeypatch):
    """Bank from a file, through trimming; Table 4 buys no label of it."""
    (tmp_path / "bank.csv").write_text(bank())
    monkeypatch.setattr(on_tables, "PAPER", {"train": 60, "valid": 20, "test": 30})
    found = on_tables.cell("paper", 0, tmp_path)
    assert set(found) == {"bank"} and set(found["bank"]) == {"clean", "noisy"}
    assert "FI 20" in found["bank"]["clean"] and "Shapley 20" not in found["bank"]["clean"]
    assert buys_better("BALD")([found]).holds == UNTOLD
    assert trims_better("clean", "FI", "Shapley")([found]).holds == UNTOLD
    assert "bank" in trims_better("noisy", "FI", "IV")([found]).ours


def test_noise_is_another_training_set(monkeypatch):
    monkeypatch.setattr(on_tables, "SMALL", {"train": 60, "valid": 20, "test": 300})
    monkeypatch.setattr(on_tables, "ORDERS", 4)
    table = tables_of("small", None)["breast_cancer"]
    clean, noisy = (trimming(table, kind, "small", 0) for kind in ("clean", "noisy"))
    assert clean != noisy and clean == trimming(table, "clean", "small", 0)


def test_a_small_table_has_fewer_test_rows_or_is_refused():
    """Guards torch's words on sizes that do not fit."""
    table = tables_of("small", None)["breast_cancer"]
    sizes = {"train": 400, "valid": 100, "test": 200}
    assert len(drawn(table, sizes, 0)["test"][0]) == 69
    with pytest.raises(InvalidTasks, match="569 rows"):
        drawn(table, {**sizes, "train": 469}, 0)
