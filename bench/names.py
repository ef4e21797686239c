"""What to measure, by names on the command line: all without any, each once."""


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
