"""CLIP for reranking: our own small one with our tokenizer, or a pretrained one, with the same two methods."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoTokenizer, CLIPConfig, CLIPModel

from models.clip.config import CLIPModelConfig
from models.clip.preprocessing import Preprocessing, published_preprocessing
from models.files import BPE_FILE, CONFIG
from models.text.bpe import BPE, PAD, load_bpe
from models.training.checkpoint import load_weights, read_config
from models.training.errors import CheckpointError
from models.training.muon import Matrix

_MOST_LOG_SCALE = log(100.0)


class Ranker(nn.Module, ABC):
    """A model that embeds images and captions in one space, of dimension P.

    Attributes:
        preprocessing: what becomes of its images first.
    """

    clip: CLIPModel
    preprocessing: Preprocessing

    def embed_images(self, images: Tensor) -> Tensor:
        """Square uint8 [B, 3, H, W] of any size to unit vectors, fp32 [B, P]."""
        pixels = self.preprocessing(images.to(self.device))
        return F.normalize(self.clip.get_image_features(pixel_values=pixels).pooler_output.float(), dim=-1)

    @abstractmethod
    def embed_captions(self, captions: Sequence[str]) -> Tensor:
        """Captions to unit vectors, fp32 [B, P]."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device


class CLIP(Ranker):
    """Our own CLIP: `transformers.CLIPModel` with our tokenizer and size."""

    def __init__(self, config: CLIPModelConfig, bpe: BPE) -> None:
        """A model with random weights.

        Raises:
            ValueError: `config` is not for the vocabulary and caption length of `bpe`.
        """
        super().__init__()
        if (bpe.vocab_size, bpe.text_length) != (config.text_vocab, config.text_length):
            raise ValueError(
                f"a tokenizer of {bpe.vocab_size} ids and {bpe.text_length} positions does not fit "
                f"a CLIP of {config.text_vocab} ids and {config.text_length} positions"
            )
        self.config = config
        self.bpe = bpe
        self.clip = CLIPModel(_architecture(config))
        self.preprocessing = Preprocessing(config.image_size, config.image_size, "area")

    def embed_captions(self, captions: Sequence[str]) -> Tensor:
        """Captions to unit vectors, fp32 [B, P]."""
        return self.embed_ids(self.bpe.encode(captions).to(self.device))

    def embed_ids(self, ids: Tensor) -> Tensor:
        """Token ids with PAD, int64 [B, T], to unit vectors, fp32 [B, P]."""
        c = self.config
        ended = F.pad(ids.masked_fill(ids == PAD, c.padding_id), (0, 1), value=c.padding_id)
        lengths = (ids != PAD).sum(1, keepdim=True)
        ended = ended.scatter(1, lengths, c.end_id)
        return F.normalize(self.clip.get_text_features(input_ids=ended).pooler_output.float(), dim=-1)

    def scale(self) -> Tensor:
        """The learned factor on the cosines, a scalar: at most 100 where `bound_scale` follows every update."""
        factor: Tensor = self.clip.logit_scale.exp()
        return factor

    @torch.no_grad()
    def bound_scale(self) -> None:
        """Keep the factor at 100 or below (Radford et al. 2021, section 2.5).

        It is the weight that is bounded: a bound on the factor would leave a weight beyond it without a gradient, and
        it would never come back.
        """
        self.clip.logit_scale.clamp_(max=_MOST_LOG_SCALE)

    def matrices(self) -> list[Matrix]:
        """The weight matrices of both transformers' blocks, which Muon may train."""
        encoders = (self.clip.text_model.encoder, self.clip.vision_model.encoder)
        return [Matrix(layer.weight) for e in encoders for layer in e.modules() if isinstance(layer, nn.Linear)]


class PretrainedCLIP(Ranker):
    """A published CLIP with its own tokenizer; captions beyond its context are cut."""

    def __init__(self, folder: Path) -> None:
        """Read a folder in the layout of the transformers library: weights as safetensors, never a pickle.

        Raises:
            CheckpointError: the folder does not hold exactly such a model.
        """
        super().__init__()
        try:
            # Half-precision weights are widened, so that scores do not depend on how a model was stored.
            loaded: Any = CLIPModel.from_pretrained(
                folder, use_safetensors=True, dtype=torch.float32, local_files_only=True, output_loading_info=True
            )
            self.clip, found = loaded
            self.tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(
                f"{folder} does not hold a whole CLIP of the transformers library: {error}"
            ) from error
        if absent := sorted(found["missing_keys"]):  # the library would fill them with random numbers
            raise CheckpointError(f"{folder} lacks {len(absent)} weights of a CLIP, such as {absent[0]}")
        self.preprocessing = published_preprocessing(folder, int(self.clip.vision_model.embeddings.image_size))

    def embed_captions(self, captions: Sequence[str]) -> Tensor:
        """Captions to unit vectors, fp32 [B, P]."""
        length = self.clip.text_model.embeddings.position_embedding.num_embeddings
        inputs = self.tokenizer(
            list(captions), padding=True, truncation=True, max_length=length, return_tensors="pt"
        ).to(self.device)
        return F.normalize(self.clip.get_text_features(**inputs).pooler_output.float(), dim=-1)


@torch.inference_mode()
def score(
    clip: Ranker, images: NDArray[np.uint8], captions: Sequence[str], batch_size: int = 256
) -> NDArray[np.float32]:
    """How well each image fits its caption.

    Args:
        images: uint8 RGB [B, H, W, 3], square.
        captions: one per image; equal ones are embedded once.

    Returns:
        Cosines between -1 and 1, float32 [B].

    Raises:
        ValueError: the numbers of images and captions differ.
    """
    if len(images) != len(captions):
        raise ValueError(f"{len(images)} images but {len(captions)} captions")
    if len(images) == 0:
        return np.empty(0, np.float32)
    distinct = sorted(set(captions))
    place = {caption: i for i, caption in enumerate(distinct)}
    text = _embed_all(clip, distinct, batch_size)
    scores = []
    for start in range(0, len(images), batch_size):
        batch = torch.from_numpy(np.ascontiguousarray(images[start : start + batch_size])).permute(0, 3, 1, 2)
        vectors = clip.embed_images(batch)
        wanted = text[[place[caption] for caption in captions[start : start + batch_size]]]
        scores.append((vectors * wanted).sum(-1).cpu().numpy())
    return np.concatenate(scores).astype(np.float32)


@torch.inference_mode()
def image_vectors(clip: Ranker, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Unit vectors, float32 [B, P], of images, uint8 RGB [B, H, W, 3], square; as many as fit into memory at once."""
    batch = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    return np.asarray(clip.embed_images(batch).cpu().numpy(), np.float32)


@torch.inference_mode()
def similarities(
    clip: Ranker, images: NDArray[np.uint8], captions: Sequence[str], batch_size: int = 256
) -> NDArray[np.float32]:
    """How well each image fits each of the captions.

    Args:
        images: uint8 RGB [B, H, W, 3], square; of a number that fits into memory at once.
        captions: one or more, of any number.

    Returns:
        Cosines between -1 and 1, float32 [B, captions].
    """
    batch = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    cosines = clip.embed_images(batch) @ _embed_all(clip, captions, batch_size).T
    return np.asarray(cosines.cpu().numpy(), np.float32)


@torch.inference_mode()
def probabilities(clip: Ranker, images: NDArray[np.uint8], captions: Sequence[str]) -> NDArray[np.float32]:
    """How likely each caption is the one of an image, if one of them is (Radford et al. 2021, section 3.1.2).

    Args:
        images: uint8 RGB [B, H, W, 3], square; of a number that fits into memory at once.

    Returns:
        Softmax of the cosines times the learned factor, float32 [B, captions].
    """
    cosines = torch.from_numpy(similarities(clip, images, captions))
    return np.asarray(F.softmax(clip.clip.logit_scale.exp().cpu() * cosines, dim=-1).numpy(), np.float32)


def _embed_all(clip: Ranker, captions: Sequence[str], batch_size: int) -> Tensor:
    """Unit vectors of all captions, fp32 [B, P]."""
    starts = range(0, len(captions), batch_size)
    return torch.cat([clip.embed_captions(captions[start : start + batch_size]) for start in starts])


def load_ranker(directory: str | Path, device: str | torch.device = "cpu") -> Ranker:
    """Read a ranker from its folder: our own CLIP where config.json names that kind, else a published one.

    Raises:
        CheckpointError: the folder does not hold exactly such a model.
        FileNotFoundError: no tokenizer.json beside our own CLIP.
    """
    if json.loads((Path(directory) / CONFIG).read_text(encoding="utf-8")).get("kind") != "clip":
        return PretrainedCLIP(Path(directory)).to(device).eval()
    model = CLIP(read_config(Path(directory), CLIPModelConfig), load_bpe(Path(directory) / BPE_FILE))
    load_weights(model, Path(directory), device)
    return model.eval()


def _architecture(c: CLIPModelConfig) -> CLIPConfig:
    text = {
        "vocab_size": c.text_vocab + 2,
        "hidden_size": c.text_width,
        "intermediate_size": 4 * c.text_width,
        "num_hidden_layers": c.text_layers,
        "num_attention_heads": c.heads,
        "max_position_embeddings": c.text_length + 1,
        "pad_token_id": c.padding_id,
        "bos_token_id": c.padding_id,
        "eos_token_id": c.end_id,
    }
    vision = {
        "image_size": c.image_size,
        "patch_size": c.patch_size,
        "hidden_size": c.vision_width,
        "intermediate_size": 4 * c.vision_width,
        "num_hidden_layers": c.vision_layers,
        "num_attention_heads": c.heads,
    }
    return CLIPConfig(text_config=text, vision_config=vision, projection_dim=c.projection)
