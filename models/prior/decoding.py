"""The prior as sampling runs it: the caption once for each prompt, then one image position after the other."""

import copy
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.inference import InferenceLinear
from models.prior.attention import Attention
from models.prior.cache import KeyCache
from models.prior.config import PriorModelConfig
from models.prior.model import Prior, TransformerBlock


class InferenceBlock:
    """The computation of a `TransformerBlock` with kept keys and values; the residual stream stays fp32."""

    def __init__(self, block: TransformerBlock, config: PriorModelConfig, dtype: torch.dtype) -> None:
        self._config, self._kind = config, block.attention.kind
        on_cpu = block.mlp_in.weight.device.type == "cpu"
        self._attention_dtype = torch.float32 if on_cpu else dtype  # a CPU is slower at small products in bf16
        self._attention_norm, self._mlp_norm = _norm(block.attention_norm), _norm(block.mlp_norm)
        self._heads, self._head_size = block.attention.heads, block.attention.head_size
        self._qkv = InferenceLinear(_with_scaled_queries(block.attention), dtype)
        self._out = InferenceLinear(block.attention.out, dtype)
        self._mlp_in, self._mlp_out = (InferenceLinear(layer, dtype) for layer in (block.mlp_in, block.mlp_out))

    def prefill(self, x: Tensor, prompts: int, candidates: int) -> tuple[Tensor, KeyCache]:
        """Text positions of all prompts, [P * T, C], to the same shape, and a cache for N candidates of each."""
        query, key, value = self._project(x, prompts)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=1.0)
        cache = KeyCache(self._kind, self._config, key, value, candidates)
        return self._finish(x, mixed), cache

    def step(self, x: Tensor, prompts: int, cache: KeyCache, position: int) -> Tensor:
        """One image position of every candidate, [P * N, C], to the same shape; adds it to the cache."""
        projected = self._project(x, prompts)
        cache.write(projected[1:], position)
        keys, values, hidden = cache.visible(position)
        query = projected[0].flatten(0, 1)  # [P * H, N, D]
        alone = query.reshape(-1, 1, self._head_size)  # [P * H * N, 1, D]: keys of an image are its candidate's alone
        on_image = torch.bmm(alone, keys.mT)
        if hidden is not None:
            on_image += hidden
        on_text = torch.bmm(query, cache.text_keys.mT)  # [P * H, N, T]
        scores = torch.cat([on_text, on_image.view(*query.shape[:2], -1)], dim=-1)
        weights = scores.softmax(-1)
        text = on_text.shape[-1]
        mixed = torch.bmm(weights[..., :text], cache.text_values)
        mixed.view_as(alone).baddbmm_(weights[..., text:].reshape(*alone.shape[:2], -1), values)
        return self._finish(x, mixed.view(prompts, self._heads, -1, self._head_size))

    def _project(self, x: Tensor, prompts: int) -> Tensor:
        """[P * n, C] to queries, keys and values [3, P, H, n, D]."""
        qkv = self._qkv(self._attention_norm(x)).to(self._attention_dtype)
        return qkv.view(prompts, -1, 3, self._heads, self._head_size).permute(2, 0, 3, 1, 4)

    def _finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        """The rest of the block behind its attention [P, H, n, D]."""
        x = x + self._out(mixed.transpose(1, 2).reshape(x.shape))
        return x + self._mlp_out(self._mlp_in(self._mlp_norm(x), gelu=True))


def _with_scaled_queries(attention: Attention) -> nn.Linear:
    """The projection to queries, keys and values, with the factor of the scores in that of the queries."""
    qkv = copy.deepcopy(attention.qkv)
    width = qkv.in_features
    for parameter in (qkv.weight, qkv.bias):
        parameter.data[:width] *= attention.head_size**-0.5
    return qkv


def _norm(layer: nn.LayerNorm) -> Callable[[Tensor], Tensor]:
    """The layer without what a module does around its computation."""
    return partial(F.layer_norm, normalized_shape=layer.normalized_shape, weight=layer.weight, bias=layer.bias)


class InferencePrior:
    """A trained prior ready to draw in one precision. Norms, the residual stream and the logits stay fp32."""

    def __init__(self, prior: Prior, dtype: torch.dtype = torch.float32) -> None:
        self.config = prior.config
        self.dtype = dtype
        self.embedding = prior.embedding
        self.blocks = [InferenceBlock(block, prior.config, dtype) for block in prior.blocks]  # type: ignore[arg-type]
        self._norm, self._head = _norm(prior.norm), InferenceLinear(prior.image_head, torch.float32)
        self.positions = prior.embedding.image_positions().detach()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.positions.device

    def logits(self, x: Tensor) -> Tensor:
        """The last block's output [R, C] to logits of the next code, fp32 [R, V]."""
        return self._head(self._norm(x))


class IncrementalDecoder:
    """Predicts one image position after the other, for N candidates of each of P prompts."""

    def __init__(self, prior: InferencePrior, captions: Tensor, candidates: int) -> None:
        """Run the text once per prompt.

        Args:
            captions: token ids with PAD, int64 [P, caption_length].
            candidates: N, images per prompt.
        """
        self._prior = prior
        self._prompts = captions.shape[0]
        self._rows = self._prompts * candidates
        self._position = 0
        self._caches: list[KeyCache] = []
        x = prior.embedding.text(prior.embedding.text_ids(captions)).flatten(0, 1)
        for block in prior.blocks:
            x, cache = block.prefill(x, self._prompts, candidates)
            self._caches.append(cache)

    def step(self, previous: Tensor | None) -> Tensor:
        """Advance by one position; `previous` is the code before it, int64 [P * N], None at first.

        Returns:
            What `InferencePrior.logits` takes, fp32 [P * N, C].
        """
        embedding = self._prior.embedding.image_token
        if previous is None:
            previous = torch.full((self._rows,), self._prior.config.image_vocab, device=self._prior.device)
        x: Tensor = embedding(previous) + self._prior.positions[self._position]
        for block, cache in zip(self._prior.blocks, self._caches, strict=True):
            x = block.step(x, self._prompts, cache, self._position)
        self._position += 1
        return x
