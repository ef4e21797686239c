"""The command line under torchrun: every rank runs the command, the first one speaks and writes.

    torchrun --nproc-per-node 2 -m metainfl bench --out ledger
Other ranks compute their tasks; what they print is dropped, but for the last words of one that gives up, and
what they write goes to a folder of their own, which starts as what the first one has (a command that goes on
from a store must go on everywhere).
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

#: options whose value is a place to write to
WRITES = ("--out", "--html", "--json", "--csv", "--reproduce", "--store")
#: exit statuses of a command that could not do what was asked, and how much of its words the user needs then
GAVE_UP, LINES = (2, 70), 8


def started_by_torchrun() -> bool:
    """Whether this process is one of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def shared(command: Callable[[Sequence[str]], None], arguments: Sequence[str]) -> None:
    """command(arguments) with all loops over tasks shared; ends with the command's own exit."""
    from metainfl.scale.ranks import ranks
    from metainfl.scale.sent import sent

    with ranks() as share, tempfile.TemporaryDirectory() as folder:
        own, places = elsewhere(arguments, Path(folder))
        sent(share, places)
        if share.rank == 0:
            command(arguments)
            return
        loud, real = _loud(), sys.stderr
        with (
            open(os.devnull, "w") as nothing,
            tempfile.TemporaryFile("w+") as said,
            redirect_stdout(nothing),
            redirect_stderr(real if loud else said),
        ):
            try:
                command(own)
            except SystemExit as end:
                if end.code in GAVE_UP and not loud:
                    said.seek(0)
                    for line in said.read().splitlines()[-LINES:]:
                        print(f"rank {share.rank} of {share.size}: {line}", file=real, flush=True)
                raise


def elsewhere(arguments: Sequence[str], folder: Path) -> tuple[list[str], dict[Path, Path]]:
    """The arguments with every place to write to moved into `folder`, and where each went."""
    out, places = list(arguments), dict[Path, Path]()
    for i, word in enumerate(out):
        name, equals, value = word.partition("=")
        if name not in WRITES:
            continue
        at = i if equals else i + 1
        if at >= len(out):
            continue  # the command itself says that a value is missing
        old = Path(value if equals else out[at])
        new = places[old] = folder / f"{i}-{old.name}"
        out[at] = f"{name}={new}" if equals else str(new)
    return out, places


def _loud() -> bool:
    return bool(os.environ.get("METAINFL_EVERY_RANK_SPEAKS"))
