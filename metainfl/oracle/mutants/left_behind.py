"""What a method leaves behind in its process, and writes where it should not."""

import atexit
import os
import signal
import sys
import threading
import time

import numpy as np
import torch

from metainfl.oracle.mutants.parts import truth
from metainfl.oracle.mutants.registry import mutant


@mutant("leaves a trace function")
def leaves_a_trace_function(problem, pis):
    out = truth(problem, pis)
    sys.settrace(lambda *_: None)
    return out


@mutant("ignores alarms for good")
def ignores_alarms(problem, pis):
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    return truth(problem, pis)


@mutant("replaces a function of torch")
def replaces_a_function_of_torch(problem, pis):
    out, own = truth(problem, pis), torch.linalg.lstsq
    torch.linalg.lstsq = lambda *a, **k: own(*a, **k)
    return out


@mutant("starts another thread in each call, and never ends it")
def a_thread_a_call(problem, pis):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    return truth(problem, pis)


@mutant("prints numbers to one digit from now on")
def leaves_print_options(problem, pis):
    np.set_printoptions(precision=1)
    return truth(problem, pis)


@mutant("writes the beginning of an answer into every file descriptor, and hangs", apart=True)
def writes_half_an_answer(problem, pis):
    _write(b"\x3f\xff\xff\xff")
    time.sleep(600)


@mutant("writes into file descriptors that it did not open", apart=True)
def writes_where_answers_go(problem, pis):
    _write(b"\x00\x00\x00\x03abc")
    return truth(problem, pis)


def _write(what):
    for descriptor in range(3, 32):
        try:
            os.write(descriptor, what)
        except OSError:
            continue


@mutant("lowers the number of files that its process may open")
def lowers_a_limit(problem, pis):
    import resource  # not on Windows

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    return truth(problem, pis)


@mutant("registers a function to be called at exit in each call")
def waits_at_exit(problem, pis):
    atexit.register(time.sleep, 0)
    return truth(problem, pis)


@mutant("blocks a signal for good")
def blocks_a_signal(problem, pis):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    return truth(problem, pis)


@mutant("leaves a timer of the process's own time running")
def leaves_a_timer(problem, pis):
    out = truth(problem, pis)
    signal.setitimer(signal.ITIMER_PROF, 6000)
    return out


@mutant("takes a module out of those imported")
def forgets_a_module(problem, pis):
    out = truth(problem, pis)
    sys.modules.pop("json", None)
    return out
