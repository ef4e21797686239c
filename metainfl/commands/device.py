"""A device by name, looked at before work begins."""

from __future__ import annotations

from metainfl.commands.refusal import Refused


def usable(device: str) -> None:
    """Refuse a device that does not exist here, or that does not compute."""
    import torch

    try:
        torch.ones(1, device=device).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        words = str(error).strip().splitlines()[0].rstrip(".")
        raise Refused(
            f"torch cannot compute on {device!r}: {words[:200]}; use cpu", param_hint="--device"
        ) from error
