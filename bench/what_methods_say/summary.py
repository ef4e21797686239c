"""The table from the cells: correlations, intervals over draws, corrupted tasks found, costs."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr, t

from bench.what_methods_say.methods import METHODS

COLUMNS = ("derivative", "removal", "tenths", "retraining", "found", "cost")


def rank(a, b):
    """Spearman; None where a side is constant or shorter than three."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(spearmanr(a, b).statistic)


class Seen:
    """The cells of one draw, by what they are."""

    def __init__(self, rows, setting, seed):
        own = [r for r in rows if r["setting"] == setting and r["seed"] == seed]
        self.about = next((r for r in own if r["what"] == "run"), None)
        self.methods = {r["method"]: r for r in own if r["what"] == "method"}
        self.singles = next((r for r in own if r["what"] == "singles"), None)
        self.groups = next((r for r in own if r["what"] == "groups"), None)
        self.retrained = [r["changes"] for r in own if r["what"] == "retrained"]

    def predicted(self, name, removed):
        """Changes that a method's scores predict for the removals of a cell."""
        v = np.array(self.methods[name]["scores"])
        return np.array([-v[m].sum() for m in removed["members"]])

    def against(self, name, removed, changes):
        """Rank correlation of predicted with other changes."""
        return (
            None
            if removed is None or changes is None
            else rank(self.predicted(name, removed), changes)
        )

    def line(self, name):
        """One method's numbers on this draw, None where there are none."""
        row = self.methods.get(name)
        if row is None or "refused" in row or self.about is None:
            return None
        v = np.array(row["scores"])
        truth = self.methods.get("derivative of the run")
        wrong = self.about["wrong"]
        top = np.argsort(-v, kind="stable")[: len(wrong)]
        mean = np.mean(self.retrained, axis=0) if self.retrained else None
        return {
            "derivative": rank(v, np.array(truth["scores"])) if truth else None,
            "removal": self.against(name, self.singles, self.singles and self.singles["changes"]),
            "tenths": self.against(name, self.groups, self.groups and self.groups["changes"]),
            "retraining": self.against(name, self.groups, mean),
            "found": len(set(top.tolist()) & set(wrong)) / len(wrong),
            "cost": row["processor_seconds"] / self.about["training_seconds"],
        }

    def ceiling(self):
        """How well one seed's own removals of tenths rank those of retraining: the noise floor."""
        if not self.retrained or self.groups is None:
            return None
        return rank(self.groups["changes"], np.mean(self.retrained, axis=0))


def interval(values):
    """Mean over draws with the 95 % interval of Student's t, None for a single draw's."""
    kept = [v for v in values if v is not None]
    if not kept:
        return None
    mean, n = float(np.mean(kept)), len(kept)
    out = {"mean": mean, "draws": n, "each": kept}
    if n > 1:
        half = float(t.ppf(0.975, n - 1) * np.std(kept, ddof=1) / np.sqrt(n))
        out["interval"] = [mean - half, mean + half]
    return out


def table(rows):
    """Setting -> what it is, and a line a method."""
    out = {}
    for setting in dict.fromkeys(r["setting"] for r in rows):
        seeds = sorted({r["seed"] for r in rows if r["setting"] == setting})
        seen = [s for s in (Seen(rows, setting, k) for k in seeds) if s.about]
        if not seen:
            continue
        lines = {}
        for name in METHODS:
            found = [line for line in (s.line(name) for s in seen) if line]
            refused = [r["refused"] for s in seen if (r := s.methods.get(name)) and "refused" in r]
            lines[name] = {c: interval([f[c] for f in found]) for c in COLUMNS}
            if refused:
                lines[name]["refused"] = refused[0]
        about = seen[0].about
        out[setting] = {
            **{k: about[k] for k in ("words", "parameters", "tasks", "targets", "recipe")},
            "metasmoothness": interval([s.about["metasmoothness"] for s in seen]),
            "loss_before": interval([s.about["loss_before"] for s in seen]),
            "loss_after": interval([s.about["loss_after"] for s in seen]),
            "training_seconds": interval([s.about["training_seconds"] for s in seen]),
            "reruns": {
                "single": len(seen[0].singles["members"]) if seen[0].singles else 0,
                "tenths": len(seen[0].groups["members"]) if seen[0].groups else 0,
                "seeds": len(seen[0].retrained),
            },
            "removal_against_retraining": interval([s.ceiling() for s in seen]),
            "methods": lines,
        }
    return out


def shown(found):
    """The table as text."""
    out = []
    for setting, s in found.items():
        out.append(f"\n{setting}: {s['words']}; metasmoothness {s['metasmoothness']['mean']:.2f}")
        out.append(f"{'':24}" + "".join(f"{c:>12}" for c in COLUMNS))
        for name, line in s["methods"].items():
            cells = [line[c]["mean"] if line[c] else None for c in COLUMNS]
            text = "".join(f"{'' if c is None else f'{c:.2f}':>12}" for c in cells)
            out.append(f"{name:24}{text}{'  refused' if 'refused' in line else ''}")
        if s["removal_against_retraining"]:
            out.append(
                f"{'(one seed, exact removal)':48}{'':12}{s['removal_against_retraining']['mean']:.2f}"
            )
    return "\n".join(out)
