"""Places in the four papers, as the code cites them: `003, eqs 17 and 18`, `Theorem 5.1 of paper 001`."""

import ast
import re

KINDS = {
    "eq": r"[Ee]qs?\.?",
    "Thm": r"Thm|Theorems?",
    "Prop": r"Prop\.|Propositions?",
    "Def": r"Def\.|Definitions?",
    "Remark": r"Remarks?",
    "Alg": r"Algs?\.?|Algorithms?",
    "sect": r"[Ss]ections?|sect\.",
}
NUMBER = r"(?!00\d\b)\d+(?:\.\d+)*"
JOINED = r"-|\s+to\s+|,\s+|,?\s+and\s+"
LISTED = "|".join(f"{n}(?:(?:{JOINED}){n})*" for n in (NUMBER, rf"[A-C]\.{NUMBER}"))
PAPER = re.compile(r"(?<![\d.])00[1-4]\b(?![.-])")
TOKEN = re.compile(
    rf"(?P<paper>{PAPER.pattern})|"
    r"(?P<year>\b(?:19|20)\d\d\b)|\b(?:"
    + "|".join(f"(?P<{kind}>{words})" for kind, words in KINDS.items())
    + rf")\s+(?P<numbers>{LISTED})(?:\s+of\s+(?:paper\s+)?(?P<of>00[1-4])\b)?"
)


def cited(text, paper=None):
    """(paper, kind, number) of each place; one without a paper is of the last that was named (`paper`).

    A year names another source, and what follows is of that.
    """
    for found in TOKEN.finditer(text):
        if found["paper"] or found["year"]:
            paper = found["paper"]
            continue
        kind = next(k for k in KINDS if found[k])
        if of := found["of"] or paper:
            yield from ((of, kind, number) for number in numbers(found["numbers"]))


def numbers(words):
    """`57 to 59, 79` -> 57, 58, 59, 79;  `2.1-2.3` -> 2.1, 2.2, 2.3."""
    first, *rest = re.split(f"({JOINED})", words)
    out = [first]
    for joined, number in zip(rest[::2], rest[1::2], strict=True):
        stem, last = re.fullmatch(r"(.*?)(\d+)", number).groups()
        if joined.strip() in ("-", "to"):
            before = int(re.fullmatch(r".*?(\d+)", out[-1]).group(1))
            out += [f"{stem}{k}" for k in range(before + 1, int(last))]
        out.append(number)
    return out


def documented(path):
    """Places that the docstrings of a file cite: those within it speak of the module's paper."""
    if not PAPER.search(text := path.read_text()):
        return set()
    tree = ast.parse(text)
    module = list(cited(ast.get_docstring(tree) or ""))
    papers = {m["paper"] for m in TOKEN.finditer(ast.get_docstring(tree) or "") if m["paper"]}
    of = papers.pop() if len(papers) == 1 else None
    inside = (ast.FunctionDef, ast.ClassDef)
    words = [ast.get_docstring(n) or "" for n in ast.walk(tree) if isinstance(n, inside)]
    return {*module, *(place for text in words for place in cited(text, of))}


def written(path):
    """Places that any string of a file, or line of a page, cites."""
    if not PAPER.search(text := path.read_text()):
        return set()
    texts = text.splitlines()
    if path.suffix == ".py":
        nodes = ast.walk(ast.parse(text))
        texts = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return {place for text in texts for place in cited(text)}
