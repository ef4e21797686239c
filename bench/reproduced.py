"""Write the committed verdicts on the papers' claims into docs/reproduce.md: python -m bench.reproduced."""

from pathlib import Path

from bench.names import told
from bench.verdicts import replaced
from metainfl.experiments import EXPERIMENTS
from metainfl.experiments.results import results

PAGE = Path(__file__).parent.parent / "docs" / "reproduce.md"
RESULTS = Path(__file__).parent / "results" / "reproduce"
TITLES = ("experiment", "claim", "place", "paper", "here", "verdict", "beside it")


def table(size):
    """Markdown of all claims at one size, in the order of `metainfl reproduce`."""
    found = {r["name"]: r for r in results(RESULTS) if r["size"] == size}
    rows = [
        [name, *(c[k] for k in ("text", "place", "paper", "ours", "holds")), c["against"] or "-"]
        for name in EXPERIMENTS
        if name in found
        for c in found[name]["claims"]
    ]
    lines = (TITLES, ["---"] * len(TITLES), *rows)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def reasons():
    """What stands behind every verdict, claim by claim: the small size, then the others."""
    found = {(r["name"], r["size"]): r for r in results(RESULTS)}
    lines = []
    for size in ("small", "medium", "paper"):
        for name in EXPERIMENTS:
            if (name, size) in found:
                lines += [f"**{name}**" + (f", {size} size" if size != "small" else ""), ""]
                claims = found[name, size]["claims"]
                lines += [f"- *{c['text']}*: {c['holds']}. {c['why']}" for c in claims]
                lines += [""]
    return "\n".join(lines).rstrip()


def summary():
    """How many claims of each experiment hold, do not, and cannot be told, at each size."""
    rows = [("experiment", "size", "holds", "does not hold", "cannot be told here"), ["---"] * 5]
    found = {(r["name"], r["size"]): r for r in results(RESULTS)}
    for size in ("small", "medium", "paper"):
        for name in EXPERIMENTS:
            if (name, size) in found:
                words = [c["holds"] for c in found[name, size]["claims"]]
                rows.append([name, size, *(str(words.count(w)) for w in rows[0][2:])])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def written(text):
    """The page with its tables."""
    for name, content in (
        ("summary", summary()),
        ("small", table("small")),
        ("medium", table("medium")),
        ("paper", table("paper")),
        ("why", reasons()),
    ):
        text = replaced(text, name, content)
    return text


if __name__ == "__main__":
    told(__doc__)
    PAGE.write_text(written(PAGE.read_text()))
