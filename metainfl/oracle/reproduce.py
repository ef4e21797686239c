"""Reproductions: one line of Python that runs a failed check again and prints what it found.

It runs in the caller's own process unless the method ends it, so that a breakpoint in the method works.
"""

from __future__ import annotations

import base64
import importlib.util
import os
import site
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from metainfl.derive.problem import Problem
from metainfl.methods.claim import Claim
from metainfl.oracle.arguments import looked_at
from metainfl.oracle.checks import CHECKS
from metainfl.oracle.child import Child
from metainfl.oracle.folding import remembers
from metainfl.oracle.judging import run_one
from metainfl.oracle.outcome import Outcome
from metainfl.oracle.random_state import keep_rng, seeded
from metainfl.oracle.report import Report
from metainfl.oracle.runner import InProcess
from metainfl.oracle.runs.context import context
from metainfl.oracle.shipping import dumped
from metainfl.oracle.watched import Method
from metainfl.problem.code import written
from metainfl.problem.perturbation import Perturbation

MOST = 6000  # characters of a method that is written into its reproduction


@dataclass(frozen=True)
class Rerun:
    """The outcome, and the last question that the method was asked: look at it in a debugger."""

    outcome: Outcome
    problem: Problem | None
    perturbations: list[Perturbation]


def rerun(
    method: Method,
    check: str,
    *,
    claim: Claim | None = None,
    quick: bool = False,
    seed: int = 0,
    seconds: float = 60.0,
    in_process: bool = True,
    history: bool = False,
) -> Rerun:
    """One check again, printed; `history` runs the checks before it first, for methods with a memory."""
    claim, *_ = looked_at(method, claim, None, [check], None, seed, seconds, None)
    names = list(CHECKS)
    before = names[: names.index(check)] if history else []
    runner = InProcess(method) if in_process else Child(method, seed=seed)
    ctx = context(method, claim, quick=quick, seed=seed, seconds=seconds, runner=runner)
    try:
        with keep_rng():
            seeded(seed)
            for name in before:
                run_one(ctx, name)
            outcome = run_one(ctx, check)
    finally:
        if isinstance(runner, Child):
            runner.close()
    print(f"{outcome.status}: {check}: {CHECKS[check].meaning}")
    own = (line for line in outcome.lines() if not line.startswith("reproduce: "))
    print("\n".join(f"    {line}" for line in own))
    problem, pis = ctx.asked or (None, [])
    if pis:
        print(f"    asked last: {', '.join(map(str, pis[:6]))}{' ...' if len(pis) > 6 else ''}")
    return Rerun(outcome, problem, list(pis))


def reproduction(method: Method, report: Report, outcome: Outcome) -> str:
    """Statements, on one line, that run the failed check again; "" for a method that cannot be written."""
    spelled = spell(method)
    if spelled is None:
        return ""
    imports, expression = spelled
    return "; ".join(
        [*imports, "from metainfl.oracle import Claim, rerun", _call(expression, report, outcome)]
    )


def write(method: Method, report: Report, folder: Path) -> list[Path]:
    """A runnable file a failed check; a method without a name is kept beside them as pickle."""
    spelled = spell(method, embed=False)
    if spelled is None:
        (folder / "method.pkl").write_bytes(dumped(method))
        read = "method = cloudpickle.loads((Path(__file__).parent / 'method.pkl').read_bytes())"
        spelled = (["from pathlib import Path", "import cloudpickle", read], "method")
    imports, expression = spelled
    out = []
    for o in report.failures:
        path = folder / f"{o.check}.py"
        facts = "\n".join(f"# {line}" for line in o.lines() if not line.startswith("reproduce"))
        lines = [f"# {CHECKS[o.check].meaning}", facts, *_where(imports), *imports]
        lines += [
            "from metainfl.oracle import Claim, rerun",
            "",
            f"found = {_call(expression, report, o)}",
        ]
        lines += [
            "# found.problem, found.perturbations: the last question that the method was asked"
        ]
        path.write_text("\n".join(lines) + "\n")
        out.append(path)
    return out


def _where(imports: Sequence[str]) -> list[str]:
    """Lines that make a module of the user's importable from anywhere; none for what is installed."""
    name = imports[0].removeprefix("import ") if imports[0].startswith("import ") else ""
    file = getattr(sys.modules.get(name), "__file__", None)
    if not file or not written(name):
        return []
    folder = Path(file).resolve().parents[name.count(".") + Path(file).name.startswith("__init__")]
    return ["import sys", f"sys.path.insert(0, {str(folder)!r})"]


def _call(expression: str, report: Report, outcome: Outcome) -> str:
    options = [f"claim={_claim(report.claim)}", f"quick={report.quick}", f"seed={report.seed}"]
    if any(word in outcome.cause for word in ("ended the process", "still running", "not asked")):
        options += ["in_process=False", f"seconds={report.limit:g}"]
    if remembers(report.outcomes, report.first):
        options.append("history=True")
    return f'rerun({expression}, "{outcome.check}", {", ".join(options)})'


def _claim(claim: Claim) -> str:
    given = [f for f in fields(Claim) if getattr(claim, f.name) != getattr(Claim(), f.name)]
    inside = ", ".join(f"{f.name}={getattr(claim, f.name)!r}" for f in given)
    return f"Claim({inside})".replace("'", '"')


def spell(method: Method, *, embed: bool = True) -> tuple[list[str], str] | None:
    """Import statements and an expression for the method, by name where it has one."""
    found = _named(method)
    if found is not None:
        module, name = found
        if _importable(module):
            return [f"import {module}"], f"{module}.{name}"
        file = getattr(sys.modules[module], "__file__", None)
        if file:
            return ["from metainfl.commands.target import load"], f'load("{file}:{name}")'
    if not embed:
        return None
    try:
        text = base64.b64encode(dumped(method)).decode()
    except Exception:  # runs here only, with in_process=True
        return None
    if len(text) > MOST:
        return None
    return ["import base64, cloudpickle"], f'cloudpickle.loads(base64.b64decode("{text}"))'


def _named(method: Method) -> tuple[str, str] | None:
    """Module and name under which the very object is found; None for what is local, or of a script."""
    module, name = getattr(method, "__module__", ""), getattr(method, "__qualname__", "")
    if name and module != "__main__" and _at(module, name) is method:
        return module, name
    for module, where in sorted(sys.modules.items(), key=lambda pair: pair[0].count(".")):
        if module == "__main__" or not getattr(where, "__file__", None):
            continue
        for name, value in list(vars(where).items()):
            if value is method and name.isidentifier():
                return module, name
    return None


def _at(module: str, name: str) -> Any:
    value: Any = sys.modules.get(module)
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def _importable(module: str) -> bool:
    """Whether a new interpreter started here finds it."""
    file = getattr(sys.modules[module], "__file__", None)
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    if file is None or spec is None or spec.origin is None:
        return spec is not None
    roots = [os.getcwd(), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    roots += [*site.getsitepackages(), site.getusersitepackages(), str(Path(os.__file__).parent)]
    inside = any(r and Path(file).resolve().is_relative_to(Path(r).resolve()) for r in roots)
    top = module.split(".")[0]
    return (inside or top.startswith("metainfl")) and not top.startswith("_target_")
