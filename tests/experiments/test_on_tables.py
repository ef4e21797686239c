"""Paper 004 on real tables: which are read at which size, and that their parts share no row."""

import numpy as np
import pytest
import torch

from metainfl.data import LabelledData
from metainfl.errors import InvalidTasks, MissingData
from metainfl.experiments import reproduce
from metainfl.experiments.experiment import UNTOLD
from metainfl.experiments.paper_004 import on_tables
from metainfl.experiments.paper_004.on_tables import drawn, tables_of, trimming
from metainfl.experiments.paper_004.table_claims import buys_better, no_gain, trims_better


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


def test_no_purchase_of_table_4_takes_all_there_is():
    """Guards rounds that go on when the pool is empty."""
    for first, pool, rounds, bought in (*on_tables.TABLE_4.values(), on_tables.SMALL_BUYING):
        assert 0 < rounds * bought < pool and first > 0


def test_adult_as_it_is_published(tmp_path, monkeypatch):
    """Unquoted words, unknown ones, and two classes, through trimming and buying."""
    head = "@relation adult\n@attribute age numeric\n@attribute work {Private,State-gov}\n"
    words = ["?" if k % 7 == 0 else ("Private", "State-gov")[k % 2] for k in range(200)]
    rows = [f"{k % 50},{w},{'<>'[k % 3 > 1]}50K" for k, w in enumerate(words)]
    data = "@attribute class {<50K,>50K}\n@data\n" + "\n".join(rows)
    (tmp_path / "adult.arff").write_text(head + data)
    monkeypatch.setattr(on_tables, "PAPER", {"train": 40, "valid": 20, "test": 30})
    monkeypatch.setitem(on_tables.TABLE_4, "adult", (12, 20, 2, 4))
    found = on_tables.cell("paper", 0, tmp_path)["adult"]
    assert {way: len(v) for way, v in found["buying"].items()} == dict.fromkeys(on_tables.BUYING, 3)
    told = trims_better("clean", "IV", "none", "adult", "bank")([{"adult": found}] * 2)
    assert told.ours.startswith("adult ") and "40 rows: " in told.why and "(2 seeds)" in told.why


def test_noise_on_two_valued_features_turns_six_over():
    """Guards noise on what is -1 or 1, and a feature that is turned over in some rows alone."""
    raw = torch.where(
        torch.rand(40, 9, generator=torch.Generator().manual_seed(0)) < 0.3, 1.0, -1.0
    )
    x = (raw - raw.mean(0)) / raw.std(0, unbiased=False)
    table = LabelledData("celeba", x.double(), torch.zeros(40).long(), ("no", "yes"))
    found = on_tables.noisy(table, table.x[:25], np.random.default_rng(0))
    back = found.float() * raw.std(0, unbiased=False) + raw.mean(0)
    turned = [j for j in range(9) if torch.allclose(back[:, j], -raw[:25, j], atol=1e-5)]
    same = [j for j in range(9) if torch.allclose(back[:, j], raw[:25, j], atol=1e-5)]
    assert len(turned) == 6 and len(same) == 3


def trimmed(**accuracy):
    """Cells of one table by name, of accuracies after 20 rows."""
    of = {f"{w} {n}": v for w, v in accuracy.items() for n in on_tables.COUNTS} | {"none": 0.8}
    return {"clean": of}


def test_a_claim_of_some_tables_is_told_of_them_alone():
    cells = [{"adult": trimmed(IV=0.9, random=0.8), "celeba": trimmed(IV=0.7, random=0.8),
              "jigsaw": trimmed(IV=0.81, random=0.8)}] * 5  # fmt: skip
    assert trims_better("clean", "IV", "none", "adult", "bank")(cells).holds == "holds"
    assert trims_better("clean", "IV", "none")(cells).holds == "does not hold"
    worse = trims_better("clean", "none", "IV", "celeba")(cells)
    assert worse.holds == "holds" and worse.ours.startswith("celeba 0.1 ")
    assert no_gain("IV", "random", "jigsaw")(cells).holds == "does not hold"
    assert no_gain("random", "none")(cells).holds == "holds"
    assert no_gain("IV", "random", "bank")(cells).holds == UNTOLD


def test_a_kill_loses_the_purchase_at_hand(tmp_path, monkeypatch):
    """Guards a seed of hours that starts again: rankings and purchases that were made are not made again."""
    made = []

    def curve(way, *a, **k):
        made.append(way)
        if way == "margin" and made.count(way) == 1:
            raise KeyboardInterrupt
        return [0.5, 0.5]

    def orders(problem, train, valid, rng):
        made.append("rows")
        return {"FI": list(range(len(train[0])))}

    for name, fake in (
        ("curve", curve),
        ("orders", orders),
        ("shapley_order", lambda *a, **k: [0]),
    ):
        monkeypatch.setattr(on_tables, name, fake)
    with pytest.raises(KeyboardInterrupt):
        reproduce("004-tables", out=tmp_path, seeds=1)
    assert made == ["rows", "rows", *on_tables.BUYING]
    reproduce("004-tables", out=tmp_path, seeds=1)
    assert made[len(on_tables.BUYING) + 2 :] == ["margin"]
