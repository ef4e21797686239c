"""The README is executed: its Python runs, its commands exist, its tables are what the code prints."""

import re
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
pytestmark = pytest.mark.skipif(not README.exists(), reason="not run from a checkout")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"), ids=lambda c: c.split("\n")[0][:40])
def test_python(code):
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


def test_tutorial(capsys, monkeypatch):
    """The pages in docs are one program each, top to bottom; here without a process for each method."""
    import metainfl.oracle as oracle

    monkeypatch.setattr(oracle, "check_method", partial(oracle.check_method, in_process=True))
    names = {"__name__": "tutorial"}
    page = (ROOT / "docs" / "judge_your_method.md").read_text()
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "judge_your_method.md", "exec"), names)
    assert "without the outer regulariser" in capsys.readouterr().out


def test_counts_in_the_text():
    from metainfl.oracle.checks import CHECKS
    from metainfl.oracle.mutants import MUTANTS, RIGHT

    words = " ".join(README.read_text().split())
    assert f"{len(MUTANTS)} wrong methods" in words
    assert f"one of {len(CHECKS)} checks" in words
    assert f"{len(RIGHT)} right methods" in words


def test_links_lead_somewhere():
    for path in re.findall(r"\]\(([^)#]+)\)", README.read_text()):
        assert (ROOT / path).exists(), path


def test_first_screen_is_short_and_asserts():
    first = blocks("python")[0].strip().split("\n")
    assert len(first) <= 9 and any(line.startswith("assert") for line in first)


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", "".join(blocks("console"))))
    assert {"check", "test"} <= named <= targets


def test_modules_named_in_commands_exist():
    for name in set(re.findall(r"python -m (\S+?)[`\s]", README.read_text())):
        path = ROOT / name.replace("metainfl_reference", "reference").replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), name


def test_pictures_exist():
    for path in re.findall(r"!\[.*?\]\((.*?)\)", README.read_text()):
        assert (ROOT / path).exists(), path


def test_table_has_the_rows_that_check_prints():
    """Numbers are written by `python -m bench.verdicts`; names, sizes and claims must be today's."""
    from bench.verdicts import PAGE, block
    from metainfl.oracle.builtin_table import plan as planned

    plan = planned(quick=False)
    lines = [line.split(" | ") for line in block(PAGE.read_text(), "check").strip().split("\n")[2:]]
    assert [(row[0].strip("| "), row[1]) for row in lines] == [(m.name, c.name) for m, c in plan]
    for row, (method, _) in zip(lines, plan, strict=True):
        assert row[6] == str(method.claim) and row[8].strip(" |") == "holds"
        if method.claim.estimand == "derivative":
            assert float(row[3]) < 1e-9
