"""Names of splits, and what holds where statements about one image differ."""

import pytest

from tasks.crawl.splits import split_named, split_of


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ("train", ["train", "Training", " TRAIN "]),
        ("validation", ["validation", "valid", "val", "dev", "test", "Testing", "eval", "evaluation"]),
        ("validation", ["held-out", "held out", "HELD_OUT", "holdout", "hold-out"]),
        (None, ["", "restval", "train2014", "tests", "trainval", "fold 1", "0", "x" * 100_000]),
    ],
)
def test_the_names_that_hugging_face_knows_are_splits_and_others_are_not(split, names):
    assert {split_named(name) for name in names} == {split}


@pytest.mark.parametrize(
    ("stated", "split"),
    [
        ([], None),
        ([None], None),
        ([None, "train"], "train"),
        (["train", "validation"], "validation"),
        (["validation", None], "validation"),
    ],
)
def test_an_image_is_held_out_as_soon_as_one_statement_holds_it_out(stated, split):
    assert split_of(stated) == split
