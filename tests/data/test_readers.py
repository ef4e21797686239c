"""Each reader gives back what a small file of its format holds, and names the file that is at fault."""

import gzip
import io
import tarfile

import numpy as np
import pytest
import torch

from metainfl.data import (
    read,
    read_cifar10,
    read_emnist,
    read_fc100,
    read_mini_imagenet,
    read_mnist,
    read_omniglot,
)
from metainfl.data.idx import read_idx
from metainfl.errors import BrokenData, InvalidTasks, MissingData
from tests.data import files


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_omniglot(tmp_path, form):
    """Classes out of order, a drawing under another character, ink and paper exchanged."""
    content = files.omniglot_files("images_background")
    content["__MACOSX/images_background/Greek/character01/._0000_00.png"] = b"left behind"
    if form == "zip":
        files.write_zip(tmp_path / "omniglot/images_background.zip", content)
    else:
        files.write_folder(tmp_path / "omniglot", content)
    data = read_omniglot(tmp_path)
    assert data.classes == ("Greek/character01", "Greek/character02", "Latin/character01")
    assert data.x.dtype == torch.uint8 and data.x.shape == (9, 105, 105)
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert np.array_equal(data.x[5].numpy(), files.drawing(5))


def test_omniglot_parts_that_overlap(tmp_path):
    """The two small parts share characters: a drawing counted twice leaks from support to query."""
    small = files.omniglot_files("images_background_small1")
    more = files.omniglot_files(
        "images_background_small2", ("Greek/character01", "Tagalog/character01")
    )
    files.write_zip(tmp_path / "images_background_small1.zip", small)
    files.write_zip(tmp_path / "images_background_small2.zip", more)
    data = read_omniglot(tmp_path)
    assert len(data.classes) == 4 and len(data) == 9 + 3
    one = read_omniglot(tmp_path, parts=["background_small2"])
    assert one.classes == ("Greek/character01", "Tagalog/character01")
    with pytest.raises(MissingData, match="images_evaluation"):
        read_omniglot(tmp_path, parts=["evaluation"])
    with pytest.raises(MissingData, match="Omniglot has the parts"):
        read_omniglot(tmp_path, parts=["training"])


@pytest.mark.parametrize("packed", [True, False])
def test_mnist(tmp_path, packed):
    """Bytes out of order, images that are not those of the labels."""
    x, y = files.write_mnist(tmp_path / "mnist", packed=packed)
    t, _ = files.write_mnist(tmp_path / "mnist", n=5, packed=packed, stem="t10k")
    data, test = read_mnist(tmp_path), read("mnist", tmp_path, split="test")
    assert np.array_equal(data.x.numpy(), x) and data.labels.tolist() == y.tolist()
    assert data.classes == tuple("0123456789") and np.array_equal(test.x.numpy(), t)


@pytest.mark.parametrize("form", ["dots", "folders", "folders of dots", "packed folders"])
@pytest.mark.parametrize("home", ["mnist", "MNIST/raw", "."])
def test_mnist_as_others_ship_it(tmp_path, form, home):
    """Names with a dot, and archives that unpack each file into a folder called like it."""
    x, y = files.write_mnist(tmp_path / home, packed=form == "packed folders")
    for path in [p for p in (tmp_path / home).iterdir() if p.is_file()]:
        name = path.name.replace("-idx", ".idx") if "dots" in form else path.name
        content = path.read_bytes()
        path.unlink()
        files.write_folder(
            tmp_path / home, {f"{name}/{name}" if "folders" in form else name: content}
        )
    (tmp_path / home / "t10k-images-idx3-ubyte").mkdir()  # an empty folder is no file
    data = read_mnist(tmp_path)
    assert np.array_equal(data.x.numpy(), x) and data.labels.tolist() == y.tolist()
    with pytest.raises(MissingData, match="none of t10k-images-idx3-ubyte"):
        read_mnist(tmp_path, split="test")


@pytest.mark.parametrize("home", ["emnist", "emnist/gzip", "EMNIST/raw", "EMNIST/raw/gzip", "gzip"])
def test_emnist_lies_where_its_archive_unpacks(tmp_path, home):
    x, _ = files.write_mnist(tmp_path / home, stem="emnist-letters-train")
    assert len(read_emnist(tmp_path, kind="letters")) == len(x)


def test_emnist_is_upright(tmp_path):
    """EMNIST's files hold transposed images and labels that begin at 1."""
    x, y = files.write_mnist(tmp_path / "emnist", stem="emnist-letters-train")
    (tmp_path / "emnist/emnist-letters-mapping.txt").write_text("1 65 97\n2 66 98\n")
    data = read_emnist(tmp_path, kind="letters")
    assert np.array_equal(data.x.numpy(), x.transpose(0, 2, 1))
    assert data.classes[:4] == ("0", "A", "B", "3") and data.labels.tolist() == y.tolist()


def test_idx_of_every_type(tmp_path):
    """Big-endian numbers read in the machine's order."""
    for code, kind in ((9, ">i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")):
        a = np.arange(-3, 3).reshape(2, 3).astype(kind)
        (tmp_path / "a").write_bytes(files.idx(a, code))
        found = read_idx(tmp_path / "a")
        assert np.array_equal(found, a) and found.dtype.isnative


FORMS = ["cache", "numbered", "named", "csv", "folders"]


@pytest.mark.parametrize("form", FORMS)
def test_mini_imagenet(tmp_path, form):
    """The same six images in each form that is in circulation."""
    x, home = files.colours(6), tmp_path / "mini-imagenet"
    names = ["n02", "n01", "n02", "n01", "n01", "n02"]
    where = {c: [k for k, n in enumerate(names) if n == c] for c in ("n02", "n01")}
    if form == "cache":
        content = {"image_data": x, "class_dict": where}
        files.write_pickle(home / "mini-imagenet-cache-train.pkl", content)
    elif form == "numbered":
        content = {"data": x, "labels": [int(n[1:]) for n in names], "catname2label": {"n01": 1}}
        files.write_pickle(home / "miniImageNet_category_split_train.pickle", content)
    elif form == "named":
        files.write_pickle(
            home / "train.pkl", {c: list(x[i]) for c, i in where.items()}, protocol=4
        )
    elif form == "csv":
        rows = ["filename,label"] + [f"{k}.png,{n}" for k, n in enumerate(names)]
        files.write_folder(home / "images", {f"{k}.png": files.picture(a) for k, a in enumerate(x)})
        (home / "train.csv").write_text("\n".join(rows) + "\n")
    else:
        files.write_folder(
            home / "train", {f"{n}/{k}.png": files.picture(x[k]) for k, n in enumerate(names)}
        )
    data = read_mini_imagenet(tmp_path, size=8)
    for k, c in enumerate(("n01", "n02")):
        mine = data.x[data.labels == k].numpy()
        assert np.array_equal(mine, x[where[c]])
    assert data.classes == (("1", "2") if form == "numbered" else ("n01", "n02"))
    half = read_mini_imagenet(tmp_path, size=4).x
    blocks = data.x.double().reshape(6, 4, 2, 4, 2, 3).mean(dim=(2, 4))
    assert half.shape == (6, 4, 4, 3) and (half.double() - blocks).abs().max() <= 0.51


def test_fc100_and_cifar10(tmp_path):
    """Class numbers with gaps; rows of a colour after the other; an archive as it is published."""
    x = files.colours(4, 32)
    files.write_pickle(tmp_path / "FC100/FC100_val.pickle", {"data": x, "labels": [90, 7, 7, 90]})
    data = read_fc100(tmp_path, split="val")
    assert data.classes == ("7", "90") and data.labels.tolist() == [1, 0, 0, 1]
    assert np.array_equal(data.x.numpy(), x)

    rows = x.transpose(0, 3, 1, 2).reshape(4, -1)
    batch = tmp_path / "cifar-10-batches-py/test_batch"
    files.write_pickle(batch, {b"data": rows, b"labels": [3, 0, 9, 1]})
    content = batch.read_bytes()
    files.write_pickle(batch, {"data": rows, "labels": [3, 0, 9, 1]})
    assert np.array_equal(read_cifar10(tmp_path, split="test").x.numpy(), x)
    (tmp_path / "other").mkdir()
    with tarfile.open(tmp_path / "other/cifar-10-python.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("cifar-10-batches-py/test_batch")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    packed = read_cifar10(tmp_path / "other", split="test")
    assert np.array_equal(packed.x.numpy(), x) and packed.labels.tolist() == [3, 0, 9, 1]


def test_bundled():
    """Digits and tables need no directory."""
    digits, wine = read("digits"), read("wine")
    assert digits.x.shape == (1797, 8, 8) and digits.x.max() == 1 and len(digits.classes) == 10
    assert wine.x.shape == (178, 13) and wine.x.mean(0).abs().max() < 1e-12
    assert wine.classes == ("class_0", "class_1", "class_2")
    assert read("breast_cancer").x.shape == (569, 30)


def test_where_data_is_looked_for(tmp_path, monkeypatch):
    """A directory read from the wrong place, a variable ignored."""
    monkeypatch.delenv("METAINFL_DATA", raising=False)
    with pytest.raises(MissingData, match=r"set METAINFL_DATA.*read_digits"):
        read_mnist()
    files.write_mnist(tmp_path / "a/mnist")
    files.write_mnist(tmp_path / "b/MNIST/raw", n=3)
    monkeypatch.setenv("METAINFL_DATA", str(tmp_path / "a"))
    assert len(read_mnist()) == 12 and len(read_mnist(tmp_path / "b")) == 3
    monkeypatch.setenv("METAINFL_DATA", str(tmp_path / "c"))
    with pytest.raises(MissingData, match=r"METAINFL_DATA .*is no directory"):
        read_mnist()


@pytest.mark.parametrize(
    "name", ["omniglot", "mnist", "emnist", "mini-imagenet", "fc100", "cifar10", "imagenet"]
)
def test_missing(tmp_path, name):
    """What is missing, and where in words it can be had."""
    with pytest.raises(
        MissingData, match=r"Wanted: .* by |Wanted: mini-ImageNet|no data set is called"
    ):
        read(name, tmp_path)
    with pytest.raises(FileNotFoundError):
        read(name, tmp_path)


def cut(path, n):
    path.write_bytes(path.read_bytes()[:n])


def test_broken_mnist(tmp_path):
    """A download that stopped, a page saved for a file, images for labels."""
    home = tmp_path / "mnist"
    files.write_mnist(home)
    images, labels = home / "train-images-idx3-ubyte.gz", home / "train-labels-idx1-ubyte.gz"
    whole = images.read_bytes()
    images.write_bytes(gzip.compress(files.idx(np.zeros((12, 20, 28), np.uint8))))
    with pytest.raises(BrokenData, match="images of 20 x 28, expected 28 x 28"):
        read_mnist(tmp_path)
    images.write_bytes(whole)
    cut(images, len(whole) // 2)
    with pytest.raises(BrokenData, match=r"train-images-idx3-ubyte.gz is a damaged or cut gzip"):
        read_mnist(tmp_path)
    images.write_bytes(b"<html>not found</html>")
    with pytest.raises(BrokenData, match="is no IDX file: it begins with 3c 68"):
        read_mnist(tmp_path)
    images.write_bytes(files.idx(np.zeros((3, 28, 28), np.uint8))[:-1])
    with pytest.raises(BrokenData, match="announces 3 x 28 x 28 entries, 2368 bytes; it has 2367"):
        read_mnist(tmp_path)
    images.write_bytes(whole)
    labels.write_bytes(whole)
    with pytest.raises(BrokenData, match="has 3 dimensions, expected 1"):
        read_mnist(tmp_path)
    labels.write_bytes(files.idx(np.zeros(7, np.uint8)))
    with pytest.raises(BrokenData, match="has 12 images"):
        read_mnist(tmp_path)


def test_broken_pictures(tmp_path):
    path = tmp_path / "omniglot/images_background.zip"
    content = files.omniglot_files("images_background")
    name = "images_background/Latin/character01/0002_01.png"
    for damage, message in (
        (b"no picture", "Latin/character01/0002_01.png in .* is no picture"),
        (content[name][:60], "Latin/character01/0002_01.png in .* cut short"),
        (files.picture(files.drawing(1, 50)), "0002_01.png .* is 50 x 50, but .* is 105 x 105"),
    ):
        files.write_zip(path, {**content, name: damage})
        with pytest.raises(BrokenData, match=message):
            read_omniglot(tmp_path)
    files.write_zip(path, content)
    cut(path, 500)
    with pytest.raises(BrokenData, match=r"images_background.zip is no zip file"):
        read_omniglot(tmp_path)
    files.write_zip(path, {"readme.txt": b"empty"})
    with pytest.raises(BrokenData, match="holds no picture"):
        read_omniglot(tmp_path)


def test_broken_mini_imagenet(tmp_path):
    x, home = files.colours(4), tmp_path / "mini-imagenet"
    path = home / "mini-imagenet-cache-train.pkl"
    for content, message in (
        ({"image_data": x, "class_dict": {"a": [0, 1], "b": [1, 2, 3]}}, "shares an image"),
        ({"image_data": x, "class_dict": {"a": [0, 1], "b": [2]}}, "image 3 belongs to no class"),
        ({"image_data": x, "class_dict": {"a": [0, 1], "b": [2, 4]}}, "outside the 4 images"),
        ({"image_data": x / 2.0, "class_dict": {"a": [0]}}, "holds float64 of shape"),
        ({"data": x, "labels": [0, 1]}, "4 images, but labels of shape"),
        ({"data": x, "labels": [0, 1, -1, 1]}, "the label -1"),
        ({"data": x}, r"the keys \['data'\]"),
        ({"image_data": x}, r"the keys \['image_data'\]"),
        ([1, 2], "holds a list"),
        ({"x": [1]}, "holds int64"),
    ):
        files.write_pickle(path, content)
        with pytest.raises(BrokenData, match=message):
            read_mini_imagenet(tmp_path)
    path.unlink()
    (home / "train.csv").write_text("filename,label\na.jpg,n01\n")
    with pytest.raises(MissingData, match=r"1 of the 1 pictures that .*train.csv names"):
        read_mini_imagenet(tmp_path)
    with pytest.raises(MissingData, match='splits "train", "val" and "test"'):
        read_mini_imagenet(tmp_path, split="dev")


def test_labelled_data_is_checked():
    from metainfl.data import LabelledData

    x, y = torch.zeros(3, 2), torch.tensor([0, 1, 0])
    for change, message in (
        ({"labels": y[:2]}, "do not fit"),
        ({"labels": y.double()}, "whole numbers"),
        ({"labels": y + 1}, "from 1 to 2, but there are 2 classes"),
        ({"classes": ("a", "a")}, "occurs twice"),
        ({"families": ("f",)}, "1 families for 2"),
    ):
        given = {"name": "t", "x": x, "labels": y, "classes": ("a", "b"), **change}
        with pytest.raises(InvalidTasks, match=message):
            LabelledData(**given)
