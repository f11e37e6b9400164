"""Pictures that a configured CLIP calls alike count as one, and are rejects with the kept one and the cosine."""

from functools import partial
from itertools import combinations

import huggingface_hub
import numpy as np
import pytest
from pydantic import ValidationError
from support.hub import COMMIT, hub
from support.tables import artifact, reasons, rows
from support.tiny_models import write_published_clip
from support.web import picture

from models.clip.model import load_ranker
from models.training.images import decode
from tasks.dedup.config import Config
from tasks.dedup.embeddings import embedder
from tasks.dedup.stage import dedup
from tasks.errors import ConfigError, SourceError
from tasks.screen_images.agreement import square_of
from tasks.train import published

PICTURES = {f"{seed}": picture(seed, (80, 80)) for seed in range(5)}


@pytest.fixture
def clip(tmp_path):
    write_published_clip(tmp_path / "clip")
    return tmp_path / "clip"


@pytest.fixture(autouse=True)
def at_hub(tmp_path, monkeypatch):
    """No test asks a hub outside this machine; what is returned names the one that is asked."""
    fetch = huggingface_hub.snapshot_download

    def ask(address: str) -> None:
        there = partial(fetch, cache_dir=tmp_path / "hub", endpoint=address)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", there)
        published._from_hub.cache_clear()

    ask("http://127.0.0.1:9")
    return ask


def vectors_of(folder) -> dict[str, np.ndarray]:
    """Computed one by one."""
    import torch

    ranker = load_ranker(folder)
    found = {}
    for name, image in PICTURES.items():
        view = torch.from_numpy(square_of(decode(image), ranker).copy()).permute(2, 0, 1)[None]
        with torch.inference_mode():
            found[name] = ranker.embed_images(view)[0].numpy()
    return found


def shard(names) -> list[dict]:
    return [{"url": f"https://example.com/{name}", "caption": name, "image": PICTURES[name]} for name in names]


def closest(folder) -> tuple[str, str, float]:
    """The two pictures with the highest cosine, and a limit that they alone reach."""
    vectors = vectors_of(folder)
    cosines = sorted((float(vectors[a] @ vectors[b]), a, b) for a, b in combinations(vectors, 2))
    (below, *_), (cosine, a, b) = cosines[-2:]
    return a, b, (below + cosine) / 2


@pytest.mark.parametrize("shards", [1, 2])
def test_pictures_with_a_high_cosine_count_as_one(settings, clip, shards):
    a, b, limit = closest(clip)
    vectors = vectors_of(clip)
    parts = [shard(list(PICTURES)[n::shards]) for n in range(shards)]
    source = artifact("images", settings, *parts)
    assert reasons(dedup(Config(), settings, images=source).artifact) == {}
    unique = dedup(Config(clip=str(clip), min_cosine=limit), settings, images=source).artifact
    (reject,) = rows(unique, "rejects")
    kept = {row["caption"]: row["pair_id"] for row in rows(unique, "images")}
    (keeper,) = {a, b} - {reject["caption"]}
    assert set(kept) == set(PICTURES) - {reject["caption"]}
    assert reject["reason"] == "near_duplicate"
    said, cosine = reject["detail"].split(", cosine ")
    assert said == f"same as {kept[keeper]}"
    assert float(cosine) == pytest.approx(float(vectors[a] @ vectors[b]), abs=2e-4)


def test_pictures_like_those_of_the_evaluation_set_are_rejects(settings, clip, tmp_path):
    a, b, limit = closest(clip)
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "known.png").write_bytes(PICTURES[a])
    config = Config(clip=str(clip), min_cosine=limit, evaluation_set=str(tmp_path / "evaluation"))
    unique = dedup(config, settings, images=artifact("images", settings, shard(set(PICTURES) - {a}))).artifact
    (reject,) = rows(unique, "rejects")
    assert (reject["caption"], reject["reason"]) == (b, "in_evaluation_set")
    assert reject["detail"].startswith("matches known.png, cosine ")


def test_a_clip_from_a_hub_does_what_its_folder_does(settings, clip, at_hub):
    _, _, limit = closest(clip)
    source = artifact("images", settings, shard(PICTURES))
    with hub({"someone/clip": clip}) as address:
        at_hub(address)
        by_name = Config(clip=f"someone/clip@{COMMIT}", min_cosine=limit)
        by_folder = Config(clip=str(clip), min_cosine=limit)
        addresses = [dedup.artifact(each, settings, images=source).address for each in (by_name, by_folder)]
    assert addresses[0] == addresses[1]


def test_a_clip_goes_with_its_limit_counts_by_its_content_and_changes_nothing_where_there_is_none(settings, tmp_path):
    def fingerprint(seed: int, folder: str) -> str:
        write_published_clip(tmp_path / folder, seed=seed)
        return dedup.artifact(Config(clip=str(tmp_path / folder), min_cosine=0.9), settings).fingerprint

    assert fingerprint(0, "one") == fingerprint(0, "two") != fingerprint(1, "two")
    assert not {"clip", "min_cosine"} & Config().fingerprinted().keys()
    for given, missing in (({"clip": "a"}, "not min_cosine"), ({"min_cosine": 0.9}, "not clip")):
        with pytest.raises(ValidationError, match=f"{missing}: set both, or neither"):
            Config.model_validate(given)


def test_a_clip_that_is_not_there_is_an_error_before_anything_runs(tmp_path):
    (tmp_path / "clip").mkdir()
    with pytest.raises(SourceError, match=r"clip holds no published model .* in dedup\.clip"):
        Config(clip=str(tmp_path / "clip"), min_cosine=0.9).require()


def test_a_worker_with_another_clip_is_told(clip):
    with pytest.raises(ConfigError, match=r"This worker has another .*clip than where the run was started"):
        embedder(str(clip), "another digest")


def test_a_run_that_was_ended_does_not_embed_again(settings, clip, monkeypatch):
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    config = Config(clip=str(clip), min_cosine=0.99)
    source = artifact("images", settings, shard(PICTURES))
    with monkeypatch.context() as patch:
        patch.setattr("tasks.dedup.stage.find_duplicates", stopped)
        with pytest.raises(KeyboardInterrupt):
            dedup(config, settings, images=source)
    with monkeypatch.context() as patch:
        patch.setattr("models.clip.model.load_ranker", stopped)
        assert len(rows(dedup(config, settings, images=source).artifact, "images")) > 0
    assert embedder.cache_info().currsize == 0
