"""A file is whole or not there, whoever else writes it."""

import threading
from pathlib import Path

import pytest

from metainfl.whole_file import whole_file


def test_an_error_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "values.json"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as half:
        half.write_text("ne")
        raise KeyboardInterrupt
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("values.json", "old")]


def test_two_that_write_at_once_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "values.json"
    both_write = threading.Barrier(2, timeout=20)
    failed: list[BaseException] = []

    def write(text: str) -> None:
        try:
            with whole_file(path) as half:
                half.write_text(text)
                both_write.wait()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(2000 * c,)) for c in "ab"]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed
    assert path.read_text() in ("a" * 2000, "b" * 2000)
    assert [p.name for p in tmp_path.iterdir()] == ["values.json"]
