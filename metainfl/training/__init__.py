"""Training runs: networks, optimisers as pure steps, the run and its exact derivatives."""
