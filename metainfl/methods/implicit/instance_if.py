"""instance-IF (001, Theorem 4.5 and Proposition 4.8): influence of one datum of a task, exact.

    query    -(outer_reg I + H)^{-1} D l(z; theta_k(lam))         total derivative, as Algorithm 5
    support  +(outer_reg I + H)^{-1} D P(lam; z),   P = -(dL_O/dtheta) . inner-IF(z)
Estimand: the derivative in the instance's weight, so that for both kinds removal is
lam* - instance-IF. (Proposition 4.8 defines its instance-IF as the effect of the removal, with the
other sign, and prints lam* minus it; its appendix has plus.) D P holds the derivative of the inner
inverse Hessian. outer_reg stands in both, as the derivation has it.
"""

from metainfl.methods.claim import Claim
from metainfl.methods.method import Method

instance_if_query = Method("instance-IF, query", "001, Theorem 4.5", claim=Claim(kinds=("query",)))
instance_if_support = Method(
    "instance-IF, support", "001, Proposition 4.8", claim=Claim(kinds=("support",))
)
