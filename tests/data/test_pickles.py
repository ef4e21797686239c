"""A pickle is a program: nothing that a file names is run, whatever it names, and arrays come back whole."""

import builtins
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from metainfl.data.pickles import read_pickle
from metainfl.errors import BrokenData


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_of_every_kind(tmp_path, protocol):
    """Byte order, Fortran order, empty arrays, scalars, containers, and one list in two places."""
    shared = [1, "two", b"three", None, 4.5]
    content = {
        "bytes": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "swapped": np.arange(5, dtype=">i4"),
        "empty": np.zeros((0, 3), np.float32),
        "strided": np.arange(10)[::3],
        "scalar": np.int64(-7),
        "flag": np.array([True, False]),
        "nested": (shared, {"again": shared}, OrderedDict(a=1)),
    }
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    found = read_pickle(path)
    for name, value in content.items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(found[name], value) and found[name].dtype == value.dtype, name
    assert found["scalar"] == -7
    assert found["nested"] == (shared, {"again": shared}, {"a": 1})
    assert found["nested"][0] is found["nested"][1]["again"]


def test_python_2(tmp_path):
    """Bytes of Python 2 are text there: keys, type codes and the array's content."""
    path = tmp_path / "a.pkl"
    path.write_bytes(
        b"\x80\x02}q\x01U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02K\x02\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x04\x00\x7f\x80\xfftbs."
    )
    assert np.array_equal(read_pickle(path)["data"], [[0, 127], [128, 255]])


class Names:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch {}",)),
        (builtins.eval, ("open({!r}, 'w')",)),
        (builtins.exec, ("open({!r}, 'w')",)),
        (builtins.open, ("{}", "w")),
        (builtins.getattr, ("a", "b")),
        (np.load, ("{}",)),
        (np.fromfile, ("{}",)),
        (np.save, ("{}", 1)),
        (np.memmap, ("{}",)),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_nothing_is_run(tmp_path, function, arguments, protocol):
    """Also functions of numpy, and inside an otherwise sound file."""
    mark = tmp_path / "mark"
    filled = tuple(a.format(str(mark)) if isinstance(a, str) else a for a in arguments)
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"data": [Names(function, *filled)]}, protocol))
    with pytest.raises(BrokenData, match=r"a.pkl: it asks to load .* nothing was run"):
        read_pickle(path)
    assert not mark.exists()


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
ODD = {
    "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0efromfile.write\x93.",
    "a builder changed": RECONSTRUCT + b"}S'_build'\nNsb.",
    "a builder changed by slots": RECONSTRUCT + b"N}S'_build'\nNs\x86b.",
    "a builder as result": RECONSTRUCT + b".",
    "a class made anew": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "a dict with a state": b"\x80\x02}}U\x01aK\x01sb.",
    "persistent": b"\x80\x02U\x01aQ.",
    "an array without content": RECONSTRUCT + b"(tR.",
    "extension": b"\x80\x02\x82\x01.",
    "text": b"hello",
    "nothing": b"",
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_odd_programs(tmp_path, content):
    """Ways past a table of names: attributes, states, extensions; each ends in our own error."""
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    with pytest.raises(BrokenData, match=r"a\.pkl"):
        read_pickle(path)
    path.write_bytes(pickle.dumps(np.arange(3), 2))
    assert np.array_equal(read_pickle(path), [0, 1, 2])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array([[1], "a"], dtype=object), "only numbers"),
        (np.zeros(2, dtype=[("a", "i4")]), "only numbers"),
        (np.array(["abc"]), "only numbers"),
        (np.array(["2020"], dtype="M8[Y]"), "only numbers"),
        ({1, 2}, "asks to load|holds a set"),
    ],
)
def test_other_arrays_are_refused(tmp_path, value, message):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(value, 2))
    with pytest.raises(BrokenData, match=message):
        read_pickle(path)


def test_cut_anywhere(tmp_path):
    """A download that stopped at any byte is named, never a shorter array or an error of pickle's."""
    whole = pickle.dumps({"data": np.arange(6, dtype=np.uint8), "labels": [1, 2]}, 2)
    path = tmp_path / "a.pkl"
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(BrokenData):
            read_pickle(path)
    claimed = whole.replace(b"K\x06\x85", b"K\x60\x85")
    assert claimed != whole
    path.write_bytes(claimed)
    with pytest.raises(BrokenData, match="needs 96 bytes, 6 are there"):
        read_pickle(path)
