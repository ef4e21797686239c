"""mini-ImageNet by csv files: a picture is meant by its class and its name."""

import numpy as np
import pytest

from metainfl.data import read_mini_imagenet
from metainfl.errors import BrokenData, MissingData
from tests.data import files


def written(home, lines, pictures):
    """A csv file of the lines, and pictures by path; the picture of each path."""
    x = files.colours(len(pictures))
    content = {p: files.picture(a) for p, a in zip(pictures, x, strict=True)}
    files.write_folder(home / "mini-imagenet", content)
    text = "\n".join(["filename,label", *lines]) + "\n"
    (home / "mini-imagenet" / "train.csv").write_text(text)
    return dict(zip(pictures, x, strict=True))


MEANT = {
    "a name in two classes": (
        ["0.png,n01", "0.png,n02", "1.png,n02"],
        ["images/n01/0.png", "images/n02/0.png", "images/n02/1.png"],
        ["images/n01/0.png", "images/n02/0.png", "images/n02/1.png"],
    ),
    "lines in another order": (
        ["0.png,n02", "0.png,n01"],
        ["n01/0.png", "n02/0.png"],
        ["n02/0.png", "n01/0.png"],
    ),
    "a name with its folder": (
        ["n02/0.png,b", "n01/0.png,a"],
        ["images/n01/0.png", "images/n02/0.png"],
        ["images/n02/0.png", "images/n01/0.png"],
    ),
    "beside copies by class": (
        ["0.png,n01", "1.png,n01"],
        ["images/0.png", "train/n01/0.png", "images/1.png"],
        ["train/n01/0.png", "images/1.png"],
    ),
    "beside another split": (
        ["0.png,n01"],
        ["images/0.png", "val/n00000009/0.png"],
        ["images/0.png"],
    ),
    "a class in words": (
        ["0.png,house_finch", "1.png,robin"],
        ["images/n01532829/0.png", "images/n01558993/1.png"],
        ["images/n01532829/0.png", "images/n01558993/1.png"],
    ),
    "a class in words, a name with its folder": (
        ["n01532829/0.png,house_finch", "n01558993/0.png,robin"],
        ["images/n01532829/0.png", "images/n01558993/0.png"],
        ["images/n01532829/0.png", "images/n01558993/0.png"],
    ),
    "a name with a folder that is not there": (
        ["train/0.png,a", "train/1.png,b", "/home/x/2.png,b"],
        ["images/0.png", "train/b/1.png", "images/2.png"],
        ["images/0.png", "train/b/1.png", "images/2.png"],
    ),
}


@pytest.mark.parametrize("lines, pictures, meant", MEANT.values(), ids=MEANT)
def test_the_picture_of_a_line(lines, pictures, meant, tmp_path):
    """Guards two classes whose pictures are called alike: one had the other's."""
    x = written(tmp_path, lines, pictures)
    data = read_mini_imagenet(tmp_path, size=8)
    assert np.array_equal(data.x.numpy(), np.stack([x[p] for p in meant]))
    assert [data.classes[k] for k in data.labels.tolist()] == [w.split(",")[1] for w in lines]


WRONG = {
    "two of a name": (["0.png,a"], ["one/0.png", "two/0.png"], BrokenData, "may be one/0.png or two/0.png"),
    "two in the class": (["0.png,a"], ["x/a/0.png", "y/a/0.png"], BrokenData, "may be x/a/0.png or y"),
    "one for two classes": (["0.png,a", "0.png,b"], ["images/0.png"], BrokenData, "names images/0.png twice"),
    "a line twice": (["0.png,a", "0.png,a"], ["images/0.png"], BrokenData, "names images/0.png twice"),
    "of another class": (["0.png,a", "1.png,b"], ["b/0.png", "b/1.png"], MissingData, "0.png of class a"),
    "of another split": (["0.png,n00000001"], ["n00000009/0.png"], MissingData, "1 of the 1 pictures that"),
    "of another class by its folder": (["n00000001/0.png,a"], ["n00000009/0.png"], MissingData, "1 of the 1"),
    "two of a class in words": (["0.png,a"], ["n00000001/0.png", "n00000009/0.png"], BrokenData, "may be n0"),
    "two without the folder": (["train/0.png,a"], ["one/0.png", "two/0.png"], BrokenData, "may be one/0.png"),
    "in the folder of another split": (["train/0.png,a"], ["val/0.png"], MissingData, "1 of the 1 pictures"),
    "no class": (["0.png,"], ["images/0.png"], BrokenData, "a file name and a class"),
    "no name": ([",a"], ["images/0.png"], BrokenData, "a file name and a class"),
}  # fmt: skip


@pytest.mark.parametrize("lines, pictures, error, words", WRONG.values(), ids=WRONG)
def test_what_is_not_clear_is_refused(lines, pictures, error, words, tmp_path):
    written(tmp_path, lines, pictures)
    with pytest.raises(error, match=words):
        read_mini_imagenet(tmp_path)
