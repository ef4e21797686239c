"""Features against their definitions, written out."""

import math

import pytest
import torch

import metainfl as mi
from metainfl.data import (
    episodes,
    pixels,
    read_digits,
    resized,
    rotated,
    rotated_copies,
    spectrum,
    standardised,
    with_inputs,
)
from metainfl.errors import InvalidTasks
from tests.helpers import assert_close


def image(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_pixels():
    """Bytes scaled by the wrong number, colours in the wrong place, ink and paper exchanged."""
    x = torch.tensor([[[0, 255], [51, 102]]], dtype=torch.uint8)
    assert_close(pixels(x), torch.tensor([[[[0, 1], [0.2, 0.4]]]], dtype=torch.float64), 1e-15)
    assert_close(pixels(x, invert=True), 1 - pixels(x), 1e-15)
    colour = torch.stack([x, x, 0 * x], dim=-1)
    assert pixels(colour).shape == (1, 3, 2, 2)
    assert_close(pixels(colour, grey=True), pixels(x) * 2 / 3, 1e-15)
    many = image(2500, 4, 4)
    assert_close(pixels(many, 2), torch.cat([pixels(m[None], 2) for m in many]), 1e-15)


@pytest.mark.parametrize(("h", "w", "size"), [(6, 4, 2), (105, 105, 28), (5, 7, 3), (4, 4, 10)])
def test_resized_is_the_mean_over_squares(h, w, size):
    """Pixels taken instead of averaged; a mean that moves; against sums over a fine grid."""
    x = image(2, h, w)
    fine = x.repeat_interleave(size, 1).repeat_interleave(
        size, 2
    )  # h size x w size: both grids fit
    expected = fine.reshape(2, size, h, size, w).mean(dim=(2, 4))
    assert_close(resized(x, size), expected, 1e-12)  # sums of some 100 terms, rounded at eps each


def test_spectrum():
    """Frequencies off by one, corners taken for the centre, against the sum written out."""
    x = image(3, 2, 9, 12)
    found = spectrum(x, 6).reshape(3, 2, 6, 6)
    rows, columns = torch.arange(9.0).double(), torch.arange(12.0).double()
    for a, u in enumerate(range(-3, 3)):
        for b, v in enumerate(range(-3, 3)):
            phase = 2 * math.pi * (u * rows[:, None] / 9 + v * columns / 12)
            re, im = (x * phase.cos()).mean((-1, -2)), (x * phase.sin()).mean((-1, -2))
            assert_close(found[..., a, b], (re**2 + im**2).sqrt(), 1e-11)
    assert_close(found[..., 3, 3], x.mean((-1, -2)), 1e-13)
    assert spectrum(image(4, 1, 28, 28)).shape == (4, 36)
    with pytest.raises(InvalidTasks, match="at least 6 x 6"):
        spectrum(image(4, 1, 5, 8))


def test_pixels_go_by_kind_and_not_by_the_largest():
    """Guards a scale that hangs on the data: 0..254 as floats were taken as they are, bytes divided."""
    x = (torch.arange(2 * 64) % 255).reshape(2, 8, 8)
    assert int(x.max()) == 127 and x.dtype == torch.int64
    want = pixels(x.to(torch.uint8))
    for kind in (torch.float32, torch.float64, torch.int64, torch.uint8):
        assert_close(pixels(x.to(kind), top=255), want, 1e-15)
    assert_close(pixels(x / 255.0, invert=True), 1 - want, 1e-6)
    assert torch.equal(pixels(x > 60, size=4), pixels((x > 60).double(), size=4))
    for wrong, options, words in (
        (x.double() * 2, {}, "run from 0 to 254 and full is 1: say what full is"),
        (x.double() - 1, {"top": 255}, "run from -1 to 126 and full is 255"),
        (x, {}, "torch.int64 have no range of their own"),
        (x / 255.0 + math.nan, {}, "run from nan to nan"),
        (x, {"top": 0}, "top must be a positive number"),
        (x, {"top": math.inf}, "top must be a positive number"),
    ):
        with pytest.raises(InvalidTasks, match=words):
            pixels(wrong, **options)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_standardised_names_what_is_not_finite(bad):
    """Guards a gap that becomes 0, the mean, without a word; and one that takes its feature with it."""
    x = image(5, 3)
    x[3, 1] = x[4, 2] = bad
    with pytest.raises(InvalidTasks, match=rf"row 3 is {bad} in feature 1 \(2 entries are not"):
        standardised(x)
    with pytest.raises(InvalidTasks, match="expected rows of floats"):
        standardised(torch.zeros(0, 3))


def test_angles_and_ranges_are_numbers():
    from metainfl.data import noise_tasks, with_rotations

    tasks = with_inputs(
        episodes(read_digits(), 1, ways=2, shots=1, queries=1), lambda x: x[:, None]
    )
    for largest in (math.inf, math.nan, -1.0):
        with pytest.raises(InvalidTasks, match="a number of radians from 0 on"):
            rotated_copies(tasks, 2, largest=largest)
    with pytest.raises(InvalidTasks, match="must be a number of radians"):
        rotated(tasks.query_x[0], math.nan)
    for low, high in ((-math.inf, 0.0), (0.0, math.inf), (math.nan, 1.0)):
        with pytest.raises(InvalidTasks, match=r"(low|high) must be a finite number"):
            noise_tasks(1, (1, 4, 4), low=low, high=high)
    with pytest.raises(InvalidTasks, match="a number above low"):
        noise_tasks(1, (1, 4, 4), low=1.0, high=0.0)
    with pytest.raises(InvalidTasks, match="different numbers of quarter turns"):
        with_rotations(read_digits(), (0, 0.5))


def test_standardised():
    """A constant feature divided by its rounding."""
    x = torch.cat([image(50, 3) * 7 + 2, torch.full((50, 1), 0.1).double()], dim=1)
    y = standardised(x)
    assert y[:, :3].mean(0).abs().max() < 1e-14
    assert_close(y[:, :3].square().mean(0), torch.ones(3).double(), 1e-13)
    assert (y[:, 3] == 0).all()


@pytest.mark.parametrize(
    "size, dtype",
    [(1e20, torch.float32), (3e38, torch.float32), (1e-24, torch.float32), (1e200, torch.float64)],
)
def test_standardised_beyond_the_range_of_squares(size, dtype):
    """Guards a feature that becomes 0, as if it were constant, where its square overflows or underflows."""
    x = torch.tensor([[size, 1.0, size], [-size, 3.0, size]], dtype=dtype)
    assert_close(standardised(x), torch.tensor([[1.0, -1, 0], [-1, 1, 0]], dtype=dtype), 1e-6)


def test_rotated_by_quarters():
    """A quarter turn is exact, anticlockwise, as rot90; on a square grid pixel centres meet."""
    x = image(2, 3, 7, 7)
    for k in range(-1, 3):
        assert_close(rotated(x, k * math.pi / 2), torch.rot90(x, k, (2, 3)), 1e-13)
    wide = torch.zeros(1, 1, 5, 9).double()
    wide[0, 0, 2, 6] = 1  # two to the right of the centre: after a quarter turn two above it
    assert_close(rotated(wide, math.pi / 2)[0, 0, 0, 4], torch.tensor(1.0), 1e-12)


def test_rotated_copies():
    """Images of a copy turned by different angles, labels or weights that do not follow, groups mixed."""
    tasks = with_inputs(
        episodes(read_digits(), 3, ways=2, shots=[1, 2, 1], queries=2), lambda x: x[:, None]
    )
    tasks = tasks.reweighted(task=torch.tensor([1.0, 0.5, 2.0]))
    made = rotated_copies(tasks, 4, seed=2)
    assert made.group.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert made.tasks.w.tolist() == [1.0] * 4 + [0.5] * 4 + [2.0] * 4
    assert made.angles.abs().max() <= math.pi / 2 and len(made.angles.unique()) == 12
    assert torch.equal(made.tasks.query_y, tasks.query_y[made.group])
    assert torch.equal(made.tasks.support_weight, tasks.support_weight[made.group])
    k = 6
    assert_close(made.tasks.query_x[k], rotated(tasks.query_x[1], float(made.angles[k])), 1e-14)
    assert_close(made.tasks.support_x[k], rotated(tasks.support_x[1], float(made.angles[k])), 1e-14)
    kept = rotated_copies(tasks, 2, seed=2, keep=True)
    assert torch.equal(kept.tasks.query_x[::2], tasks.query_x)
    first = rotated_copies(tasks.select([0, 1]), 4, seed=2)
    assert torch.equal(first.angles, made.angles[:8])
    with pytest.raises(InvalidTasks, match="rotate before"):
        rotated_copies(with_inputs(tasks, lambda x: x.flatten(1)), 2)


def test_what_a_function_of_inputs_returns_and_how_many_angles_there_are():
    """Guards torch's words on a view of another size."""
    x = torch.rand(2, 3, 1, 4, 4)
    y = torch.zeros(2, 3, dtype=torch.long)
    tasks = mi.Tasks(x, y, x, y)
    for wrong in (lambda x: x.sum(), lambda x: x[:1], lambda x: 3):
        with pytest.raises(
            mi.InvalidTasks, match=r"f must return one row an instance, \(6, \.\.\.\)"
        ):
            with_inputs(tasks, wrong)
    with pytest.raises(mi.InvalidTasks, match=r"angle is one number or \(3,\), got a tensor"):
        rotated(x[0], torch.zeros(2))
    assert torch.allclose(rotated(x[0], torch.zeros(1)), x[0])
