"""Options as they were given: once each, with an effect on what is asked, and told again in what follows."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable
from typing import Any

import typer
from typer.core import TyperCommand

from metainfl.commands.refusal import Refused

SHOWN = "progress"  # how the work is shown is no part of what is asked


class Command(TyperCommand):
    """A command whose options may be given once each: of two, the first would have no effect."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As always; `Refused` where an option stands twice."""
        found, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for p in order:
            if p.param_type_name == "option" and found.get(p.name) == "":
                raise Refused("is empty; give it a value, or leave it out", param_hint=p.opts[0])
            if p.param_type_name == "option" and not p.multiple and order.count(p) > 1:
                raise Refused("given twice; only one of them can count", param_hint=p.opts[0])
        return super().parse_args(ctx, args)


def given(ctx: typer.Context) -> dict[str, str]:
    """Parameter -> option, of the options that stand on the command line."""
    return {
        p.name: p.opts[0]
        for p in ctx.command.params
        if p.param_type_name == "option" and p.name and _typed(ctx, p.name)
    }


def _typed(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def only(ctx: typer.Context, asked: str, used: Iterable[str], way: str = "leave it out") -> None:
    """Refuse what was given and is not among the parameters `used` by what is asked."""
    assert {*used} <= {p.name for p in ctx.command.params}, used
    idle = [option for name, option in given(ctx).items() if name not in {SHOWN, *used}]
    if idle:
        raise Refused(f"no effect on {asked}; {way}", param_hint=idle[0])


def idle(ctx: typer.Context, asked: str, names: Iterable[str], way: str = "leave it out") -> None:
    """Refuse those of `names` that were given: on what is asked they have no effect."""
    every = {p.name for p in ctx.command.params if p.name}
    only(ctx, asked, every - set(names), way)


def here(ctx: typer.Context, jobs: int, work: int) -> None:
    """Refuse --jobs and --backend where there is nothing to share."""
    if not work:
        idle(ctx, "this: nothing is run that could be shared", ("jobs", "backend"))
    if jobs == 1 and "=" not in str(
        ctx.params.get("backend") or ""
    ):  # an address has workers of its own
        idle(ctx, "one job, which is done here", ("backend",), "give --jobs above 1 with it")


def again(ctx: typer.Context, names: Iterable[str]) -> str:
    """` --targets mine.py:new`: those of `names` that were given, as a shell reads them; "" for none."""
    said = given(ctx)
    words = [w for n in names if n in said for w in (said[n], str(ctx.params[n]))]
    return "".join(f" {w}" for w in [shlex.join(words)] if w)


def positive(value: float, option: str) -> None:
    """Refuse what is no finite number above 0."""
    if not 0 < value < math.inf:
        raise Refused(f"must be a positive number, got {value:g}", param_hint=option)
