"""JSON that every reader takes: one writer, and words for the numbers that the standard lacks."""

import ast
import json
import math
import os
import stat
from pathlib import Path

import pytest

import metainfl
from metainfl.plain import as_json, from_json, write_json

ROOM = Path(metainfl.__file__).parent


def strict(text):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_what_json_lacks_is_a_word(tmp_path):
    value = {"a": [math.inf, (-math.inf, 1.5)], "b": {"c": math.nan}, "d": None, math.inf: True}
    got = strict(as_json(value))
    assert got == {
        "a": ["Infinity", ["-Infinity", 1.5]],
        "b": {"c": "NaN"},
        "d": None,
        "Infinity": True,
    }
    back = from_json(as_json(value))
    assert back["a"] == [math.inf, [-math.inf, 1.5]] and math.isnan(back["b"]["c"])
    assert [float(w) for w in got["a"][:1]] == [math.inf]
    write_json(tmp_path / "x.json", value)
    assert strict((tmp_path / "x.json").read_text()) == got


def test_pipes_and_links_stay_what_they_are(tmp_path):
    """Guards `--json /dev/stdout`: the file that is written whole took the place of the device."""
    pipe, real, link = (tmp_path / n for n in ("pipe", "real.json", "link.json"))
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_json(pipe, {"a": 1})
    assert json.loads(os.read(reader, 100)) == {"a": 1} and stat.S_ISFIFO(pipe.stat().st_mode)
    os.close(reader)
    real.write_text("old")
    link.symlink_to(real)
    write_json(link, {"a": 2})
    assert link.is_symlink() and json.loads(real.read_text()) == {"a": 2}


def test_nothing_else_writes_json():
    """Guards an `Infinity` that only Python reads."""
    files = [p for p in ROOM.rglob("*.py") if p.name != "plain.py"]
    found = [
        f"{path.relative_to(ROOM)}, line {node.lineno}"
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in ("dump", "dumps", "JSONEncoder")
        and isinstance(node.value, ast.Name)
        and node.value.id == "json"
    ]
    assert len(files) > 300 and not found


SINGULAR = """
import torch
import metainfl as mi
x = torch.ones(2, 3, 2, dtype=torch.float64)
y = torch.ones(2, 3, 1, dtype=torch.float64)
problem = mi.Problem(torch.nn.Linear(2, 1, bias=False).double(), mi.Tasks(x[:, :0], y[:, :0], x, y),
                     mi.NoAdaptation(), inner_loss=mi.squared, outer_reg=0.0)
problem.lam = torch.full((2,), 0.5, dtype=torch.float64)
"""


def test_advice_without_a_bound_is_json(tmp_path, monkeypatch, capsys):
    from metainfl.cli import main

    (tmp_path / "singular.py").write_text(SINGULAR)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(["advise", "singular.py:problem", "--json", "x.json", "--no-progress"])
    assert caught.value.code == 0 and "no bound" in capsys.readouterr().out
    assert "Infinity" in strict((tmp_path / "x.json").read_text())["options"].values()
