"""The prior: a decoder-only transformer over a caption's tokens and an image's codes (paper 2.2, B.1)."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from models.prior.attention import Attention
from models.prior.config import MaskType, PriorModelConfig
from models.prior.embedding import StreamEmbedding
from models.training.block_scale import Branch
from models.training.checkpoint import load_weights, read_config
from models.training.distributed import on_this_rank
from models.training.muon import Matrix
from models.training.parts import keep_part
from models.training.randomness import generator_of

_INIT_STD = 0.02  # GPT-style; the paper does not state its initialisation
_LOGIT_STD = 0.5  # at most, at first: the loss starts at chance, ln V, plus half of the logits' variance


class StreamNorm(nn.LayerNorm):
    """Layer norm of the fp32 stream: in fp32 also where its gains were gathered in half precision (FSDP2).

    Autocast does the same on a GPU, and refuses to on a CPU.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Any shape [..., C] to the same."""
        if input.dtype != torch.float32:
            return super().forward(input)
        return F.layer_norm(input, self.normalized_shape, self.weight.float(), self.bias.float(), self.eps)


class TransformerBlock(nn.Module):
    """Pre-norm attention and an MLP of four times the width with GELU, each added to its input.

    Attributes:
        branches: attention and MLP, the two residual blocks of the paper.
    """

    def __init__(self, config: PriorModelConfig, kind: MaskType) -> None:
        super().__init__()
        self.attention_norm = StreamNorm(config.width)
        self.attention = Attention(config, kind)
        self.mlp_norm = StreamNorm(config.width)
        self.mlp_in = nn.Linear(config.width, 4 * config.width)
        self.mlp_out = nn.Linear(4 * config.width, config.width)
        attention = Branch(self.attention_norm, self.attention)
        self.branches = attention, Branch(self.mlp_norm, self.mlp_in, nn.GELU(), self.mlp_out)

    def forward(self, x: Tensor) -> Tensor:
        """Whole streams [B, L, C] to the same shape."""
        for branch in self.branches:
            x = x + branch(x)
        return x


class Prior(nn.Module):
    """Transformer with one head over text and one over codes, so only logits that are needed are computed.

    It can be made on the meta device, cut into shards, given memory by `to_empty` and weights by `initialise`.

    Attributes:
        activation_checkpointing: keep only the blocks' inputs for the gradients, and compute the rest again (2.5).
    """

    def __init__(self, config: PriorModelConfig, seed: int = 0) -> None:
        """A model with the initial weights of a seed, or without any if it is made on the meta device."""
        super().__init__()
        self.config = config
        self.embedding = StreamEmbedding(config)
        self.blocks = nn.ModuleList(TransformerBlock(config, kind) for kind in config.mask_types)
        self.norm = nn.LayerNorm(config.width)
        self.text_head = nn.Linear(config.width, config.text_vocab + config.text_length)
        self.image_head = nn.Linear(config.width, config.image_vocab)
        self.activation_checkpointing = False
        if not self.norm.weight.is_meta:
            self.initialise(seed)

    @torch.no_grad()
    def initialise(self, seed: int) -> None:
        """Draw all weights anew: normal, those that end in the residual stream smaller the more blocks there are.

        A weight depends on the seed and its name alone. It is drawn whole, in the host's memory, and a rank that has a
        part of it keeps that part, so the ranks hold what one process would hold, and no more.
        """
        for name, weight in self.named_parameters():
            if weight.ndim == 1:
                on_this_rank(weight).fill_(float(name.endswith("norm.weight")))
            else:
                generator = generator_of(seed, "weight", name)
                keep_part(weight, torch.empty(weight.shape).normal_(std=self._std(name), generator=generator))

    def _std(self, name: str) -> float:
        """Of an initial matrix."""
        if name.startswith(("text_head", "image_head")):
            return min(_INIT_STD, _LOGIT_STD / self.config.width**0.5)
        if name.endswith(("attention.out.weight", "mlp_out.weight")):
            return _INIT_STD / (2 * self.config.layers) ** 0.5
        return _INIT_STD

    def forward(self, captions: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the next symbol, fp32.

        Args:
            captions: token ids with PAD, int64 [B, caption_length].
            codes: int64 [B, n].

        Returns:
            Text logits [B, T - 1, V_text + T] for `text_targets`, and image logits [B, n, V_image] for `codes`.

        Raises:
            ValueError: captions of another length.
        """
        text, image = self.states(captions, codes)
        with torch.autocast(text.device.type, enabled=False):  # the heads compute in fp32 (paper D)
            return self.text_head(text), self.image_head(image)

    def states(self, captions: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """What the heads turn into logits, fp32: for text [B, T - 1, C], for codes [B, n, C]; as `forward` else."""
        length = self.config.text_length
        embedded = self.embedding.text(self.embedding.text_ids(captions))
        x = torch.cat([embedded, self.embedding.image(codes)], dim=1)
        for block in self.blocks:
            if self.activation_checkpointing and torch.is_grad_enabled():
                x = checkpoint(block, x, use_reentrant=False, preserve_rng_state=False)  # blocks draw no numbers
            else:
                x = block(x)
        with torch.autocast(x.device.type, enabled=False):
            return self.norm(x[:, : length - 1].float()), self.norm(x[:, length:].float())

    def text_targets(self, captions: Tensor) -> Tensor:
        """Targets of the text logits: rows of the text table, int64 [B, T - 1], padding included."""
        return self.embedding.text_ids(captions)[:, 1:]

    def branches(self) -> list[Branch]:
        """Of all blocks, first to last: two for each."""
        return [branch for block in self.blocks for branch in block.branches]  # type: ignore[union-attr]

    def matrices(self) -> list[Matrix]:
        """The weight matrices of all blocks, which Muon may train; those of queries, keys and values count as three."""
        linear = [(name, layer) for name, layer in self.blocks.named_modules() if isinstance(layer, nn.Linear)]
        return [Matrix(layer.weight, parts=3 if name.endswith("qkv") else 1) for name, layer in linear]


def load_prior(directory: str | Path, device: str | torch.device = "cpu") -> Prior:
    """Read a prior from a folder with config.json and weights.safetensors, ready for inference.

    Raises:
        CheckpointError: the folder does not hold exactly such a model.
    """
    with torch.device("meta"):
        model = Prior(read_config(Path(directory), PriorModelConfig))
    load_weights(model, Path(directory), device)
    return model.eval()
