"""scikit-learn's bundled handwritten digits (1,797 real images) as few-shot tasks.

A task is a choice of `ways` digits out of ten: 252 five-way tasks. Its support and query images are
drawn without replacement, disjoint within a task, from one seed. Way j is the j-th smallest digit.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from metainfl.errors import InvalidTasks
from metainfl.numbers import whole
from metainfl_reference.episodes import Episodes


def digit_tasks(
    *,
    ways: int = 5,
    shots: int = 5,
    queries: int = 5,
    components: int | None = None,
    seed: int = 0,
    tasks: int | None = None,
) -> Episodes:
    """All C(10, ways) tasks (or the first `tasks` of a seeded shuffle), one-hot targets.

    Inputs are the 64 pixels scaled to 0..1 and centred, or their first `components` principal
    components (of all 1,797 images). Shapes: support (T, ways shots, d), query (T, ways queries, d).
    """
    ways = whole(ways, "ways", 2, 10, InvalidTasks)
    shots, queries = (
        whole(n, name, 1, error=InvalidTasks)
        for n, name in ((shots, "shots"), (queries, "queries"))
    )
    x, labels = principal_pixels(components)
    pools = [np.flatnonzero(labels == digit) for digit in range(10)]
    fewest = min(map(len, pools))
    if shots + queries > fewest:
        raise InvalidTasks(
            f"{shots} shots and {queries} queries need {shots + queries} images of each digit; "
            f"the rarest has {fewest}"
        )
    rng = np.random.default_rng(whole(seed, "seed", 0, error=InvalidTasks))
    chosen = list(combinations(range(10), ways))
    if tasks is not None:
        tasks = whole(tasks, "tasks", 1, len(chosen), InvalidTasks)
        chosen = [chosen[i] for i in rng.permutation(len(chosen))[:tasks]]
    drawn = np.stack(
        [[rng.permutation(pools[digit])[: shots + queries] for digit in task] for task in chosen]
    )
    support = drawn[:, :, :shots].reshape(len(chosen), -1)
    query = drawn[:, :, shots:].reshape(len(chosen), -1)
    eye = np.eye(ways)
    s_y = np.broadcast_to(np.repeat(eye, shots, axis=0), (len(chosen), ways * shots, ways))
    q_y = np.broadcast_to(np.repeat(eye, queries, axis=0), (len(chosen), ways * queries, ways))
    return Episodes(x[support], s_y.copy(), x[query], q_y.copy())


def principal_pixels(components: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """All 1,797 images, scaled to 0..1 and centred (n, 64) or projected (n, components), and labels."""
    from sklearn.datasets import load_digits  # slow to import

    pixels, labels = load_digits(return_X_y=True)
    x = pixels / 16.0
    x = x - x.mean(axis=0)
    if components is not None:
        components = whole(components, "components", 1, x.shape[1], InvalidTasks)
        x = x @ np.linalg.svd(x, full_matrices=False)[2][:components].T
    return x, labels
