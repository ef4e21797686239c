"""The oracle judged: every mutant killed, every check earning its place, no right method failed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from joblib import Parallel, delayed

from metainfl.oracle.checks import CHECKS, checks_for
from metainfl.oracle.child import Child
from metainfl.oracle.confusion import Confusion, confusion
from metainfl.oracle.judging import run_one
from metainfl.oracle.mutants import MUTANTS, RIGHT, Specimen
from metainfl.oracle.mutants.names import NAMES
from metainfl.oracle.outcome import Outcome
from metainfl.oracle.random_state import keep_rng
from metainfl.oracle.runs.context import context

Progress = Callable[[int, int, str], None]
#: checks that cannot fail here for want of hardware
NEEDS_HARDWARE = ("other_device",)


@dataclass
class SelfCheck:
    """`kills[mutant]` names the checks that failed it; `alarms` are failures of right methods.

    A check that stopped by a fault of the oracle's own is an alarm too, whoever was judged.
    """

    kills: dict[str, list[str]] = field(default_factory=dict)
    alarms: dict[str, list[Outcome]] = field(default_factory=dict)
    diagnoses: dict[str, str] = field(default_factory=dict)
    right_runs: int = 0

    @property
    def survivors(self) -> list[str]:
        """Mutants that nothing killed."""
        return [m for m, checks in self.kills.items() if not checks]

    @property
    def idle(self) -> list[str]:
        """Checks that killed nothing."""
        busy = {c for checks in self.kills.values() for c in checks}
        return [c for c in CHECKS if c not in busy and c not in NEEDS_HARDWARE]

    @property
    def sole_killers(self) -> dict[str, list[str]]:
        """For each check, the mutants that only it kills."""
        out: dict[str, list[str]] = {}
        for m, checks in self.kills.items():
            if len(checks) == 1:
                out.setdefault(checks[0], []).append(m)
        return out

    @property
    def names(self) -> Confusion:
        """Diagnoses against the faults that the wrong methods have."""
        return confusion(self.diagnoses, NAMES)

    @property
    def passed(self) -> bool:
        """No survivor, no idle check, no false alarm, no wrong name."""
        return not (self.survivors or self.idle or self.alarms or self.names.wrong)


def self_check(
    *,
    quick: bool = True,
    seeds: Sequence[int] = (0,),
    mutants: Sequence[str] | None = None,
    progress: Progress = lambda done, total, what: None,
) -> SelfCheck:
    """Every mutant at the first seed, every right method at all seeds."""
    names = list(MUTANTS if mutants is None else mutants)
    # right methods first: some take long, and at the end one core would wait for them
    work = [(n, s) for s in seeds for n in RIGHT] + [(n, seeds[0]) for n in names]
    out = SelfCheck(right_runs=len(RIGHT) * len(seeds))
    pool = Parallel(n_jobs=-1, return_as="generator", batch_size=1)
    results = pool(delayed(_judge)(name, quick, seed) for name, seed in work)
    for done, ((name, seed), outcomes) in enumerate(zip(work, results, strict=True)):
        progress(done, len(work), f"{name}, seed {seed}")
        failed = [o for o in outcomes if o.status == "fail"]
        broken = [o for o in outcomes if o.cause == "oracle"]  # a check that stopped judged nobody
        alarms = broken + (failed if name in RIGHT else [])
        if alarms:
            out.alarms[f"{name}, seed {seed}"] = alarms
        if name in RIGHT:
            continue
        out.kills[name] = [o.check for o in failed]
        named = [o.diagnosis for o in failed if o.diagnosis]
        best = [d for d in named if not d.startswith("no known")] or named or [""]
        out.diagnoses[name] = best[0]
    progress(len(work), len(work), "done")
    return out


def _judge(name: str, quick: bool, seed: int) -> list[Outcome]:
    """One specimen in a worker process, one thread."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=".*torch.jit.script.*")
    return judge_specimen({**MUTANTS, **RIGHT}[name], quick=quick, seed=seed)


def judge_specimen(specimen: Specimen, *, quick: bool, seed: int) -> list[Outcome]:
    """All checks on one specimen; those that would harm this process are given one of their own."""
    child = Child(specimen.method, seed=seed, memory=2.0) if specimen.apart else None
    try:
        seconds = 2.0 if specimen.apart else 60.0
        ctx = context(
            specimen.method, specimen.claim, quick=quick, seed=seed, seconds=seconds, runner=child
        )
        out = []
        for name in checks_for(ctx.estimand.evidence):
            with keep_rng():
                out.append(run_one(ctx, name))
            if child is not None and child.given_up:
                break  # nothing more can be learned from a method that never returns
        return out
    finally:
        if child is not None:
            child.close()
