"""Copies that are made on purpose are found among training pictures, each by its kind, and other pictures are not."""

from collections import Counter
from io import BytesIO

import pytest
from PIL import Image
from support.finished_run import FinishedRun, emoji_pairs, table

from models.training.images import decode
from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Shard
from tasks.evaluate.leakage.copies import Kind
from tasks.evaluate.leakage.leaks import Leaks, find_leaks
from tasks.evaluate.leakage.trial import made

HELD_OUT = 8


@pytest.fixture(scope="module")
def pairs() -> list[dict]:
    return [pair | {"caption": f"picture {number}"} for number, pair in enumerate(emoji_pairs(60))]


def packed(settings, train: list[dict], val: list[dict], shards: int = 1) -> Artifact:
    parts = [Shard(len(train[n::shards]), {"train": table(train[n::shards], schemas.PAIRS)}) for n in range(shards)]
    parts.append(Shard(len(val), {"val": table(val, schemas.PAIRS)}))
    return FinishedRun(settings).finish("pack", lambda output: output.map(lambda item: item, parts))


def leaks(settings, train: list[dict], val: list[dict], prompts=(), shards: int = 1) -> Leaks:
    found = find_leaks(packed(settings, train, val, shards), prompts, settings)
    assert found is not None
    return found


def copied(pair: dict, image: bytes) -> dict:
    """Another pair of training, with this image."""
    return pair | {"pair_id": f"c{pair['pair_id'][1:]}", "image": image, "caption": "a copy"}


def changed(what: str, pair: dict) -> bytes:
    return made(Image.fromarray(decode(pair["image"])))[what]()


@pytest.mark.parametrize(
    ("what", "kinds"),
    [
        ("compressed", {Kind.SAME_PICTURE}),
        ("half the size", {Kind.SAME_PICTURE, Kind.CHANGED}),
        ("darker by a fifth", {Kind.SAME_PICTURE, Kind.CHANGED}),
        ("brighter by a fifth", {Kind.SAME_PICTURE, Kind.CHANGED}),
        ("less contrast", {Kind.SAME_PICTURE, Kind.CHANGED}),
        ("cropped by 3% all around", {Kind.CROPPED, Kind.CHANGED}),
        ("cropped by 8% all around", {Kind.CROPPED}),
        ("mirrored", {Kind.MIRRORED, Kind.SAME_PICTURE, Kind.CHANGED}),  # some are symmetric
    ],
)
def test_most_copies_of_a_kind_are_found_as_that_kind_and_as_copies_of_nothing_else(settings, pairs, what, kinds):
    val, others = pairs[:HELD_OUT], pairs[HELD_OUT:]
    found = leaks(settings, [*others, *(copied(pair, changed(what, pair)) for pair in val)], val)
    matched = [(side.pair_id, match) for side, match in found.held_out if match is not None]
    assert len(matched) >= HELD_OUT - 1
    assert all(match.kind in kinds for _, match in matched)
    assert all(match.pair_id[1:] == pair_id[1:] for pair_id, match in matched)


def test_a_held_out_picture_without_the_margins_of_a_training_picture_is_found(settings, pairs):
    val = [pair | {"image": changed("cropped by 8% all around", pair)} for pair in pairs[:HELD_OUT]]
    found = leaks(settings, [copied(pair, pair["image"]) for pair in pairs[:HELD_OUT]], val)
    assert Counter(match and match.kind for _, match in found.held_out)[Kind.CROPPED] >= HELD_OUT - 1


def test_the_same_file_is_named_so_and_a_copy_at_one_side_alone_is_not_claimed_to_be_found(settings, pairs):
    val = pairs[:HELD_OUT]
    found = leaks(settings, [*pairs[HELD_OUT:], copied(val[0], val[0]["image"])], val)
    assert [match and match.kind for _, match in found.held_out] == [Kind.SAME_FILE, *[None] * (HELD_OUT - 1)]
    assert sum(found.tried["cropped by 5% at one side"]) <= 1
    assert sum(found.tried["compressed"]) == HELD_OUT


def test_other_pictures_are_no_copies_also_upside_down(settings, pairs):
    found = leaks(settings, pairs[20:], pairs[:20])
    assert [match for _, match in found.held_out if match is not None] == []
    assert sum(found.turned) == 0


def test_what_is_found_does_not_depend_on_the_shards_nor_on_further_captions(settings, pairs, tmp_path):
    val = pairs[:HELD_OUT]
    train = [*pairs[HELD_OUT:], *(copied(pair, changed("mirrored", pair)) for pair in val)]
    again = [pair | {"pair_id": f"f{pair['pair_id'][1:]}", "caption": "said otherwise"} for pair in train]
    other = settings.model_copy(update={"root": str(tmp_path / "others")})
    first, second = leaks(settings, train, val), leaks(other, [*train, *again], val, shards=3)
    assert [match and (match.kind, match.bits, match.pair_id) for _, match in first.held_out] == [
        match and (match.kind, match.bits, match.pair_id) for _, match in second.held_out
    ]


def test_captions_and_prompts_that_training_has_are_counted_without_regard_to_case(settings, pairs):
    val = [pairs[0] | {"caption": "Picture  9"}, pairs[1] | {"caption": "said of nothing else"}]
    found = leaks(settings, pairs[2:20], val, prompts=["a picture of nothing", "PICTURE 5", "picture 6"])
    assert sorted(found.captions) == [False, True]
    assert sorted(found.prompts) == [False, True, True]


def test_where_nothing_is_held_out_nothing_can_leak(settings, pairs):
    train = [Shard(2, {"train": table(pairs[:2], schemas.PAIRS)})]
    pack = FinishedRun(settings).finish("pack", lambda output: output.map(lambda item: item, train))
    assert find_leaks(pack, (), settings) is None


def test_a_picture_that_has_one_colour_is_compared_too(settings, pairs):
    plain = BytesIO()
    Image.new("RGB", (80, 80), (200, 30, 30)).save(plain, "PNG")
    val = [pairs[0] | {"image": plain.getvalue()}]
    found = leaks(settings, [*pairs[1:20], copied(val[0], plain.getvalue())], val)
    assert [match and match.kind for _, match in found.held_out] == [Kind.SAME_FILE]
