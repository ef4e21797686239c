"""Twenty bad commands, twenty sentences: exit status 2, no traceback, and the way out.

Guards the meaning of exit status 1 (a claim does not hold), and that nothing is worked on before it is
known that the result can be used.
"""

import importlib
import sys
from pathlib import Path

import pytest

from bench import names
from metainfl.cli import main

FILES = {
    "syntax.py": "def f(:\n",
    "raises.py": "x = 1\nraise ValueError('no luck today')\n",
    "leaves.py": "import sys\nsys.exit(3)\n",
    "missing.py": "import no_such_package_here\n",
    "null.py": "x = 1\n\0\n",
    "good.py": "number = 3\ndef method(problem, perturbations): return None\n"
    "def takes(one): return one\ndef fails(): return 1 / 0\ndef gives(): return number\n",
    "tasks.py": "import torch\nfrom metainfl import Tasks\nx = torch.ones(2, 3, 1)\n"
    "def problem(): return Tasks(x, x, x, x[:1])\n"
    "def unset():\n    from metainfl import Linear, NoAdaptation, Problem\n"
    "    return Problem(Linear(1, 1), Tasks(x, x, x, x), NoAdaptation(), outer_reg=1.0)\n",
    "model.py": "import torch\nimport metainfl as mi\nclass Model:\n    n_params = 2\n"
    "    def __call__(self, theta, x): raise KeyError('layer')\n"
    "def problem():\n    x = torch.ones(2, 3, 1)\n"
    "    return mi.Problem(Model(), mi.Tasks(x, x, x, x), mi.NoAdaptation(), outer_reg=1.0, "
    "lam=torch.ones(2))\n",
    "broken.json/keep.txt": "",
}

BAD = {
    "no colon": ("check good.py", "is not of the form"),
    "no place": ("check :method", "is not of the form"),
    "no name": ("check good.py:", "is not of the form"),
    "no file": ("check nosuch.py:f", "there is no file nosuch.py"),
    "no module": ("check nosuch_module:f", "No module named 'nosuch_module'"),
    "a syntax error": ("check syntax.py:f", "syntax.py, line 1: invalid syntax"),
    "a file with null bytes": ("check null.py:f", "importing null.py: source code string"),
    "a module that raises": ("check raises.py:f", "ValueError: no luck today ({}/raises.py, line 2)"),
    "a module that leaves": ("check leaves.py:f", "ends the program"),
    "a missing import": ("check missing.py:f", "No module named 'no_such_package_here'; install it"),
    "a missing object": ("check good.py:methud", "has no 'methud'; it has method, number, takes"),
    "no callable": ("check good.py:number", "is a int, not a callable"),
    "an unknown family": ("check good.py:method --families nosuch", "there are single_ridge, single_"),
    "no family": ("check good.py:method --families ,", "no name was given"),
    "a claim of nothing": ("check good.py:method --claim estimand=x", "unknown estimand 'x'; one of "),
    "a claim twice over": ("check good.py:method --claim sign=1,sign=-1", "sign is given twice in a claim"),
    "a claimed scale of nothing": ("check good.py:method --claim scale=inf", "must be positive and finite"),
    "a claimed scale of 0": ("check good.py:method --claim scale=0", "must be positive and finite"),
    "a claimed scale of words": ("check good.py:method --claim scale=exact", "scale is a number, 'T' or"),
    "a seed below zero": ("check good.py:method --seed -1", "--seed"),
    "a seed too large": ("check --seed 99999999999999999999", "--seed"),
    "an option without its method": ("check --families proximal_ridge", "name it as file.py:method"),
    "no folder": ("check --json no/such/x.json", "does not exist; create it first"),
    "a folder for a file": ("check --quick --json broken.json", "is a directory; name a file"),
    "a file for a folder": ("check good.py:method --html good.py/x.html", "does not exist; create"),
    "one file for both": ("check good.py:method --json x.html --html ./x.html", "is the file of --json too"),
    "a link for both": ("check good.py:method --json link.html --html x.html", "is the file of --json too"),
    "one's own file": ("check good.py:method --json good.py", "good.py is your own file too"),
    "one's own file for advice": ("advise good.py:gives --json ./good.py", "good.py is your own file too"),
    "a place to read only": ("check --quick --json /proc/x.json", "cannot write /proc/x.json"),
    "an unknown option": ("check --nonsense", "No such option"),
    "an unknown command": ("chekc", "No such command"),
    "advice on a number": ("advise good.py:number", "is a int, not a metainfl.Problem"),
    "advice on a number made": ("advise good.py:gives", "is a int, not a metainfl.Problem"),
    "advice that needs something": ("advise good.py:takes", "without arguments raises TypeError"),
    "advice that fails": ("advise good.py:fails", "ZeroDivisionError: division by zero"),
    "advice on bad tasks": ("advise tasks.py:problem", "InvalidTasks: support and query disagree"),
    "advice without lam": ("advise tasks.py:unset", "lam is not set: call problem.solve(), or assign "
                           "problem.lam; or give the run"),
    "advice on a model that fails": ("advise model.py:problem", "KeyError: 'layer' ({}/model.py, line 5: "),
    "a text file": ("attribute broken.json/keep.txt:q", "is no Python file; name one that ends in .py"),
    "a folder": ("attribute ./:q", "./ is no Python file; name one that ends in .py"),
    "a path without its end": ("attribute ./good:method", "is no Python file; name one that ends in .py"),
    "an error below zero": ("advise good.py:gives --error -1", "lies between 0 and 1, got -1"),
    "a size without a name": ("reproduce --size huge", "there is no size 'huge'"),
    "an estimator misspelt": ("methods task_iff", "did you mean task_if"),
    "a picture of minus sizes": ("attribute digits --image -1x-64", "are no picture of -1x-64"),
    "no task left": ("edit digits --remove " + ",".join(map(str, range(120))), "is left to train on"),
    "an error of 2": ("advise digits --error 2", "lies between 0 and 1, got 2"),
    "an error below rounding": ("advise digits --error 1e-300", "is below what torch.float64 rounds at"),
    "advice to nowhere": ("advise digits --json /proc/x.json", "cannot write /proc/x.json"),
    "an unknown backend": ("attribute digits --backend slurm", "one of loky, dask, ray, got 'slurm'"),
    "an unknown backend again": ("reproduce 001-table1 --backend x", "one of loky, dask, ray"),
    "an unknown question": ("bench nosuch", "no question 'nosuch'; there are parts"),
    "an unknown family there": ("bench parts --families nosuch", "there are single_ridge, single_"),
    "a question without families": ("bench cost --families x", "have no families"),
    "an unknown device": ("bench sizes --device abacus", "torch cannot compute on 'abacus'"),
    "a device without numbers": ("bench sizes --device meta", "torch cannot compute on 'meta'"),
    "results to nowhere": ("bench sizes --out /proc/x", "cannot write results to /proc/x"),
    "results into a file": ("bench sizes --out good.py", "cannot write results to good.py"),
    "a question twice": ("bench sizes precision sizes", "'sizes' is given twice"),
    "families twice": ("check good.py:method --families single_ridge,single_ridge", "is given twice"),
    "an experiment twice": ("reproduce 001-table1 004-images 001-table1", "'001-table1' is given twice"),
    "all and more": ("reproduce all 001-table1", "'001-table1' is given twice"),
    "a paper and its own": ("reproduce 004 bae-gaps 004-images", "'004-images' is given twice"),
    "a size of no experiment": ("reproduce 002 --size medium", "--size: no experiment of 002"),
    "a paper that is none": ("reproduce 003", "there is no experiment 003"),
    "a task twice": ("edit digits --remove 3,4,3", "is given twice"),
    "an instance twice": ("edit digits --remove query:3.1,3,query:3.1", "is given twice"),
    "a size that is not there": ("reproduce 004-active --size paper", "has no size 'paper', only small"),
    "one folder to compare": ("bench compare a", "takes two folders"),
    "an empty folder to compare": ("bench compare broken.json broken.json", "holds no results"),
}  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "link.html").symlink_to("x.html")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


@pytest.mark.parametrize("command, words", BAD.values(), ids=BAD)
def test_a_bad_command_is_a_sentence(command, words, here, capsys):
    path, modules = list(sys.path), set(sys.modules)
    assert run(*command.split()) == 2
    shown = capsys.readouterr()
    said = " ".join(shown.err.split())
    assert words.format(here) in said and "Traceback" not in said and not shown.out
    assert len(said) < 1000 and sys.path == path
    assert said.startswith(("Error: ", "Usage: "))  # usage only where the command's form was wrong
    assert not {
        m for m in set(sys.modules) - modules if m in ("syntax", "raises", "leaves", "missing")
    }
    assert sorted(p.name for p in here.iterdir() if p.suffix != ".cache") == sorted(
        {name.split("/")[0] for name in FILES}
        | {"link.html"}
        | ({"__pycache__"} & {p.name for p in here.iterdir()})
    )


def test_a_folder_to_read_only(monkeypatch, capsys):
    """`metainfl bench` writes to ./ledger unless told otherwise."""
    monkeypatch.chdir("/proc")
    assert run("bench", "sizes", "--quick") == 2
    assert "cannot write results to ledger" in " ".join(capsys.readouterr().err.split())


def test_a_fault_of_ours_is_neither_1_nor_2(here, monkeypatch, capsys):
    """A traceback of our own must not read as "a claim does not hold"."""
    import metainfl.report.environment as environment

    monkeypatch.setattr(environment, "PACKAGES", None)
    assert run("report-environment") == 70
    assert "This is a fault of metainfl" in capsys.readouterr().err


def test_a_target_may_import_its_neighbour(here, capsys):
    """Both when it is imported and when it is called; the path is put back."""
    (here / "sub").mkdir()
    (here / "sub" / "neighbour_a.py").write_text("value = 1\n")
    (here / "sub" / "neighbour_b.py").write_text("value = 2\n")
    (here / "sub" / "torch.py").write_text(
        "import neighbour_a\ndef make():\n    import neighbour_b\n    return neighbour_b.value\n"
    )
    path = list(sys.path)
    torch = sys.modules["torch"]
    assert run("advise", "sub/torch.py:make") == 2
    assert "is a int, not a metainfl.Problem" in " ".join(capsys.readouterr().err.split())
    assert sys.path == path and sys.modules["torch"] is torch


@pytest.mark.parametrize("module", ["bench.speed", "bench.minimiser", "bench.training"])
@pytest.mark.parametrize(
    "words, said", [(["nosuch"], "there is no 'nosuch'"), (2, "is given twice; once is enough")]
)
def test_names_of_what_is_measured(module, words, said, capsys):
    """Guards a KeyError, and minutes of measuring the same thing twice."""
    measures = importlib.import_module(module)
    known = getattr(measures, "RUNS", None) or measures.CASES
    with pytest.raises(SystemExit) as caught:
        measures.chosen([next(iter(known))] * 2 if words == 2 else words, known)
    assert caught.value.code == 2 and said in capsys.readouterr().out
    assert measures.chosen([], known) == list(known)


def test_a_measurement_tells_what_it_is_before_it_begins(monkeypatch, capsys):
    """Guards `--help` that starts minutes of work, or writes over a committed result."""
    folder = Path(names.__file__).parent
    mains = [p for p in folder.glob("*.py") if '__name__ == "__main__"' in p.read_text()]
    assert len(mains) > 15
    quiet = [
        p.name for p in mains if "told(" not in p.read_text() and "argparse" not in p.read_text()
    ]
    assert quiet == []
    for words, status, said in (
        (["--help"], 0, "What it is."),
        (["7", "8"], 2, "means nothing here; this takes small, a whole number"),
        (["0"], 2, "means nothing here"),
        (["--nosuch"], 2, "'--nosuch' means nothing here"),
    ):
        monkeypatch.setattr(sys, "argv", ["x", *words])
        with pytest.raises(SystemExit) as caught:
            names.told("What it is.", "small", number=True)
        assert caught.value.code == status and said in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["x", "small", "7"])
    names.told("What it is.", "small", number=True)
