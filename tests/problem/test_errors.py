"""Bad input gets a named error that says what is wrong, where, and what to do next."""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.adaptation import Prototypes, Proximal, ProximalRidge, RidgeHead, Unrolled
from metainfl.data import digit_tasks, one_hot
from metainfl.errors import InvalidOption
from metainfl.methods.claim import Claim
from metainfl.oracle import check_method, small_case
from metainfl.problem.model import FromModule
from metainfl.solve import CG, Dense


def data(**changes):
    torch.manual_seed(0)
    d = {
        "support_x": torch.randn(3, 4, 2, dtype=torch.float64),
        "support_y": torch.randn(3, 4, 1, dtype=torch.float64),
        "query_x": torch.randn(3, 5, 2, dtype=torch.float64),
        "query_y": torch.randn(3, 5, 1, dtype=torch.float64),
    }
    return {**d, **changes}


def nan_at(t, *index):
    t = t.clone()
    t[index] = float("nan")
    return t


TASKS = [
    (lambda d: {"support_x": d["support_x"][:2]}, "number of tasks"),
    (lambda d: {"support_y": d["support_y"][:, :3]}, "4 inputs but 3 targets"),
    (lambda d: {"query_x": d["query_x"][..., :1]}, "support inputs have shape"),
    (lambda d: {"query_y": d["query_y"].repeat(1, 1, 2)}, "support targets have shape"),
    (lambda d: {"query_x": nan_at(d["query_x"], 1, 2, 0)}, r"not finite at index \[1, 2, 0\]"),
    (lambda d: {"support_y": d["support_y"] / 0}, "support_y is not finite"),
    (lambda d: {k: v[:0] for k, v in d.items()}, "no tasks"),
    (lambda d: {"query_x": d["query_x"][:, :0], "query_y": d["query_y"][:, :0]}, "no query"),
    (lambda d: {"query_x": d["query_x"].long()}, "must be floating point"),
    (lambda d: {"query_x": [1, 2]}, "must be a torch tensor"),
    (lambda d: {"query_x": d["query_x"][0, 0]}, "must be"),
    (lambda d: {"task_weight": -torch.ones(3)}, "not negative"),
    (lambda d: {"support_weight": torch.ones(3, 3)}, r"shape \(3, 4\)"),
    (lambda d: {"query_weight": torch.full((3, 5), float("inf"))}, "finite"),
    (
        lambda d: {"query_weight": torch.ones(3, 5) * 1j},
        "query_weight is torch.complex64: give real",
    ),
    (lambda d: {"query_y": d["query_y"] * 1j}, "query_y is torch.complex128: give real numbers"),
    (lambda d: {"query_x": d["query_x"].to_sparse()}, r"give its .to_dense\(\)"),
    (lambda d: {"query_x": d["query_x"].to("meta")}, "query_x is on the device meta"),
    (
        lambda d: {"query_x": d["query_x"].to(torch.float8_e4m3fn)},
        "second derivatives are rounding",
    ),
    (
        lambda d: {"query_x": torch.nested.nested_tensor(list(d["query_x"]), layout=torch.jagged)},
        "query_x is nested",
    ),
    (lambda d: {"task_weight": [1, 1, 1]}, "task_weight must be a torch tensor"),
]


@pytest.mark.parametrize("change, message", TASKS)
def test_tasks(change, message):
    with pytest.raises(mi.InvalidTasks, match=message):
        mi.Tasks(**{**data(), **change(data())})


@pytest.mark.parametrize("size, there", [(1e300, "inf"), (1e-60, "0.0")])
def test_weights_that_the_inputs_dtype_cannot_hold(size, there):
    """Guards infinite weights, and tasks removed by rounding: weights were looked at before the cast."""
    single = {k: v.float() for k, v in data().items()}
    w = torch.tensor([1, size, 0], dtype=torch.float64)
    with pytest.raises(
        mi.InvalidTasks, match=rf"at index \[1\], which is {there} in torch.float32"
    ):
        mi.Tasks(**single, task_weight=w)
    tasks = mi.Tasks(**single)
    with pytest.raises(mi.InvalidTasks, match="scale the weights"):
        tasks.reweighted(task=w)
    w[1] = 2
    assert tasks.reweighted(task=w).w.tolist() == [1, 2, 0]


def test_a_device_that_is_not_here():
    tasks = mi.Tasks(**data())
    one = {k: v[0] for k, v in data().items()}
    short = {**one, "query_x": one["query_x"][:3], "query_y": one["query_y"][:3]}
    for t in (tasks, mi.Tasks.ragged([one, short])):
        with pytest.raises(mi.InvalidTasks, match="cannot be put on device 'nosuch' here"):
            t.to("nosuch")


def problem(**changes):
    options = {"outer_reg": 0.5, **changes}
    return mi.Problem(mi.Linear(2, 1), mi.Tasks(**data()), ProximalRidge(1.0), **options)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: problem(outer_reg=-0.1), "outer_reg"),
        (lambda: problem(outer_reg=float("nan")), "outer_reg"),
        (lambda: problem(direct=-1.0), "direct"),
        (lambda: problem(chunk=0), "chunk"),
        (lambda: problem(product="sideways"), "product"),
        (lambda: problem(lam=torch.zeros(3, dtype=torch.float64)), r"shape \(2,\)"),
        (lambda: problem(lam=torch.tensor([0.0, float("inf")])), "not finite at index 1"),
        (lambda: problem().lam, "lam is not set"),
        (lambda: ProximalRidge(0.0), "inner_reg"),
        (lambda: Proximal(-1.0), "inner_reg"),
        (lambda: RidgeHead(float("nan")), "inner_reg"),
        (lambda: Unrolled(0, 0.1), "steps"),
        (lambda: Unrolled(1, float("nan")), "learning rate"),
        (lambda: problem().replaced(adaptation=Prototypes(), direct=1.0), "other spaces"),
        (lambda: FromModule(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))), "dropout"),
        (lambda: FromModule(nn.Sequential(nn.BatchNorm1d(2))), "running statistics"),
        (lambda: FromModule(nn.Flatten()), "no parameter"),
        (lambda: FromModule(torch.jit.script(nn.Linear(2, 2))), "scripted or traced"),
        (lambda: check_method(abs, claim=Claim(estimand="shap")), "unknown estimand"),
        (lambda: Claim(accuracy=2.0), "tolerance"),
        (lambda: Claim(sign=0), "sign"),
        (lambda: Claim(kinds=("row",)), "kinds"),
        (lambda: Claim(kinds="task"), r"kinds is a tuple: \('task',\)"),
        (lambda: Claim(families="single_ridge"), r"families is a tuple: \('single_ridge',\)"),
    ],
)
def test_problem(make, message):
    with pytest.raises(mi.InvalidProblem, match=message):
        make()


def test_integer_labels_where_floats_are_needed():
    labels = torch.zeros(3, 4, 1, dtype=torch.long)
    tasks = mi.Tasks(**data(support_y=labels, query_y=torch.zeros(3, 5, 1, dtype=torch.long)))
    for adaptation in (ProximalRidge(1.0), Proximal(1.0)):
        with pytest.raises(mi.InvalidProblem, match="floating-point targets"):
            mi.Problem(mi.Linear(2, 1), tasks, adaptation, outer_reg=1.0).solve()


def test_other_ways_than_trained():
    tasks = mi.Tasks(**data(support_y=torch.rand(3, 4, 4), query_y=torch.rand(3, 5, 4)))
    with pytest.raises(mi.InvalidProblem, match="number of ways"):
        mi.Problem(
            mi.Linear(2, 3), tasks, Proximal(1.0), inner_loss=mi.cross_entropy, outer_reg=1.0
        ).solve()


def test_reduced_loss():
    with pytest.raises(mi.InvalidProblem, match="one loss an instance"):
        problem(outer_loss=lambda o, y: (o - y).square().sum()).solve()


def test_not_stationary_is_refused_unless_asked_for():
    p = problem(lam=torch.ones(2, dtype=torch.float64))
    with pytest.raises(mi.NotStationary, match=r"relative gradient 0\.\d+"):
        mi.influence(p, [mi.task(0)])
    with pytest.raises(mi.NotStationary):
        mi.scores(p, [mi.task(0)], p.tasks)
    assert mi.influence(p, [mi.task(0)], allow_nonstationary=True).residual > 0.01


@pytest.mark.parametrize("solver", [Dense(), CG()])
def test_singular_hessian(solver):
    """Two tasks whose queries all lie on one line, and no regulariser."""
    d = data()
    d["query_x"][..., 1] = 0
    d["query_x"] = d["query_x"] @ torch.linalg.inv(torch.eye(2, dtype=torch.float64))
    x = torch.zeros_like(d["support_x"])
    tasks = mi.Tasks(**{**d, "support_x": x})
    p = mi.Problem(mi.Linear(2, 1), tasks, ProximalRidge(1.0), outer_reg=0.0)
    p.lam = torch.zeros(2, dtype=torch.float64)
    b = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    from metainfl.curvature import exact

    with pytest.raises(mi.SingularHessian):
        solver(exact(p), b)


@pytest.mark.parametrize(
    "pi, message",
    [
        (mi.task(3), "tasks run from 0 to 2"),
        (mi.support(0, 4), "4 instances"),
        (mi.query(0, 5), "5 instances"),
        (mi.shift("query", 0, 0, 2), "2 features"),
        (mi.group([mi.task(0), mi.query(9, 0)]), "tasks run"),
    ],
)
def test_perturbations(pi, message):
    p = problem()
    p.solve()
    with pytest.raises(mi.InvalidProblem, match=message):
        mi.influence(p, [pi])
    with pytest.raises(mi.InvalidProblem, match="no perturbations"):
        mi.influence(p, [])
    with pytest.raises(InvalidOption, match="damping"):
        mi.influence(p, [mi.task(0)], damping=-1.0)


def test_cg_that_stops_early_says_so():
    case = small_case("single_softmax", 0)
    with pytest.raises(mi.NotConverged, match="after 2 iterations") as caught:
        mi.influence(case.problem(), [mi.task(0)], solver=CG(rtol=1e-12, max_iterations=2))
    assert caught.value.result.solution.shape == (9, 1)
    assert not caught.value.result.converged


def test_inner_problem_that_does_not_converge():
    case = small_case("proximal_softmax", 0)
    with pytest.raises(mi.NotConverged, match="inner problem of task"):
        case.problem().replaced(adaptation=Proximal(1.0, max_steps=1)).residual(case.problem().lam)


def test_class_without_support():
    case = small_case("prototypes", 0)
    p = case.problem()
    weight = p.tasks.view().support_weight.clone()
    weight[1, :2] = 0
    with pytest.raises(mi.InvalidTasks, match="way 0 of task 1"):
        p.replaced(tasks=p.tasks.reweighted(support=weight))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"ways": 11}, "ways"),
        ({"shots": 0}, "at least 1"),
        ({"shots": 100, "queries": 100}, "the rarest has 174"),
        ({"components": 65}, "components"),
        ({"tasks": 253}, "at most 252"),
    ],
)
def test_digits(options, message):
    with pytest.raises(mi.InvalidTasks, match=message):
        digit_tasks(**options)


def test_one_hot():
    with pytest.raises(mi.InvalidTasks, match="integers"):
        one_hot(torch.rand(3), 3)
    with pytest.raises(mi.InvalidTasks, match=r"0\.\.1"):
        one_hot(torch.tensor([0, 2]), 2)
    assert one_hot(torch.tensor([1, 0]), 2).tolist() == [[0, 1], [1, 0]]


class Noisy(torch.nn.Linear):
    def forward(self, x):
        return super().forward(x) + torch.rand(len(x), 1, dtype=x.dtype)


class Counting(torch.nn.Linear):
    def __init__(self, *a):
        super().__init__(*a)
        self.register_buffer("seen", torch.zeros((), dtype=torch.float64))

    def forward(self, x):
        self.seen += 1
        return super().forward(x)


class Functional(torch.nn.Linear):
    def forward(self, x):
        return torch.nn.functional.dropout(super().forward(x), 0.5)


class Flat(torch.nn.Linear):
    def forward(self, x):
        return super().forward(x).sum()


@pytest.mark.parametrize(
    "layer, words",
    [
        (Noisy, "random"),
        (Functional, "random"),
        (Counting, "changes in forward"),
        (Flat, "one row an instance"),
    ],
)
def test_models_that_cannot_be_differentiated_are_named(layer, words):
    torch.manual_seed(0)
    net = layer(2, 2).double()
    x, y = torch.randn(3, 4, 2, dtype=torch.float64), torch.randn(3, 4, 2, dtype=torch.float64)
    problem = mi.Problem(net, mi.Tasks(x, y, x, y), mi.NoAdaptation(), outer_reg=1.0)
    problem.lam = mi.FromModule(net).current()
    with pytest.raises(mi.InvalidProblem, match=words):
        mi.influence(problem, [mi.task(0)], allow_nonstationary=True)


@pytest.mark.parametrize("adaptation", [mi.Unrolled(1, 0.1), mi.Proximal(1.0), mi.ProximalCG(1.0)])
def test_an_inner_loss_that_reduces_is_named(adaptation):
    x, y = torch.ones(2, 3, 2, dtype=torch.float64), torch.ones(2, 3, 2, dtype=torch.float64)
    problem = mi.Problem(
        mi.Linear(2, 2),
        mi.Tasks(x, y, x, y),
        adaptation,
        inner_loss=torch.nn.functional.mse_loss,
        outer_loss=mi.squared,
        outer_reg=1.0,
        lam=torch.zeros(4, dtype=torch.float64),
    )
    with pytest.raises(mi.InvalidProblem, match="inner loss must return one loss an instance"):
        mi.influence(problem, [mi.task(0)], allow_nonstationary=True)


def test_labels_of_another_number_of_ways_are_named():
    torch.manual_seed(0)
    net = torch.nn.Linear(2, 3).double()
    x, y = torch.randn(3, 4, 2, dtype=torch.float64), torch.randint(0, 3, (3, 4))
    options = {"inner_loss": mi.cross_entropy, "outer_reg": 1.0}
    problem = mi.Problem(net, mi.Tasks(x, y, x, y), mi.NoAdaptation(), **options)
    problem.solve()
    other = mi.Tasks(x, y + 2, x, y + 2)
    with pytest.raises(
        mi.InvalidProblem,
        match="of target 0 is no class",
    ):
        mi.scores(problem, [mi.task(0)], other)
    lost = problem.replaced(tasks=other)
    with pytest.raises(mi.InvalidProblem, match="another number of ways"):
        mi.influence(lost, [mi.task(0)], allow_nonstationary=True)
