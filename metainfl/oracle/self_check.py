"""The oracle judged: every mutant killed, every check earning its place, no right method failed.

In quick, of a wrong method only as much is asked as is needed to kill it: the checks that it is a witness
of, those that name a fault where it has a name or is no witness, and, while it passes, the others one by one.
"""

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
from metainfl.oracle.mutants.witnesses import WITNESSES
from metainfl.oracle.outcome import Outcome
from metainfl.oracle.random_state import keep_rng
from metainfl.oracle.runs.context import context

Progress = Callable[[int, int, str], None]
#: checks that cannot fail here for want of hardware
NEEDS_HARDWARE = ("other_device",)
ENOUGH = 0.8  # of the wrong methods that have a name of their own, those that are to be given it
#: checks that say what a method computes in place of what it claims
NAMING = ("agrees_with_the_truth", "conditioning_sweep", "damping_is_added_to_the_hessian")


@dataclass
class SelfCheck:
    """`kills[mutant]` names the checks that failed it; `alarms` are failures of right methods.

    A check that stopped by a fault of the oracle's own is an alarm too, whoever was judged.
    """

    kills: dict[str, list[str]] = field(default_factory=dict)
    alarms: dict[str, list[Outcome]] = field(default_factory=dict)
    diagnoses: dict[str, str] = field(default_factory=dict)
    right_runs: int = 0
    whole: bool = True  # every check was made on every wrong method

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
        """For each check, the mutants that only it kills; none where not every check was made."""
        out: dict[str, list[str]] = {}
        if not self.whole:
            return out
        for m, checks in self.kills.items():
            if len(checks) == 1:
                out.setdefault(checks[0], []).append(m)
        return out

    @property
    def names(self) -> Confusion:
        """Diagnoses against the faults that the wrong methods have."""
        return confusion(self.diagnoses, NAMES)

    @property
    def unseen(self) -> list[str]:
        """Witnesses that their check did not fail, as `mutant: check`."""
        every = ((m, c) for c, of in WITNESSES.items() for m in of if m in self.kills)
        return [f"{m}: {c}" for m, c in every if c not in self.kills[m] and not self._ended(m)]

    def _ended(self, name: str) -> bool:
        """It ended its process, so that nothing more was asked of it."""
        return MUTANTS[name].apart and bool(self.kills[name])

    @property
    def passed(self) -> bool:
        """No survivor, no idle check, no witness unseen, no false alarm, no wrong name, most names right."""
        told = not self.names.wrong and self.names.share >= ENOUGH
        return told and not (self.survivors or self.idle or self.unseen or self.alarms)


def self_check(
    *,
    until_killed: bool = False,
    seeds: Sequence[int] = (0,),
    mutants: Sequence[str] | None = None,
    progress: Progress = lambda done, total, what: None,
) -> SelfCheck:
    """Every mutant at the first seed, `until_killed` where so asked; every right method at all seeds."""
    names = list(MUTANTS if mutants is None else mutants)
    # right methods first: some take long, and at the end one core would wait for them
    work = [(n, s) for s in seeds for n in RIGHT] + [(n, seeds[0]) for n in names]
    out = SelfCheck(right_runs=len(RIGHT) * len(seeds), whole=not until_killed)
    pool = Parallel(n_jobs=-1, return_as="generator", batch_size=1)
    results = pool(delayed(_judge)(name, until_killed, seed) for name, seed in work)
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


def _judge(name: str, until_killed: bool, seed: int) -> list[Outcome]:
    """One specimen in a worker process, one thread."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=".*torch.jit.script.*")
    if name in RIGHT:
        return judge_specimen(RIGHT[name], quick=True, seed=seed)
    return judge_specimen(MUTANTS[name], quick=True, seed=seed, until_killed=until_killed)


def judge_specimen(
    specimen: Specimen, *, quick: bool, seed: int, until_killed: bool = False
) -> list[Outcome]:
    """All checks on one specimen; those that would harm this process are given one of their own.

    `until_killed`: the checks it is a witness of and those that name faults, then others while none failed.
    """
    child = Child(specimen.method, seed=seed, memory=2.0) if specimen.apart else None
    try:
        seconds = 2.0 if specimen.apart else 60.0
        ctx = context(
            specimen.method, specimen.claim, quick=quick, seed=seed, seconds=seconds, runner=child
        )
        checks = checks_for(ctx.estimand.evidence)
        first = _first(specimen.name, checks) if until_killed else checks
        out: list[Outcome] = []
        for name in [*first, *(c for c in checks if c not in first)]:
            if name not in first and any(o.status == "fail" for o in out):
                break
            with keep_rng():
                out.append(run_one(ctx, name))
            if child is not None and child.given_up:
                break  # nothing more can be learned from a method that never returns
        return out
    finally:
        if child is not None:
            child.close()


def _first(mutant: str, checks: Sequence[str]) -> list[str]:
    """The checks that tell most of this wrong method, in their order."""
    asked = {c for c, of in WITNESSES.items() if mutant in of}
    if not MUTANTS[
        mutant
    ].apart:  # of those that end their process the first answer is what there is
        asked.update(NAMING)
    return [c for c in checks if c in asked]
