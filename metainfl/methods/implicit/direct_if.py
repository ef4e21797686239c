"""Direct-IF (001, eqs 6-7 and Algorithm 2): partial derivatives in lam, adaptation ignored.

    direct-IF(k) = -(outer_reg I + sum_i d_lam d_lam L_O^i)^{-1} d_lam L_O^k
A baseline, not the derivative: identically zero where L_O reads lam only through theta (001 eq. 4).
"""

from metainfl.methods.claim import Claim
from metainfl.methods.method import Method, ignored

direct_if = Method(
    "Direct-IF",
    "001, eqs 6-7",
    derivative=ignored,
    claim=Claim(estimand="direct", kinds=("task", "group")),
)
