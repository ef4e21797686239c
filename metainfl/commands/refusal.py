"""One sentence for whatever a user can mend, with exit status 2; the end of a run that was interrupted."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import IO, Any

import typer
from typer.core import TyperGroup

from metainfl.commands.blame import users_line, words
from metainfl.commands.ending import Ending, terminable
from metainfl.errors import MetainflError

NO_READER = 141


class Refused(typer.BadParameter):
    """What is wrong and the way out, printed as it stands."""

    def format_message(self) -> str:
        """The sentence alone."""
        hint = f"{self.param_hint}: " if self.param_hint else ""
        return f"{hint}{self.message}"

    def show(self, file: IO[Any] | None = None) -> None:
        """The sentence, without the usage: the form of the command was right."""
        print(f"Error: {self.format_message()}", file=file or sys.stderr)


class Commands(TyperGroup):
    """Commands whose errors of use are sentences: also those that the library raises."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; SIGTERM ends it as Ctrl-C does."""
        with terminable() as ending:
            return self._invoke(ctx, ending)

    def _invoke(self, ctx: Any, ending: Ending) -> Any:
        try:
            return super().invoke(ctx)
        except MetainflError as error:
            raise Refused(str(error)) from error
        except BrokenPipeError:  # `| head`: nobody reads on
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(NO_READER) from None
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            line = users_line(error)
            if line is not None:
                raise Refused(
                    f"your code raises {words(error)} ({line}); correct it and run the command again"
                ) from error
            if isinstance(error, OSError) and error.filename is not None:
                raise Refused(f"{reason(error)}; mend that, and run the command again") from error
            raise
        except KeyboardInterrupt as error:
            print(f"interrupted: {told(error)}", file=sys.stderr)
            raise typer.Exit(ending.status) from None


def told(error: KeyboardInterrupt) -> str:
    """How far the work came, where the interrupted part said so."""
    return str(error) or "nothing was finished"


def reason(error: OSError) -> str:
    """`results/x.json: permission denied`."""
    return f"{error.filename}: {(error.strerror or str(error)).lower()}"


def once(names: Sequence[str], option: str | None = None) -> None:
    """Refuse a name that stands twice."""
    for k, name in enumerate(names):
        if name in names[:k]:
            raise Refused(f"{name!r} is given twice; once is enough", param_hint=option)


def listed(text: str | None, known: list[str], option: str) -> list[str] | None:
    """Names separated by commas, each of them known; None where the option was not given."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        what = f"there is no {wrong[0]!r}" if wrong else "no name was given"
        raise Refused(f"{what}; there are {', '.join(known)}", param_hint=option)
    once(names, option)
    return names
