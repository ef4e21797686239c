"""Tables in files: features and classes are those of the rows, and what is wrong is told with its place."""

import gzip

import numpy as np
import pytest

from metainfl.data import read, read_tabular
from metainfl.data.looked import look, looking, remembered
from metainfl.data.table_files import columns_of
from metainfl.errors import BrokenData, InvalidTasks, MissingData

ROWS = [
    (39.0, "State-gov", "Male", "<=50K"),
    (50.0, "Private", "Female", ">50K"),
    (28.0, "Self-emp", "Male", "<=50K"),
    (43.0, "Private", "Male", ">50K"),
]
NAMES = ("age", "work", "sex", "income")
ARFF = "\n".join([
    "% people", "@RELATION adult", "@ATTRIBUTE age NUMERIC",
    "@ATTRIBUTE work {State-gov, Private, Self-emp}", "@ATTRIBUTE sex {Female, Male}",
    "@ATTRIBUTE income {<=50K, >50K}", "@DATA", *(",".join(map(str, r)) for r in ROWS), "",
])  # fmt: skip


def as_csv(cut=",", quote="", rows=ROWS):
    lines = [NAMES, *rows]
    return "\n".join(cut.join(f"{quote}{v}{quote}" for v in r) for r in lines) + "\n"


FORMS = {
    "adult.arff": ARFF.encode(),
    "adult.arff.gz": gzip.compress(ARFF.encode(), mtime=0),
    "adult.csv": as_csv().encode(),
    "adult.csv.gz": gzip.compress(as_csv(", ").encode(), mtime=0),
    "tables/adult.csv": as_csv(";", '"').encode("utf-8-sig"),
    "adult/adult.csv": as_csv("\t").replace("\n", "\r\n").encode(),
}


def write(root, name, content):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_the_same_table(tmp_path, form):
    """Guards numbers not standardised, words in another order, and a class for a feature."""
    write(tmp_path, form, FORMS[form])
    found = read_tabular(tmp_path, table="adult")
    age = np.array([39.0, 50, 28, 43])
    work = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]])  # Private, Self-emp, State-gov
    x = np.column_stack([(age - age.mean()) / age.std(), work, [1, 0, 1, 1]])
    assert np.abs(found.x.numpy() - x).max() < 1e-12 and found.labels.tolist() == [0, 1, 0, 1]
    assert found.classes == ("<=50K", ">50K") and found.name == "adult"


QUOTED = """@relation 'bank, in part'
@attribute 'marital, status' {'Married, civ',Never-married,"a b"}
@attribute "capital-gain" real
@attribute 'class label' { '<=50K', '>50K' }

@data
% a remark, and spaces
'Married, civ',2174,'<=50K'
Never-married, 0 , '>50K'
"a b",1,'>50K'
"""


def test_quoted_words_and_spaces(tmp_path):
    """Guards a comma within a word, and a space that makes another word of it."""
    write(tmp_path, "bank.arff", QUOTED)
    found = columns_of(tmp_path / "bank.arff")
    assert [c.name for c in found] == ["marital, status", "capital-gain", "class label"]
    assert found[0].values.tolist() == ["Married, civ", "Never-married", "a b"]
    assert found[1].values.tolist() == [2174, 0, 1]
    assert found[2].values.tolist() == ["<=50K", ">50K", ">50K"]


@pytest.mark.parametrize(
    "first", ["civ, 3,x", "% a remark\n\n  civ,3, x ", "'a, b',3,'x'", "?,?,x"]
)
def test_words_are_quoted_in_some_rows_alone(tmp_path, first):
    """Guards a file whose first row needs no quotes: the words of the others keep theirs, and are unknown."""
    head = "@relation t\n@attribute a {civ,'a, b','b c'}\n@attribute n real\n@attribute y {x,z}\n@data\n"
    write(tmp_path, "t.arff", f"{head}{first}\n'b c',1,z\n'a, b',2,'x'\nciv,0,z\n")
    words, numbers, classes = columns_of(tmp_path / "t.arff")
    assert words.values.tolist()[1:] == ["b c", "a, b", "civ"]
    assert numbers.values.tolist()[1:] == [1, 2, 0]
    assert classes.values.tolist() == ["x", "z", "x", "z"]


def test_columns_are_chosen_by_name(tmp_path):
    write(tmp_path, "adult.csv", as_csv())
    found = read("tabular", tmp_path, table="adult", label="sex", leave_out=["work", "income"])
    assert found.classes == ("Female", "Male") and found.labels.tolist() == [1, 0, 1, 1]
    assert found.x.shape == (4, 1)
    with pytest.raises(BrokenData, match=r"has no column 'class'; it has age, work, sex, income"):
        read_tabular(tmp_path, table="adult", label="class")
    with pytest.raises(InvalidTasks, match="leave_out is a list of names"):
        read_tabular(tmp_path, table="adult", leave_out="work")
    with pytest.raises(InvalidTasks, match=r"the reader of tabular needs table=\.\.\."):
        read("tabular", tmp_path)


def test_classes_that_are_numbers_stay_apart(tmp_path):
    """Guards numbers that are rounded into one class."""
    rows = ["a,b", "1.5,1234567", "2.5,1234568", "0.5,1234567"]
    write(tmp_path, "t.csv", "\n".join(rows))
    assert read_tabular(tmp_path, table="t").classes == ("1234567", "1234568")
    assert read_tabular(tmp_path, table="t", label="a").classes == ("0.5", "1.5", "2.5")


@pytest.mark.parametrize("form", ["arff", "csv"])
def test_rows_that_lack_something(tmp_path, form):
    """Guards rows that go without a word, and a place that is another row's."""
    text = ARFF if form == "arff" else as_csv()
    more = "?,Private,Male,>50K\n31,?,Male,>50K\n"
    write(tmp_path, f"adult.{form}", text + more)
    with pytest.raises(BrokenData, match=r"2 of 6 rows lack something, row 5 its 'age'; missing="):
        read_tabular(tmp_path, table="adult")
    assert len(read_tabular(tmp_path, table="adult", missing="drop")) == 4
    assert len(read_tabular(tmp_path, table="adult", missing="drop", leave_out=["work"])) == 5
    with pytest.raises(InvalidTasks, match='missing is "refuse" or "drop"'):
        read_tabular(tmp_path, table="adult", missing="keep")


def test_missing(tmp_path):
    """What is missing, and where in words it can be had."""
    with pytest.raises(
        MissingData, match=r"none of bank.arff, .*bank.csv.gz lies .*as OpenML publishes"
    ):
        read_tabular(tmp_path, table="bank")
    for wrong in ("../bank", "", "a\0b", "a" * 5000):
        with pytest.raises(MissingData, match="file's name without its end"):
            read_tabular(tmp_path, table=wrong)


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("t.arff", "<html>not found</html>", "t.arff is no ARFF file"),
        ("t.arff", "@relation a\n@attribute b string\n@data\nx\n", "t.arff is no ARFF file of numbers"),
        ("t.arff", ARFF.replace("Private,Female", "Public,Female"), "is no ARFF file.*Public"),
        ("t.csv.gz", FORMS["adult.csv.gz"][:30], "damaged or cut gzip"),
        ("t.csv", b"a,b\n\xff\xfe,1\n", "no text in UTF-8"),
        ("t.csv", "39,State-gov,<=50K\n", "begins with '39,State-gov,<=50K'; expected the names"),
        ("t.csv", "", "begins with ''"),
        ("t.csv", "a,b\n1,2\n3\n", "row 2 has 1 entries, and there are 2 names"),
        ("t.csv", "a,a\n1,2\n", "two columns called 'a'"),
        ("t.csv", "a,b\n", "no row to learn from"),
        ("t.csv", 'a,b\n"1,2\n', "is no CSV file"),
        ("t.csv", "a,b\n1,x\n1e999,y\n", "column 'a' is infinite in row 2"),
        ("t.csv", "a,b\n1,x\n2,x\n", "column 'b' has 1 different values, expected classes"),
        ("t.csv", "a,b\n?,x\n?,y\n", "lack something"),
        ("t.csv", "a,b\n" + "".join(f"n{k},{k % 2}\n" for k in range(201)), "'a' has 201 different words"),
    ],
)  # fmt: skip
def test_broken(tmp_path, name, content, words):
    write(tmp_path, name, content)
    with pytest.raises(BrokenData, match=words):
        read_tabular(tmp_path, table="t")


def test_nothing_left(tmp_path):
    write(tmp_path, "t.csv", "a,b\n?,x\n?,y\n")
    with pytest.raises(BrokenData, match="every row lacks something"):
        read_tabular(tmp_path, table="t", missing="drop")
    with pytest.raises(BrokenData, match="no column that tells rows apart"):
        read_tabular(tmp_path, table="t", missing="drop", leave_out=["a"])


def test_words_keep_their_lines(tmp_path):
    """Guards a quoted word over two lines that becomes another word, and rows cut at odd separators."""
    text = 'age,work,income\n1,"x\ny",a\n2,xy,b\n3,x\u2028y,a\n'
    path = tmp_path / "adult.csv"
    path.write_text(text, encoding="utf-8")
    words = next(c for c in columns_of(path) if c.name == "work").values.tolist()
    assert words == ["x\ny", "xy", "x\u2028y"]


def test_what_is_looked_for_in_vain_is_told():
    """Guards cells that stay valid after the data arrive that they were made without."""

    @remembered
    def absent(name):
        look((name,))
        raise MissingData("nothing lies there")

    for _ in range(2):
        with looking() as names, pytest.raises(MissingData):
            absent("emnist")
        assert names == [("emnist",)]
