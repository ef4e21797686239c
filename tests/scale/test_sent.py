"""A store as the first rank has it, on every rank: each rank here is a thread that the first one answers."""

import threading
from queue import Queue

from metainfl.scale.sent import own_place, sent


class Told:
    """A rank whose first is another thread."""

    def __init__(self, rank, said):
        self.rank, self.said = rank, said

    def told(self, value):
        if self.rank == 0:
            self.said.put(value)
            return value
        return self.said.get(timeout=10)


def test_every_rank_has_the_first_ones_files_wherever_they_lie(tmp_path):
    """Guards a rank on another disk that begins anew where the first goes on: each waits for the other."""
    here, there, said = tmp_path / "here", tmp_path / "there", Queue()
    (here / "ledger" / "cells").mkdir(parents=True)
    (here / "ledger" / "cells" / "one.json").write_bytes(b"{}")
    (here / "ledger" / "lam").write_bytes(bytes(range(256)))
    (here / "empty").mkdir()
    (here / "page.html").write_bytes(b"old")
    names = "ledger", "empty", "page.html", "nothing"
    places = {here / n: there / f"1-{n}" for n in names}
    first = threading.Thread(target=sent, args=(Told(0, said), places))
    first.start()
    sent(Told(1, said), {there / n: new for n, new in zip(names, places.values(), strict=True)})
    first.join(10)
    assert (there / "1-ledger" / "cells" / "one.json").read_bytes() == b"{}"
    assert (there / "1-ledger" / "lam").read_bytes() == bytes(range(256))
    assert (there / "1-page.html").read_bytes() == b"old"
    assert list((there / "1-empty").iterdir()) == [] and not (there / "1-nothing").exists()
    assert said.empty()
    assert sorted(p.name for p in here.iterdir()) == ["empty", "ledger", "page.html"]


def test_each_rank_has_a_store_of_its_own(tmp_path):
    """Guards two ranks that write into one folder, and one that begins anew where the first goes on."""
    said, at = Queue(), tmp_path / "store"
    at.mkdir()
    (at / "lam").write_bytes(b"kept")
    with own_place(Told(0, said), at) as first, own_place(Told(1, said), at) as second:
        assert first == at and second != at
        assert (second / "lam").read_bytes() == b"kept"
        (second / "lam").write_bytes(b"of another rank")
    assert (at / "lam").read_bytes() == b"kept" and not second.exists()
