"""The trial of the judge, and the searches that drawings are compared with, on pictures of which all is known."""

import cv2
import numpy as np
from support.compositions import pairs_of, small_corpus, small_judge
from support.tables import artifact
from support.tiny_models import tiny_ranker

from models.training.images import centre_crop, decode
from tasks.compositions.wording import read
from tasks.evaluate.compositions.learning import LearnedCompositions
from tasks.evaluate.compositions.reader import SIDE_PX
from tasks.evaluate.compositions.search import search_by_ranker
from tasks.evaluate.compositions.trial import try_judge
from tasks.rerank import score_images


def known_of(pairs: list[dict]) -> LearnedCompositions:
    """A judge that was fitted to none of the pairs' pictures."""
    scenes = {f"http://127.0.0.1:8717/images/{each.name}.jpg": each.scene for each in small_corpus().compositions}
    urls = {pair["pair_id"]: pair["url"] for pair in pairs}
    return LearnedCompositions(small_judge(), scenes, urls, frozenset(), frozenset(), frozenset())


def asked_in(caption: str) -> tuple[str, ...]:
    """The skills that a caption tests."""
    scene = read(caption, small_judge().things)
    return scene.skills if scene else ()


def _is_read_right(known: LearnedCompositions, pair: dict) -> bool:
    [shown] = known.judge.read([decode(pair["image"])])
    return bool(asked_in(pair["caption"])) and known.scenes[pair["url"]].agrees(shown)


def as_read(encoded: bytes) -> bytes:
    """PNG of the picture at the size at which the ranker searches."""
    picture = centre_crop(decode(encoded), SIDE_PX)
    return cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()


def test_a_held_out_picture_is_decoded_once_for_all_that_is_read_from_it(settings, monkeypatch) -> None:
    pairs = pairs_of("validation", captions=2)
    pictures = len({pair["url"] for pair in pairs})
    decoded: list[bytes] = []

    def counted(encoded: bytes) -> np.ndarray:
        decoded.append(encoded)
        return decode(encoded)

    monkeypatch.setattr("models.training.images.decode", counted)
    trial = try_judge(known_of(pairs), artifact("images", settings, pairs).files("images"), [], {}, {}, settings)
    assert len(decoded) == len(trial.originals) == pictures
    assert len(trial.blobs) == 2 * pictures
    assert np.mean([reading.is_right for reading in trial.originals]) > 0.7 > 0.2 > np.mean(trial.blobs)


def test_a_found_picture_is_compared_skill_by_skill_and_one_of_which_nothing_is_known_has_nothing_right(
    settings,
) -> None:
    pairs = pairs_of("train", captions=1)
    known = known_of(pairs)
    asked, other = next(
        (a, b)
        for a in pairs
        for b in pairs
        if known.scenes[a["url"]].colour != known.scenes[b["url"]].colour
        and known.scenes[a["url"]].things == known.scenes[b["url"]].things
        and "colour" in asked_in(a["caption"])
        and "thing" in asked_in(a["caption"])
        and known.scenes[b["url"]].count == 1
    )
    found = {asked["caption"]: other["pair_id"]}
    by_words = try_judge(known, [], [], found, {}, settings).found_by_words[asked["caption"]]
    assert (by_words["thing"], by_words["colour"]) == (True, False)
    unknown = try_judge(known, [], [], {asked["caption"]: "no pair"}, found, settings)
    assert set(unknown.found_by_words[asked["caption"]].values()) == {False}
    assert unknown.found_by_ranker == {asked["caption"]: by_words}


def test_the_ranker_finds_the_picture_it_scores_highest_however_the_pairs_are_cut(settings) -> None:
    pairs = pairs_of("train", captions=2)[:20]
    prompts = ["a red apple", "two frogs on blue", "a green frog"]
    ranker, known = tiny_ranker(settings), known_of(pairs[2:])
    scored = [
        score_images(settings, ranker, [as_read(pair["image"]) for pair in pairs[2:]], [prompt] * 18)
        for prompt in prompts
    ]
    best = [pairs[2 + int(own.argmax())]["url"] for own in scored]
    for shards in ([pairs], [pairs[:2], pairs[2:9], pairs[9:]]):  # of the first picture nothing is known
        uris = artifact("images", settings, *shards).files("images")
        found = search_by_ranker(known, ranker, uris, prompts, settings)
        assert [known.urls[found[prompt]] for prompt in prompts] == best


def test_a_prompts_own_picture_is_compared_with_it_as_it_is_and_rebuilt(settings) -> None:
    pairs = pairs_of("validation", captions=1)
    known = known_of(pairs)
    right = next(pair for pair in pairs if _is_read_right(known, pair))
    wrong = next(
        pair
        for pair in pairs
        if "colour" in asked_in(pair["caption"])
        and known.scenes[pair["url"]].colour != known.scenes[right["url"]].colour
    )
    asked = {right["caption"]: right["pair_id"], wrong["caption"]: right["pair_id"]}
    shards = artifact("images", settings, [right]).files("images")
    trial = try_judge(known, shards, [], dict.fromkeys(asked, "no pair"), {}, settings, asked)
    assert set(trial.own_pictures) == set(asked)
    assert all(trial.own_pictures[right["caption"]].values())
    assert not all(trial.own_pictures[wrong["caption"]].values())
    assert trial.own_rebuilt == {}
