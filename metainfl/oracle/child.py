"""A method in a process of its own, which can be ended from outside whatever the method does.

The process is started without fork, in a process group of its own, and its parent is a guard: what the method
starts ends with it, and what it does to its parent does not reach the judge. The checks and the truth stay
here: a method cannot touch them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cloudpickle
import torch

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidMethod
from metainfl.oracle.outcome import Failed
from metainfl.oracle.processes_left import descendants, end
from metainfl.oracle.returned import Raised, Returned
from metainfl.oracle.runner import result
from metainfl.oracle.same_problem import Sent
from metainfl.oracle.shipping import by_file, dumped, packed, title, unshippable
from metainfl.oracle.time_limit import overdue
from metainfl.oracle.watched import Method
from metainfl.problem.perturbation import Perturbation

GUARD = str(Path(__file__).with_name("guard.py"))
START = 120.0  # seconds for python, torch and the method's own imports
ENDS = 2  # a method that ended its process so often is not asked again
NOT_OWN = ("metainfl/oracle/", "<frozen", "site-packages")
LONGEST = 2**30  # bytes of an answer
MOMENT = 5.0  # seconds for the rest of an answer that has begun
MEMORY = 8.0  # GiB that a method may add to what the process starts with


class Child:
    """Runs one method at a time; started at once, so that its imports overlap with other work."""

    def __init__(self, method: Method, *, seed: int = 0, memory: float | None = MEMORY) -> None:
        """`memory` in GiB on top of what the process starts with; None for no limit.

        Raises `InvalidMethod` if the method cannot be sent.
        """
        self.method, self.seed, self.memory = method, seed, memory
        self.blob = packed(method)
        self.ends, self.sent = 0, Sent()
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = False
        self._start()

    def load(self, method: Method) -> None:
        """Another method in the same process, if that is still there."""
        self.method, self.blob, self.ready, self.ends = method, packed(method), False, 0
        self.sent.forget()

    def prepare(self) -> None:
        """Wait until the method can be called."""
        if not self.ready:
            self._send_method()

    @property
    def given_up(self) -> bool:
        """The method ended its process, or had to be ended, too often to be asked again."""
        return self.ends >= ENDS

    # -- the process -----------------------------------------------------------------------------
    def _start(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115
        descriptor = self._printed.fileno()
        command = sys.executable, "-m", "metainfl.oracle.child_main"
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", GUARD, *command, str(descriptor)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            pass_fds=(descriptor,),
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)},
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._calls = Connection(os.dup(self.process.stdin.fileno()), readable=False)
        self._answers = Connection(os.dup(self.process.stdout.fileno()), writable=False)
        self.process.stdin.close()
        self.process.stdout.close()
        self.ready = False

    def close(self) -> None:
        """End the process and all that it started."""
        if self.process is None:
            return
        started = descendants(self.process.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        end(started)
        for file in (self._calls, self._answers, self._errors, self._printed):
            file.close()
        self.process = None
        self.sent.forget()

    def __enter__(self) -> Child:
        """Itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def _send_method(self) -> None:
        if self.process is None:
            self._start()
        how = {
            "folder": os.getcwd(),
            "path": [p or os.getcwd() for p in sys.path],
            "files": by_file(),
            "threads": torch.get_num_threads(),
            "seed": self.seed,
            "memory": self.memory,
        }
        try:
            complaint = self._exchange(("method", self.blob, how), START)
        except Failed as failure:
            complaint = f"ends the process: {failure.message}"
        if complaint is not None:
            self.close()
            raise InvalidMethod(unshippable(self.method, f"there it {complaint}"))
        self.ready = True

    # -- calls -----------------------------------------------------------------------------------
    def call(
        self,
        problem: Problem,
        perturbations: Sequence[Perturbation],
        *targets: Any,
        seconds: float = 60.0,
        **options: Any,
    ) -> Returned:
        """As `Runner.call`. After two lost processes no further call is made."""
        if self.given_up:
            raise _not_again()
        self.prepare()
        same = self.sent.same(problem)
        message = ("call", problem, same, list(perturbations), targets, options)
        found: Returned | Raised = self._exchange(message, seconds)
        if found.changed:
            self.sent.forget()
        return result(found)

    def _exchange(self, message: Any, seconds: float) -> Any:
        """Send, and wait for the answer; the process is ended if none comes."""
        try:
            try:
                self._calls.send_bytes(dumped(message))
                return self._received(seconds)
            except (EOFError, OSError):
                raise self._lost() from None
        except (
            BaseException
        ):  # also Ctrl-C here: the answer that is still to come fits no other call
            self.close()
            self.ready = False
            raise

    def _received(self, seconds: float) -> Any:
        """The answer. A method can write where answers go: half of one, or what is none."""
        end, found = time.monotonic() + seconds, list[Any]()

        def read() -> None:
            try:
                found.append(self._answers.recv_bytes(LONGEST))
            except (EOFError, OSError) as error:
                found.append(error)

        reader = threading.Thread(target=read, daemon=True)
        if self._answers.poll(seconds):
            reader.start()
            reader.join(max(end - time.monotonic(), MOMENT))
        if not found:
            self.ends = ENDS  # one wait of this length is enough
            raise overdue(seconds)
        if isinstance(found[0], EOFError) or getattr(found[0], "errno", None) is not None:
            raise found[0]
        try:
            return cloudpickle.loads(found[0])
        except Exception:
            self.ends += 1
            words = f"{title(self.method)} wrote into file descriptors that it did not open"
            raise Failed(words, cause=words) from None

    def _lost(self) -> Failed:
        """The process is gone, or no longer speaks."""
        assert self.process is not None
        self.ends += 1
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5.0)
        code = self.process.poll()
        if code is None:
            how = "it closed the file descriptors that it was given"
        elif code < 0:
            how = f"killed by {signal.Signals(-code).name}"
        else:
            how = f"exit status {code}"
        words = f"{title(self.method)} ended the process that it ran in: {how}"
        self._errors.seek(0)
        lines = [x.strip() for x in self._errors.read().decode(errors="replace").splitlines()]
        own = [x for x in lines if x.startswith("File") and not any(p in x for p in NOT_OWN)]
        place = (own or [x for x in lines if x][-1:] or [""])[
            0
        ]  # the fault handler's innermost first
        return Failed(words, cause=f"{words}\n{place}".strip())


def _not_again() -> Failed:
    words = "not asked again: the method ended its process, or had to be stopped, before"
    return Failed(words, cause=words)
