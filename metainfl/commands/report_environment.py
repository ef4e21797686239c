"""`metainfl report-environment`: versions and hardware, to paste into an issue."""

from __future__ import annotations


def report_environment() -> None:
    """Print versions and hardware as text, for an issue."""
    from metainfl.report.environment import as_text, environment

    print(as_text(environment()))
