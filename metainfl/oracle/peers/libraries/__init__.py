"""Calling other libraries, each in its own convention, one file a library.

Every function returns raw scores; its `Peer` says how they map to the mean form with a minus sign,
-g_t' C^{-1} g_i as (n, m): `sign`, whether they come as (tests, training), and what was declared.
"""

from __future__ import annotations

from metainfl.oracle.peers.libraries import captum, curvlinops, dattri, kronfluence, trak
from metainfl.oracle.peers.libraries.peer import Peer

__all__ = ["PEERS", "Peer"]

PEERS = curvlinops.PEERS + captum.PEERS + dattri.PEERS + kronfluence.PEERS + trak.PEERS
