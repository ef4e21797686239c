"""Independent work, and where it is done: joblib's own processes, a dask cluster, or Ray.

    with backend("dask", jobs=8):  ...          a cluster of 8 processes here, for what is called within
    with backend("dask=tcp://host:8786"):  ...  a cluster that runs already
Everything that reruns, plays or removes goes through `unordered`: it hands results over as they come, so that
each is stored at once, and does again what a killed worker had in hand.
"""

from metainfl.pools.pool import Call, at_once, backend, checked, ordered, unordered

__all__ = ["Call", "at_once", "backend", "checked", "ordered", "unordered"]
