"""CLIP learns which caption belongs to which image, and equal captions are not negatives of each other."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.clip.config import CLIPModelConfig
from models.clip.losses import caption_groups, contrastive_loss, retrieval_accuracy
from models.clip.model import CLIP, load_ranker, score
from models.clip.train import CLIPJob, train
from models.text.bpe import BPE, load_bpe, train_bpe
from models.text.config import BPEModelConfig
from models.training.data import Pairs
from models.training.distributed import Ranks

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


def test_a_pretrained_clip_in_a_folder_scores_too(clip: CLIP, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1, "red": 2, "disc": 3}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]", model_max_length=8)
    clip.clip.save_pretrained(tmp_path)
    fast.save_pretrained(tmp_path)
    pretrained = load_ranker(tmp_path)
    scores = score(pretrained, np.zeros((2, 40, 40, 3), np.uint8), ["red disc", "red " * 30])
    assert scores.shape == (2,)
    assert np.isfinite(scores).all()
