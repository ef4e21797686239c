"""Bad manners towards the process: ending, stopping, forking or changing it, and answers nobody can read."""

import os
import signal
import threading
import time
import warnings

import torch

from metainfl.oracle.mutants.parts import truth
from metainfl.oracle.mutants.registry import mutant


@mutant("ends the process without a word", apart=True)
def exits_at_once(problem, pis):
    os._exit(0)


@mutant("reads memory that is not its own", apart=True)
def segfaults(problem, pis):
    os.kill(os.getpid(), signal.SIGSEGV)


@mutant("hangs, swallows every exception and clears every timer", apart=True)
def hangs_and_swallows(problem, pis):
    while True:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
            time.sleep(0.05)
        except BaseException:
            continue


@mutant("ends the process that started its own", apart=True)
def ends_its_parent(problem, pis):
    os.kill(os.getppid(), signal.SIGKILL)
    return truth(problem, pis)


@mutant("forks, and lets both processes return", apart=True)
def forks(problem, pis):
    if os.fork() == 0:
        return truth(problem, pis)
    return 2 * truth(problem, pis)


@mutant("closes the file descriptors it did not open", apart=True)
def closes_descriptors(problem, pis):
    os.closerange(0, 64)
    return truth(problem, pis)


@mutant("asks for more memory than there is", apart=True)
def devours_memory(problem, pis):
    return torch.ones(2**36, dtype=torch.float64)[: len(pis)]


@mutant("prints to the file descriptor, past sys.stdout", apart=True)
def prints_past_python(problem, pis):
    os.write(1, b"solving ...\n")
    return truth(problem, pis)


@mutant("leaves a thread at work", apart=True)
def leaves_a_thread(problem, pis):
    threading.Thread(target=time.sleep, args=(600,)).start()
    print("started")
    return truth(problem, pis)


class Unspeakable(Exception):
    """Cannot be pickled, and its message cannot be read."""

    def __init__(self):
        self.lock = threading.Lock()

    def __str__(self):
        raise ValueError


@mutant("raises what can be neither printed nor pickled")
def raises_the_unspeakable(problem, pis):
    raise Unspeakable


@mutant("raises GeneratorExit")
def raises_generator_exit(problem, pis):
    raise GeneratorExit


@mutant("raises KeyboardInterrupt", apart=True)
def raises_keyboard_interrupt(problem, pis):
    raise KeyboardInterrupt


@mutant("returns a sparse tensor")
def returns_sparse(problem, pis):
    return truth(problem, pis).to_sparse()


@mutant("returns bfloat16")
def returns_bfloat16(problem, pis):
    return truth(problem, pis).bfloat16()


@mutant("returns a tensor without numbers")
def returns_meta(problem, pis):
    return truth(problem, pis).to("meta")


@mutant("returns complex numbers")
def returns_complex(problem, pis):
    return truth(problem, pis).to(torch.complex128)


@mutant("changes the outer regulariser in place")
def changes_outer_reg(problem, pis):
    out = truth(problem, pis)
    problem.outer_reg = 0.0
    return out


@mutant("changes the adaptation in place")
def changes_the_adaptation(problem, pis):
    out = truth(problem, pis)
    for name, value in vars(problem.adaptation).items():
        if isinstance(value, float):
            object.__setattr__(problem.adaptation, name, 2 * value)
    return out


@mutant("turns gradients off for good")
def turns_gradients_off(problem, pis):
    out = truth(problem, pis)
    torch.set_grad_enabled(False)
    return out


@mutant("leaves another default dtype")
def leaves_a_default_dtype(problem, pis):
    out = truth(problem, pis)
    torch.set_default_dtype(torch.float64)
    return out


@mutant("leaves another working directory")
def leaves_the_folder(problem, pis):
    os.chdir(os.path.dirname(os.getcwd()) or "/")
    return truth(problem, pis)


@mutant("sets an environment variable on each call")
def sets_the_environment(problem, pis):
    os.environ["METAINFL_SPECIMEN"] = str(time.perf_counter_ns())
    return truth(problem, pis)


@mutant("silences all warnings for good")
def silences_warnings(problem, pis):
    warnings.simplefilter("ignore", append=False)
    return truth(problem, pis)
