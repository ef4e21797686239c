"""A pytest plugin: of every test the first and the last of its parameters.

At the lower bounds it is asked whether the names and signatures that are used exist there; the numbers of
every case are held at the newest versions.
"""


def pytest_collection_modifyitems(config, items):
    """Deselects the others."""
    groups = {}
    for item in items:
        groups.setdefault(item.nodeid.partition("[")[0], []).append(item)
    kept = {of[at] for of in groups.values() for at in (0, -1)}
    config.hook.pytest_deselected(items=[i for i in items if i not in kept])
    items[:] = [i for i in items if i in kept]
