"""Untrained models of a few thousand weights in real artifacts: they draw noise, but through the real code."""

from pathlib import Path

from models.files import BPE_FILE, TOKENIZER_FOLDER
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import Stage, StageConfig
from tasks.settings import Settings

TEXT_LENGTH = 8
IMAGE_SIZE, GRID, CODES = 16, 4, 11


class Tiny(StageConfig):
    """Another seed gives other weights."""

    seed: int = 0


def tiny_generator(settings: Settings, seed: int = 0) -> Artifact:
    """A prior's artifact as train_prior writes it: prior, text tokenizer and image tokenizer."""
    return Stage("train_prior", 1, _write_prior, {}, Tiny)(Tiny(seed=seed), settings).artifact


def tiny_ranker(settings: Settings, seed: int = 0) -> Artifact:
    """The artifact of a CLIP trained here, as train_clip writes it."""
    return Stage("train_clip", 1, _write_clip, {}, Tiny)(Tiny(seed=seed), settings).artifact


def tiny_tokenizer(settings: Settings, seed: int = 0) -> Artifact:
    """The artifact of a dVAE trained here, as train_dvae writes it."""
    return Stage("train_dvae", 1, _write_dvae, {}, Tiny)(Tiny(seed=seed), settings).artifact


def write_tokenizer(folder: Path, seed: int = 0) -> None:
    """The files of a dVAE's artifact."""
    import torch

    from models.dvae.config import DVAEModelConfig
    from models.dvae.model import DVAE
    from models.training.checkpoint import save_model

    torch.manual_seed(seed)
    sizes = {"image_size": IMAGE_SIZE, "vocab_size": CODES, "hidden": 8, "decoder_init": 4}
    images = DVAEModelConfig(**sizes, groups=2, blocks_per_group=1, stem="unshuffle", post_gain=1.0)
    save_model(folder, DVAE(images).state_dict(), images)


def write_generator(folder: Path, seed: int = 0) -> None:
    """The files of a prior's artifact."""

    from models.prior.config import PriorModelConfig
    from models.prior.model import Prior
    from models.training.checkpoint import save_model

    write_tokenizer(folder / TOKENIZER_FOLDER, seed)
    bpe = tiny_bpe()
    bpe.save(folder / BPE_FILE)
    shape = {"width": 16, "layers": 2, "heads": 2, "conv_kernel": 3, "image_vocab": CODES, "grid": GRID}
    config = PriorModelConfig(**shape, text_vocab=bpe.vocab_size, text_length=TEXT_LENGTH)
    save_model(folder, Prior(config, seed).state_dict(), config)


def write_published_clip(folder: Path, seed: int = 0, more_words: tuple[str, ...] = ()) -> None:
    """An untrained CLIP in the layout of the transformers library, as one finds it on a hub; it knows a few words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

    torch.manual_seed(seed)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    words = ("[UNK]", "[PAD]", "[END]", "a", "red", "green", "apple", "frog", "disc", *more_words)
    text = small | {"vocab_size": len(words), "max_position_embeddings": 8, "eos_token_id": 2, "pad_token_id": 1}
    vision = small | {"image_size": 16, "patch_size": 8}
    config = CLIPConfig(text_config=text | {"bos_token_id": 2}, vision_config=vision, projection_dim=8)
    CLIPModel(config).save_pretrained(folder)
    read = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    read.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=read, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)


def tiny_bpe():
    """A text tokenizer of bytes."""
    from models.text.bpe import train_bpe
    from models.text.config import BPEModelConfig

    return train_bpe(["a red apple", "a green frog"], BPEModelConfig(vocab_size=260, text_length=TEXT_LENGTH))


def _write_prior(config: Tiny, output: Output) -> None:
    write_generator(output.scratch, config.seed)
    _keep(output)


def _write_dvae(config: Tiny, output: Output) -> None:
    write_tokenizer(output.scratch, config.seed)
    _keep(output)


def _write_clip(config: Tiny, output: Output) -> None:
    import torch

    from models.clip.config import CLIPModelConfig
    from models.clip.model import CLIP
    from models.training.checkpoint import save_model

    torch.manual_seed(config.seed)
    bpe = tiny_bpe()
    bpe.save(output.scratch / BPE_FILE)
    widths = {"vision_width": 16, "vision_layers": 1, "text_width": 16, "text_layers": 1, "heads": 2, "projection": 8}
    model = CLIPModelConfig(image_size=16, patch_size=8, **widths, text_vocab=bpe.vocab_size, text_length=TEXT_LENGTH)
    save_model(output.scratch, CLIP(model, bpe).state_dict(), model)
    _keep(output)


def _keep(output: Output) -> None:
    for path in sorted(file for file in output.scratch.rglob("*") if file.is_file()):
        output.write(path.relative_to(output.scratch).as_posix(), path.read_bytes())
