"""CLIP learns which caption belongs to which image, and equal captions are not negatives of each other."""

import json
import math
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from support.tiny_models import write_published_clip
from transformers import CLIPModel

from models.clip.config import CLIPModelConfig
from models.clip.losses import caption_groups, contrastive_loss, retrieval_accuracy
from models.clip.model import CLIP, load_ranker, score, similarities
from models.clip.train import CLIPJob, CLIPLearner, train
from models.text.bpe import BPE, load_bpe, train_bpe
from models.text.config import BPEModelConfig
from models.training.data import Pairs
from models.training.distributed import Ranks
from models.training.errors import CheckpointError
from models.training.randomness import Step

SIZES = {"image_size": 16, "vision_width": 16, "vision_layers": 1, "text_width": 16, "text_layers": 1, "heads": 2}


@pytest.fixture(scope="module")
def clip() -> CLIP:
    torch.manual_seed(0)
    bpe = train_bpe(["a red disc", "a green square"], BPEModelConfig(vocab_size=256, text_length=24))
    return CLIP(CLIPModelConfig(**SIZES, projection=8, text_vocab=256, text_length=24), bpe).eval()


def test_scores_are_cosines_one_per_pair(clip: CLIP) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 24, 24, 3), dtype=np.uint8)
    scores = score(clip, images, ["a red disc"] * 3 + ["a green square"] * 2)
    assert scores.shape == (5,)
    assert scores.dtype == np.float32
    assert (np.abs(scores) <= 1 + 1e-6).all()


def test_a_score_does_not_depend_on_the_rest_of_the_batch(clip: CLIP) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 24, 24, 3), dtype=np.uint8)
    captions = ["a red disc", "x", "", "a red disc", "a green square"]
    together = score(clip, images, captions, batch_size=2)
    alone = [score(clip, images[i : i + 1], captions[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_similarities_are_the_scores_of_every_image_with_every_caption(clip: CLIP) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 24, 24, 3), dtype=np.uint8)
    captions = ["a red disc", "a green square"]
    expected = np.stack([score(clip, images, [caption] * 3) for caption in captions], 1)
    np.testing.assert_allclose(similarities(clip, images, captions, batch_size=1), expected, atol=1e-5)


def test_as_many_captions_as_images_are_needed(clip: CLIP) -> None:
    with pytest.raises(ValueError, match="1 images but 2 captions"):
        score(clip, np.zeros((1, 16, 16, 3), np.uint8), ["a", "b"])
    assert score(clip, np.zeros((0, 16, 16, 3), np.uint8), []).shape == (0,)


def test_a_caption_that_fills_every_position_still_ends(clip: CLIP) -> None:
    long = "zyx" * 30
    different = clip.embed_captions([long, long[:20] + "q" * 60])
    assert torch.isfinite(different).all()
    assert (different[0] - different[1]).abs().max() > 1e-6


def test_the_loss_is_the_symmetric_cross_entropy_for_different_captions() -> None:
    images, captions = (torch.nn.functional.normalize(torch.randn(4, 6), dim=-1) for _ in range(2))
    logits = 10.0 * images @ captions.T
    expected = -(logits.log_softmax(1).diagonal().mean() + logits.log_softmax(0).diagonal().mean()) / 2
    torch.testing.assert_close(contrastive_loss(images, captions, torch.tensor(10.0), torch.arange(4)), expected)


def test_equal_captions_are_not_each_others_negatives() -> None:
    vectors = torch.eye(3)[[0, 0, 1]]
    apart = contrastive_loss(vectors, vectors, torch.tensor(50.0), torch.tensor([0, 1, 2]))
    together = contrastive_loss(vectors, vectors, torch.tensor(50.0), torch.tensor([0, 0, 2]))
    assert float(apart) == pytest.approx(2 / 3 * math.log(2), abs=1e-4)
    assert float(together) == pytest.approx(0.0, abs=1e-4)


def test_groups_number_equal_captions_alike() -> None:
    groups = caption_groups(["a", "b", "a", "c", "b"]).tolist()
    assert [groups.index(group) for group in groups] == [0, 1, 0, 3, 1]
    assert caption_groups(["b"]).tolist() == groups[1:2]  # whatever else is in the batch


def test_retrieval_counts_equal_captions_as_right() -> None:
    images, captions = torch.eye(3), torch.eye(3)[[1, 0, 2]]
    assert retrieval_accuracy(images, captions, torch.tensor([0, 1, 2])) == pytest.approx(1 / 3)
    assert retrieval_accuracy(images, captions, torch.tensor([0, 0, 2])) == 1.0


def test_training_finds_each_pictures_caption(shard: str, bpe_path: str, tmp_path: Path, captions: list[str]) -> None:
    bpe: BPE = load_bpe(bpe_path)
    model = {**SIZES, "projection": 16, "text_vocab": bpe.vocab_size, "text_length": bpe.text_length}
    training = {"steps": 60, "batch_size": 8, "learning_rate": 5e-3, "warmup_steps": 5, "threads": 1, "augment": False}
    job: dict[str, Any] = {"model": model, "training": training | {"ema_decay": None}, "out": str(tmp_path)}
    train(CLIPJob.model_validate(job | {"data": {"train": [shard], "bpe": bpe_path}}), Ranks())
    clip, pairs = load_ranker(tmp_path), Pairs([shard])
    images = np.stack([pairs.image(i) for i in range(8)])
    table = np.stack([score(clip, images, [caption] * 8) for caption in captions])
    assert (table.argmax(0) == np.arange(8)).mean() >= 0.75


@pytest.fixture
def learner(clip_job: Callable[..., dict[str, Any]], shard: str) -> Callable[..., CLIPLearner]:
    def make(**training: Any) -> CLIPLearner:
        job = CLIPJob.model_validate(clip_job(**training))
        torch.manual_seed(0)
        return CLIPLearner(CLIP(job.model, load_bpe(job.data.bpe)), job.training, Pairs([shard]), Pairs([]))

    return make


def gradients(learner: CLIPLearner) -> dict[str, torch.Tensor]:
    step = Step(0, seed=0)
    learner.forward(learner.batch(step), step)["loss"].backward()
    return {name: each.grad for name, each in learner.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("chunk_pairs", [1, 3, 8])
def test_embedding_in_chunks_changes_no_gradient(learner: Callable[..., CLIPLearner], chunk_pairs: int) -> None:
    whole, chunked = gradients(learner()), gradients(learner(chunk_pairs=chunk_pairs))
    assert whole.keys() == chunked.keys()
    norm = torch.nn.utils.get_total_norm(whole.values())
    difference = torch.nn.utils.get_total_norm([chunked[name] - gradient for name, gradient in whole.items()])
    assert difference < 1e-6 * norm


def most_alive(learner: CLIPLearner) -> int:
    """The most values of hidden layers that were in memory at once during a step."""
    alive: list[weakref.ref[torch.Tensor]] = []
    most = 0

    def note(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal most
        alive.append(weakref.ref(output))
        most = max(most, sum(tensor.numel() for each in alive if (tensor := each()) is not None))

    for layer in learner.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.register_forward_hook(note)
    gradients(learner)
    return most


def test_chunks_keep_the_hidden_layers_of_one_chunk_in_memory(learner: Callable[..., CLIPLearner]) -> None:
    whole = most_alive(learner())
    assert most_alive(learner(chunk_pairs=1)) < whole / 5


def test_a_scale_beyond_its_bound_is_brought_back_and_can_fall(learner: Callable[..., CLIPLearner]) -> None:
    trained = learner()
    weight = trained.model.clip.logit_scale
    optimiser = torch.optim.SGD([weight], lr=0.01)
    with torch.no_grad():
        weight.fill_(math.log(300.0))
    trained.after_update()
    assert float(trained.model.scale().detach()) == pytest.approx(100.0)
    seen = []
    for _ in range(3):  # an untrained model is punished for being so sure of wrong answers
        optimiser.zero_grad()
        gradients(trained)
        optimiser.step()
        trained.after_update()
        seen.append(float(trained.model.scale().detach()))
    assert 100.0 > seen[0] > seen[1] > seen[2]


def test_training_keeps_the_scale_at_100_at_most(clip_job: Callable[..., dict[str, Any]]) -> None:
    job = clip_job(steps=12, learning_rate=1.0, ema_decay=None, log_every=1)
    train(CLIPJob.model_validate(job), Ranks())
    lines = (Path(job["out"]) / "metrics.jsonl").read_text().splitlines()
    scales = [json.loads(line)["scale"] for line in lines if "scale" in json.loads(line)]
    assert len(scales) == 12
    assert max(scales) <= 100.0001


@pytest.fixture
def published(tmp_path: Path) -> Path:
    write_published_clip(tmp_path)
    return tmp_path


def test_a_published_clip_in_a_folder_scores_too(published: Path) -> None:
    ranker = load_ranker(published)
    scores = score(ranker, np.zeros((3, 40, 40, 3), np.uint8), ["red disc", "red " * 7, "red " * 30])
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()
    assert scores[1] == scores[2]  # what is beyond its context is not read


@pytest.mark.parametrize(("resample", "expected"), [(2, Image.Resampling.BILINEAR), (3, Image.Resampling.BICUBIC)])
def test_a_published_clip_sees_what_its_preprocessor_says(published: Path, resample: int, expected: int) -> None:
    said = {"size": {"shortest_edge": 20}, "crop_size": {"height": 16, "width": 16}, "resample": resample}
    colours = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    plain = load_ranker(published).embed_images(torch.from_numpy(image).permute(2, 0, 1)[None])
    (published / "preprocessor_config.json").write_text(json.dumps(said | colours))
    ranker = load_ranker(published)
    seen = ranker.preprocessing(torch.from_numpy(image).permute(2, 0, 1)[None])
    pixels = np.asarray(Image.fromarray(image).resize((20, 20), expected))[2:18, 2:18] / 255
    wanted = (pixels - colours["image_mean"]) / colours["image_std"]
    assert seen.shape == (1, 3, 16, 16)
    assert np.abs(seen[0].permute(1, 2, 0).numpy() - wanted).max() < 2 / 255 / min(colours["image_std"])
    assert not torch.allclose(ranker.embed_images(torch.from_numpy(image).permute(2, 0, 1)[None]), plain, atol=1e-3)


@pytest.mark.parametrize(
    "said",
    [
        {"size": 16, "resample": 1},  # Lanczos
        {"size": 20, "crop_size": 18},  # where the model sees 16
        {"size": {"height": 16, "width": 20}},
        {"size": 16, "image_mean": [0.5]},
        [],
    ],
)
def test_a_preprocessing_that_is_not_known_is_one_sentence(published: Path, said: object) -> None:
    (published / "preprocessor_config.json").write_text(json.dumps(said))
    with pytest.raises(CheckpointError, match=r"preprocessor_config\.json asks for a preprocessing that is not known"):
        load_ranker(published)


def test_a_published_clip_of_half_precision_computes_in_full(published: Path) -> None:
    CLIPModel.from_pretrained(published).half().save_pretrained(published)
    assert {each.dtype for each in load_ranker(published).parameters()} == {torch.float32}


@pytest.mark.parametrize("fault", ["a pickle", "cut short", "a weight short", "no tokenizer"])
def test_a_published_clip_that_is_not_whole_is_one_sentence(published: Path, fault: str) -> None:
    weights = published / "model.safetensors"
    match fault:
        case "a pickle":
            torch.save(load_file(weights), published / "pytorch_model.bin")
            weights.unlink()
        case "cut short":
            weights.write_bytes(weights.read_bytes()[:-1000])
        case "a weight short":
            save_file({name: t for name, t in load_file(weights).items() if name != "logit_scale"}, weights)
        case "no tokenizer":
            (published / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="lacks 1 weights" if fault == "a weight short" else "does not hold a"):
        load_ranker(published)
