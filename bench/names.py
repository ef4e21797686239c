"""The command line of a measurement: help, and what to measure by name (all without any, each once)."""

import sys


def told(doc, *known, number=False):
    """Print `doc` where help is asked for, and stop; refuse words that mean nothing here, with status 2.

    `number` allows one whole number of at least 1.
    """
    words = sys.argv[1:]
    if {"-h", "--help"} & set(words):
        print(doc.strip())
        raise SystemExit(0)
    wrong = [w for w in words if w not in known]
    if number and len(wrong) == 1 and wrong[0].isdecimal() and int(wrong[0]) > 0:
        return
    if wrong:
        takes = ", ".join([*known, "a whole number"] if number else known) or "nothing"
        print(f"Error: {wrong[0]!r} means nothing here; this takes {takes}")
        raise SystemExit(2)


def chosen(words, known):
    """The names asked for; ends with status 2 and a sentence for one that is unknown or stands twice."""
    for k, word in enumerate(words):
        if word not in known:
            wrong = f"there is no {word!r}; there are {', '.join(known)}"
        elif word in words[:k]:
            wrong = f"{word!r} is given twice; once is enough"
        else:
            continue
        print(f"Error: {wrong}")
        raise SystemExit(2)
    return list(words or known)
