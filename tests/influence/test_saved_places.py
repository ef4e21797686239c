"""A file of results replaces a file, and nothing that is none."""

import os

import pytest
import torch

import metainfl as mi


def test_a_pipe_is_not_replaced(tmp_path):
    """Guards devices and pipes, which a rename puts a file in the place of: /dev/full, say."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(mi.InvalidProblem, match="a device or a pipe"):
        mi.save(pipe, torch.ones(2))
    assert pipe.is_fifo()


def test_what_a_link_points_at_is_written(tmp_path):
    """Guards a link that becomes a file, while the file that it named stays as it was."""
    link, file = tmp_path / "link", tmp_path / "file"
    mi.save(file, torch.zeros(2))
    link.symlink_to(file)
    mi.save(link, torch.ones(2))
    assert link.is_symlink()
    torch.testing.assert_close(mi.load(file), torch.ones(2))
