"""A pytest plugin: of every test the first of its parameters.

At the lower bounds it is asked whether the names and signatures that are used exist there; the numbers of
every case are held at the newest versions.
"""


def pytest_collection_modifyitems(config, items):
    """Deselects the others."""
    first = {}
    for item in items:
        first.setdefault(item.nodeid.partition("[")[0], item)
    kept = set(first.values())
    config.hook.pytest_deselected(items=[i for i in items if i not in kept])
    items[:] = [i for i in items if i in kept]
