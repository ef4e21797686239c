"""The lines of the catalogue, each under the test that holds its estimators to exact values."""

#: by test file: name | place | what it reads | estimand
TABLE = {
    "methods/implicit/test_named.py": """
task-IF | implicit.task_if.task_if | minimiser | d lam*/d weight of a task
task-IF by CG | implicit.task_if.task_if_cg | minimiser | d lam*/d weight of a task
instance-IF, query | implicit.instance_if.instance_if_query | minimiser | d lam*/d weight of query data
instance-IF, support | implicit.instance_if.instance_if_support | minimiser | d lam*/d weight of support data
first-order group | implicit.group_influence.first_order_group | minimiser | lam* minus members' influences
second-order group | implicit.group_influence.second_order_group | minimiser | second-order removal
""",
    "influence/test_parts.py": """
task-IF, Gamma and Neumann | implicit.task_if_paper.task_if_gamma | minimiser | approximates task-IF
Direct-IF | implicit.direct_if.direct_if | minimiser | partial derivatives in lam only
TLXML | implicit.tlxml.tlxml | minimiser | d lam*/d weight of a task
TLXML, pruned | implicit.tlxml.tlxml_pruned | minimiser | truncated pseudo-inverse
TLXML, Gauss-Newton | implicit.tlxml.tlxml_gauss_newton | minimiser | approximates TLXML
""",
    "methods/implicit/test_subsampled.py": """
task-IF, some tasks | implicit.task_if_subsampled.task_if_subsampled | minimiser | approximates task-IF
""",
    "kronecker/test_kronecker.py": """
task-IF as in 001, section 5 | implicit.task_if_paper.task_if_paper | minimiser | approximates task-IF
instance-IF, frozen | implicit.instance_if_frozen.instance_if_frozen | minimiser | approximates instance-IF
inner-IF | implicit.inner_if.inner_if | minimiser | d theta/d weight at fixed lam
classical IF | implicit.classical_if.classical_if | minimiser | d lam*/d weight, single level
EK-FAC-IF | implicit.classical_if.ekfac_if | minimiser | approximates classical IF
""",
    "methods/implicit/test_solver_methods.py": """
task-IF, EK-FAC inside | implicit.task_if_ekfac.task_if_ekfac | minimiser | approximates task-IF
Arnoldi-IF | implicit.arnoldi_if.arnoldi_if | minimiser | influence on leading eigenvectors
LiSSA-IF | implicit.lissa_if.lissa_if | minimiser | approximates d lam*/d weight
FastIF | implicit.fast_if.fast_if | minimiser | d L_t/d weight of neighbours
""",
    "methods/implicit/test_normalised.py": """
RelatIF | implicit.relatif.relatif | minimiser | d L_t/d weight per length lam* moves
renormalised IF | implicit.renormalised_if.renormalised_if | minimiser | d L_t/d weight of a unit gradient
""",
    "methods/implicit/test_cook.py": """
Cook's distance, shift | implicit.cook.cook_shift | minimiser | lam* - lam* without
Cook's distance | implicit.cook.cook_distance | minimiser | shift' H shift / p
""",
    "methods/implicit/test_influence_measure.py": """
FI | implicit.influence_measure.influence_measure | minimiser | length of d L_t/d input in the output's metric
FI-util | implicit.influence_measure.fi_util | minimiser | the same of a mean over targets
""",
    "methods/run/test_pbrf.py": """
PBRF | run.pbrf.responses | point | minimiser of Bregman's divergence without a task
""",
    "methods/implicit/test_fi_active.py": """
FI-active | implicit.fi_active.fi_active | minimiser | FI of labelled data on a predicted label
KFSVD | implicit.kfsvd.kfsvd | minimiser | approximates FI
FI-active, forest | implicit.fi_active.predicted_ranks | values | approximates ranks of FI-active
""",
    "methods/implicit/test_bald.py": """
BALD | implicit.bald.bald | probabilities | information of a label about lam
""",
    "methods/features/test_representers.py": """
last-layer IF | features.last_layer.head | features | influence of the head, body frozen
representer points | features.representer_points.representer_points | features | parts of a prediction
representer points of tasks | features.representer_points.task_rows | features | parts of lam*
RPS-LJE | features.rps_lje.rps_lje | features | parts of a prediction after a Newton step
high-dimensional representers | features.high_dimensional.high_dimensional | features | parts of a prediction
""",
    "methods/features/test_trak.py": """
TRAK | features.trak.trak | features | d output/d weight, projected
""",
    "methods/features/test_trees.py": """
LeafRefit | features.leaf_refit.leaf_refit | trees | removal at fixed structure
LeafInfluence | features.leaf_influence.leaf_influence | trees | d L_t/d weight at fixed structure
BoostIn | features.boost_in.boost_in | trees | TracIn over rounds
TREX | features.trex.trex | trees | parts of a surrogate's prediction
""",
    "methods/run/test_tracin.py": """
TracIn | run.tracin.tracin | run | ideal TracIn to first order
TracIn, ideal | run.tracin_ideal.tracin_ideal | run | changes of L_t at the steps of a task
TracInCP | run.tracin_cp.tracin_cp | run | TracIn at checkpoints
TracIn-Last | run.tracin_last.tracin_last | run | TracIn in one layer
TracInRP | run.tracin_rp.tracin_rp | run | TracIn, sketched
""",
    "methods/run/test_generative.py": """
TracInWE | run.tracin_we.tracin_we | run | TracIn in word embeddings
VAE-TracIn | run.vae_tracin.vae_tracin | run | TracInCP of -ELBO
TracInAD | run.vae_tracin.tracin_ad | run, targets | tail of self-influence
""",
    "methods/run/test_gas.py": """
GAS | run.gas.gas | run | sum of cosines at checkpoints
expected influence | run.expected.expected | runs | mean over seeds
""",
    "methods/run/test_unrolled.py": """
HyDRA | run.hydra.hydra | run | d L_t(lam_S)/d weight
HyDRA, fast | run.hydra_fast.hydra_fast | run | approximates HyDRA without curvature
SGD-influence | run.sgd_influence.sgd_influence | run | d L_t(lam_S)/d weight
SOURCE | run.source.source | run | approximates d L_t(lam_S)/d weight
task-IF at the end of a run | run.task_if_at_end.task_if_at_end | run | approximates d L_t/d weight
gradient dot product | run.gradient_dot.gradient_dot | run | baseline
gradient norm | run.gradient_norm.gradient_norm | run | baseline
training loss | run.loss.training_loss | run | baseline
""",
    "methods/game/test_values.py": """
leave-one-out | game.leave_one_out.leave_one_out | game | v(N) - v(N - i)
leave-m-out | game.leave_m_out.leave_m_out | game | v(N) - v(N - group)
Downsampling | game.downsampling.downsampling | game | mean with minus mean without
Feldman-Zhang | game.feldman_zhang.feldman_zhang | game | expected removal
memorisation | game.memorisation.memorisation | game | expected removal on itself
consistency profile | game.consistency.consistency_profile | game | mean value of m players
C-score | game.consistency.c_score | game | mean consistency
Shapley | game.shapley_exact.shapley | game | Shapley value
Shapley by permutations | game.shapley_permutations.shapley_permutations | game | Shapley value
TMC-Shapley | game.tmc_shapley.tmc_shapley | game | Shapley value, truncated
group testing | game.group_testing.group_testing | game | Shapley value
Beta-Shapley | game.beta_shapley.beta_shapley | game | Beta-Shapley value
Banzhaf | game.banzhaf.banzhaf | game | Banzhaf value
Banzhaf, MSR | game.banzhaf_msr.banzhaf_msr | game | Banzhaf value
AME | game.ame.ame | game | average marginal effect
datamodels | game.datamodel.datamodel | game | linear fit of v to masks
""",
    "games/test_problems.py": """
Gradient-Shapley | game.gradient_shapley.gradient_shapley | own game | Shapley value after one step
""",
    "methods/game/test_knn.py": """
k-NN leave-one-out | game.knn_leave_one_out.knn_leave_one_out | features | removal from k-NN
k-NN Shapley | game.knn_shapley.knn_shapley | features | Shapley value of k-NN
""",
    "methods/game/test_interactions.py": """
Shapley interaction | game.shapley_interaction.shapley_interaction | game | interaction index
Shapley-Taylor | game.shapley_taylor.shapley_taylor | game | interaction index
""",
}
