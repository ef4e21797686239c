"""Past one core and one machine: ranks, pools, and a store that loses nothing."""
