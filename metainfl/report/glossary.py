"""The terms that pages use, in a sentence each; a page explains those that stand on it."""

from __future__ import annotations

import html
import re

#: term: (how it is written on pages, as a pattern; what it means)
TERMS: dict[str, tuple[str, str]] = {
    "T1": (
        r"\bT1\b|\bderivative\b",
        "The exact derivative of the trained meta-parameters by the weight of a task or instance, "
        "d lam*/d w. A T1 error is the relative distance of an estimate from it.",
    ),
    "T2": (
        r"\bT2\b|\bremoval\b",
        "Exact removal: the problem solved again without the datum. A T2 error is the relative "
        "distance of the predicted change from the true one.",
    ),
    "T3": (
        r"\bT3\b",
        "Retraining over several seeds: what a practitioner sees, with its own noise.",
    ),
    "LDS": (
        r"\bLDS\b",
        "Linear datamodelling score: rank correlation, over random halves of the data, of the sum of "
        "the influences of a half with the loss after training on it. 1 is perfect, 0 is chance.",
    ),
    "Spearman": (
        r"Spearman|\brank\b",
        "Rank correlation, from -1 to 1: 1 where the estimate sorts the data as the truth does.",
    ),
    "Gamma": (
        r"\bGamma\b",
        "What Theorem 5.1 of paper 001 puts in the place of two terms of the total Hessian: the sum of the "
        "tasks' 1-norms of dL_O/dtheta, times the identity. Where the outer loss reads lam through "
        "adaptation alone, nothing else is left, and influence becomes a scaled gradient.",
    ),
    "Gauss-Newton": (
        r"Gauss-Newton",
        "The part of the Hessian that stays when the model is replaced by its tangent: J' L'' J.",
    ),
    "inverse held": (
        r"inverse held|frozen",
        "The inner inverse Hessian is held fixed while differentiating: its own derivative is left out.",
    ),
    "EK-FAC": (
        r"EK-?FAC|K-FAC",
        "A curvature that is a Kronecker product in each linear layer; EK-FAC corrects its eigenvalues.",
    ),
    "damping": (
        r"\bdamp(?:ing|ed)\b",
        "A multiple of the identity added to the Hessian before it is inverted.",
    ),
    "condition": (
        r"\bcondition(?:ing)?\b|cond\(",
        "Largest over smallest eigenvalue: how much a solve magnifies rounding, and how slow it is.",
    ),
    "Neumann series": (
        r"Neumann|LiSSA",
        "The inverse as a sum of powers of I - H; LiSSA draws a random part of the data for each term.",
    ),
    "CG": (
        r"\bCG\b",
        "Conjugate gradients: solves with products of the Hessian only, without forming it.",
    ),
    "cost in gradients": (
        r"cost in gradients",
        "Wall time of the run over that of one meta-gradient in the same run. It holds on that machine "
        "and at that size: on small problems fixed costs of a call outweigh the arithmetic.",
    ),
    "claim": (
        r"\bclaims?\b",
        "What a method says it computes: estimand, sign, scale, accuracy and domain. A verdict is about "
        "the claim and nothing else.",
    ),
    "estimand": (r"\bestimand\b", "The quantity that a method means to compute."),
    "adaptation": (
        r"\badapt(?:ation|ed|s)\b|inner",
        "What a task does with the meta-parameters before its query loss is taken: theta(lam).",
    ),
    "support, query": (
        r"\bsupport\b|\bquery\b",
        "The data of a task from which it adapts, and the data on which it is judged.",
    ),
    "stationary": (
        r"stationar",
        "The gradient of the meta-objective vanishes there. Influence is defined at such a point.",
    ),
    "wide, narrow, many, stiff": (
        r"\w, (?:wide|narrow|many|stiff)\b",
        "The oracle's drawn cases. Wide: ragged tasks, weights other than 1, several outputs and rates. "
        "Narrow: weights 1, one output and one rate. Many: 17 to 67 tasks. Stiff: a Hessian of condition "
        "1e6.",
    ),
    "direct": (
        r"\bdirect\b|Direct-IF",
        "The number in (direct/2) times the squared distance of theta from lam, a term of each task's outer "
        "loss. The direct Hessian, of Direct-IF, is the one in lam with theta held fixed.",
    ),
    "metasmoothness": (
        r"metasmooth",
        "Whether a run goes on changing with its weights the way it began to: 1 where its derivative "
        "predicts finite changes, about 0 where it says nothing of them.",
    ),
    "game": (
        r"\bgames?\b|Shapley|Banzhaf",
        "Tasks or instances as players, and a value of every subset of them: minus the targets' loss "
        "after training on that subset.",
    ),
}


def terms(page: str) -> list[tuple[str, str]]:
    """Terms that stand in the page's visible text, with their meaning."""
    text = html.unescape(re.sub(r"<(style|script)>.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL))
    return [
        (name, meaning) for name, (pattern, meaning) in TERMS.items() if re.search(pattern, text)
    ]
