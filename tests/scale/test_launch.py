"""What a rank other than the first does with the places that a command writes to."""

from metainfl.scale.launch import elsewhere, started_by_torchrun


def test_only_the_first_rank_writes_where_it_was_told(tmp_path):
    """Guards two ranks that write one file, and a store that goes on in one rank only."""
    store, own = tmp_path / "ledger", tmp_path / "own"
    store.mkdir()
    own.mkdir()
    (store / "cells.jsonl").write_text("{}\n")
    given = ["bench", "--out", str(store), "--html=report.html", "--quick"]
    found = elsewhere(given, own)
    assert found[0] == "bench" and found[-1] == "--quick" and str(tmp_path / "ledger") not in found
    assert (own / "1-ledger" / "cells.jsonl").read_text() == "{}\n"
    assert found[3] == f"--html={own / '3-report.html'}"
    assert elsewhere(["bench", "--out"], own) == ["bench", "--out"]


def test_alone_unless_torchrun_started_several(monkeypatch):
    """Guards a WORLD_SIZE that some cluster's own environment sets."""
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert not started_by_torchrun()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert started_by_torchrun()
