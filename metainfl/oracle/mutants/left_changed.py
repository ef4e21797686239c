"""Settings that a method changes for every later program in its process, and processes that outlive a call.

Each was once found to pass: nobody looked there.
"""

import decimal
import signal
import subprocess
import sys
import types
import warnings

import numpy as np
import scipy.special
import torch

from metainfl.oracle.mutants.parts import truth
from metainfl.oracle.mutants.registry import mutant


@mutant("raises on lost numbers in numpy from now on")
def leaves_numpys_errors(problem, pis):
    np.seterr(all="raise")
    return truth(problem, pis)


@mutant("another function is called where numpy loses a number")
def leaves_a_call_on_errors(problem, pis):
    np.seterrcall(print)
    return truth(problem, pis)


@mutant("raises on lost numbers in scipy's special functions from now on")
def leaves_scipys_errors(problem, pis):
    scipy.special.seterr(loss="raise")
    return truth(problem, pis)


@mutant("decimal numbers are rounded up from now on")
def rounds_decimals_up(problem, pis):
    decimal.getcontext().rounding = decimal.ROUND_UP
    return truth(problem, pis)


@mutant("puts another module in the place of one that was imported")
def replaces_a_module(problem, pis):
    out = truth(problem, pis)
    sys.modules["json"] = types.ModuleType("json")
    return out


@mutant("shows no warnings any more")
def shows_no_warnings(problem, pis):
    warnings.showwarning = lambda *a, **k: None
    return truth(problem, pis)


@mutant("hooks every module's calls")
def hooks_every_module(problem, pis):
    out = truth(problem, pis)
    torch.nn.modules.module.register_module_forward_hook(lambda *a: None)
    return out


@mutant("turns a flag of torch")
def turns_a_flag_of_torch(problem, pis):
    out = truth(problem, pis)
    torch.set_warn_always(not torch.is_warn_always_enabled())
    return out


@mutant("handles a signal that nobody else handles")
def handles_a_signal(problem, pis):
    signal.signal(signal.SIGUSR1, lambda *a: None)
    return truth(problem, pis)


@mutant("starts a program in each call that outlives it", apart=True)
def leaves_a_program(problem, pis):
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    return truth(problem, pis)


@mutant("starts a program in each call that another one leaves behind", apart=True)
def leaves_an_orphan(problem, pis):
    subprocess.run(["sh", "-c", "sleep 600 >/dev/null 2>&1 &"], check=True)
    return truth(problem, pis)


class Doubled(torch.Tensor):
    """Twice what it holds, to whoever detaches it."""

    @classmethod
    def __torch_function__(cls, func, of, args=(), kwargs=None):
        out = super().__torch_function__(func, of, args, kwargs or {})
        return 2 * out if func is torch.Tensor.detach else out


class Wide(torch.Tensor):
    """Says that it holds float64."""

    dtype = torch.float64


class Growing:
    """One more time its values whenever it is read."""

    def __init__(self, values):
        self.values, self.times = values, 0

    def __array__(self, dtype=None, copy=None):
        self.times += 1
        return self.times * self.values


@mutant("returns a tensor that is another one when it is detached")
def returns_a_doubled_tensor(problem, pis):
    return truth(problem, pis).as_subclass(Doubled)


@mutant("returns float32 that says it is float64")
def returns_another_dtype(problem, pis):
    return truth(problem, pis).float().as_subclass(Wide)


@mutant("returns an object whose values change when it is read again")
def returns_what_grows(problem, pis):
    return Growing(truth(problem, pis).numpy())
