"""Shares of the training images: nested, with all captions and encodings, and held-out tokens as they were."""

import pytest
from support.finished_run import emoji_pairs
from support.tables import artifact, rows
from support.tiny_models import tiny_tokenizer

from tasks import pack
from tasks.engine.artifact import Artifact
from tasks.errors import ModelMismatchError, SourceError
from tasks.extract import Config as ExtractConfig
from tasks.extract import extract
from tasks.settings import Settings
from tasks.train.subset import Config, TrainingShare, subset

URLS = [f"https://example.org/{number}.png" for number in range(4000)]


@pytest.fixture
def pairs(settings: Settings) -> Artifact:
    """Two captions of each of 24 pictures, in shards that cut between them."""
    images = [
        {**pair, "pair_id": f"{n}{pair['pair_id'][1:]}", "caption": f"{n}"}
        for n in range(2)
        for pair in emoji_pairs(24)
    ]
    made_from = artifact("images", settings, images[:20], images[20:])
    return pack.pack(pack.Config(val_fraction=0.2, pairs_per_shard=1), settings, images=made_from).artifact


@pytest.fixture
def inputs(settings: Settings, pairs: Artifact) -> dict[str, Artifact]:
    tokenizer = tiny_tokenizer(settings)
    tokens = extract(ExtractConfig(encodings=2), settings, pairs=pairs, tokenizer=tokenizer).artifact
    return {"tokens": tokens, "pairs": pairs, "tokenizer": tokenizer}


def kept(settings: Settings, inputs: dict[str, Artifact], share: float, seed: int = 0) -> Artifact:
    return subset(Config(share=share, seed=seed), settings, **inputs).artifact


def test_a_share_holds_about_so_many_images_and_a_larger_one_the_same_and_more() -> None:
    shares = [{url for url in URLS if TrainingShare(share=share).holds(url)} for share in (0.25, 0.5, 1.0)]
    assert shares[0] < shares[1] < shares[2] == set(URLS)
    assert [len(each) / len(URLS) for each in shares] == pytest.approx([0.25, 0.5, 1.0], abs=0.03)


def test_another_seed_is_another_share() -> None:
    first, second = ({url for url in URLS if TrainingShare(share=0.5, seed=seed).holds(url)} for seed in (0, 1))
    assert len(first & second) / len(URLS) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("share", "other", "within"),
    [
        ((0.25, 1), (0.5, 1), True),
        ((0.5, 0), (0.25, 0), False),
        ((0.25, 0), (0.5, 1), False),
        ((0.25, 0), (1.0, 1), True),
        ((1.0, 0), (1.0, 3), True),
    ],
)
def test_a_share_is_within_a_larger_one_of_its_seed_and_within_the_whole(
    share: tuple[float, int], other: tuple[float, int], within: bool
) -> None:
    one, two = (TrainingShare(share=each, seed=seed) for each, seed in (share, other))
    assert one.is_within(two) is within


def test_an_image_stays_with_all_its_captions_and_encodings_or_goes_with_them(
    settings: Settings, pairs: Artifact, inputs: dict[str, Artifact]
) -> None:
    made = kept(settings, inputs, 0.5)
    urls = {row["pair_id"]: row["url"] for row in rows(pairs, "train")}
    stay = {url for url in urls.values() if TrainingShare(share=0.5).holds(url)}
    assert 0 < len(stay) < len(set(urls.values()))
    of_tokens = rows(inputs["tokens"], "train")
    assert rows(made, "train") == [row for row in of_tokens if urls[row["pair_id"]] in stay]
    rejected = [row["pair_id"] for row in rows(made, "rejects")]
    assert rejected == [row["pair_id"] for row in of_tokens if urls[row["pair_id"]] not in stay]
    assert made.manifest().counts.rejected == {"left_out_by_share": len(rejected)}


def test_held_out_tokens_stay_as_they_are(settings: Settings, inputs: dict[str, Artifact]) -> None:
    assert rows(kept(settings, inputs, 0.5), "val") == rows(inputs["tokens"], "val")


def test_a_share_without_an_image_is_one_sentence(settings: Settings, inputs: dict[str, Artifact]) -> None:
    with pytest.raises(SourceError, match=r"leaves no training image: raise subset\.share"):
        kept(settings, inputs, 1e-9)


def test_tokens_of_other_pairs_are_refused(settings: Settings, inputs: dict[str, Artifact]) -> None:
    images = artifact("images", settings, emoji_pairs(12))
    others = pack.pack(pack.Config(val_fraction=0.3), settings, images=images).artifact
    with pytest.raises(ModelMismatchError, match="make it again with this pairs"):
        kept(settings, inputs | {"pairs": others}, 0.5)
