"""Memory that a training step of the prior needs beside weights and their state. Imports no torch.

A step's memory is largest at one of few moments: when the loss is made, when its gradients are, or in the backward pass
of one of the last blocks. Each is counted from what autograd keeps of the code in `models.prior`, tensor by tensor; the
tests hold it against the allocations of real steps.
"""

from dataclasses import dataclass

from models.planning.attention_windows import window_keys
from models.planning.weights import Weight
from models.prior.config import MaskType, PriorModelConfig

FP32 = 4
_MOST_LOGITS_AT_ONCE = 2**22  # `models.prior.losses`: more are made 256 positions at a time
_POSITIONS_AT_ONCE = 256


@dataclass(frozen=True)
class StepShape:
    """What decides a step's activations.

    Attributes:
        rows: examples of one forward and backward pass on one rank.
        number_bytes: of a number in products: 2 in half precision, else 4.
        casts_weights: products need copies of the weights in half precision, which autocast keeps for a forward pass.
        checkpointing: of each block only the input is kept (2.5).
    """

    model: PriorModelConfig
    rows: int
    number_bytes: int
    casts_weights: bool
    checkpointing: bool

    @property
    def stream_numbers(self) -> int:
        """Numbers of one activation of all streams, [B, L, C]."""
        return self.rows * self.model.length * self.model.width


def most_bytes(s: StepShape, weights: list[Weight], gradients: int, rest_gradients: int) -> int:
    """Bytes of activations and gradients together, when they are most.

    Args:
        gradients: bytes of all gradients on this rank; those of the step before last until the backward pass.
        rest_gradients: of these, those of embeddings and heads.
    """
    casts = _cast_bytes(weights) if s.casts_weights else 0
    kept = [0 if s.checkpointing else block_bytes(s, kind) for kind in s.model.mask_types]
    inputs = FP32 * s.stream_numbers
    trunk = (inputs * s.model.layers if s.checkpointing else sum(kept)) + 2 * inputs  # the last state, and its norm
    own_casts = casts // s.model.layers
    held = 0 if s.checkpointing else casts
    made, loss = _loss_bytes(s)
    moments = [
        gradients + trunk + made + casts,
        trunk + held + loss + _loss_gradient_bytes(s),
    ]
    per_layer = (gradients - rest_gradients) // s.model.layers
    for layer, kind in enumerate(s.model.mask_types):
        later = s.model.layers - layer - 1
        if s.checkpointing:
            so_far = (inputs + own_casts) * (layer + 1)
            moments.append(gradients + so_far + _attention_forward_bytes(s, kind))
        before = inputs * (layer + 1) if s.checkpointing else sum(kept[:layer])
        own = block_bytes(s, kind) - (inputs if s.checkpointing else 0)
        casts_left = own_casts if s.checkpointing else own_casts * (layer + 1)
        base = before + own + casts_left + rest_gradients + per_layer * later
        of_mlp = per_layer * 2 // 3  # of the block's gradients, its two larger matrices'
        moments.append(base + max(_mlp_backward_bytes(s), of_mlp + _attention_backward_bytes(s, kind)))
    return max(moments)


def block_bytes(s: StepShape, kind: MaskType) -> int:
    """What autograd keeps of one block.

    In fp32 the two inputs of norms and their statistics. In the products' format [B, L, C] times: two norms' results,
    the mixed values, four for the input of GELU and four for its result; and of attention four in the structural form
    (a copy of queries, keys and values, and the scaled queries) with its weights, or three.
    """
    n, e = s.stream_numbers, s.number_bytes
    statistics = 2 * 2 * FP32 * s.rows * s.model.length
    common = 2 * FP32 * n + statistics + (2 + 1 + 8) * e * n
    if kind == "full" or s.model.attention_form != "structural":
        return common + 3 * e * n + FP32 * s.rows * s.model.heads * s.model.length
    text = s.rows * s.model.heads * s.model.text_length**2 * e
    return common + 4 * e * n + text + _scores_bytes(s, kind)


def _scores_bytes(s: StepShape, kind: MaskType) -> int:
    """Of image positions' weights on the text and on their windows."""
    keys = s.model.text_length + window_keys(kind, s.model)[0]
    return s.rows * s.model.heads * s.model.codes_per_image * keys * s.number_bytes


def _attention_forward_bytes(s: StepShape, kind: MaskType) -> int:
    """When scores are made in a block of which only the input is kept."""
    n, e = s.stream_numbers, s.number_bytes
    if kind == "full" or s.model.attention_form != "structural":
        return FP32 * n + (2 + 8) * e * n  # less than the MLP's: a norm's result, and GELU's input and result
    streams = FP32 * n + (3 + 4 + 2) * e * n  # queries, keys and values, their copies; mixed values, and image queries
    return streams + _gathered_bytes(s, kind) + 2 * _scores_bytes(s, kind)


def _gathered_bytes(s: StepShape, kind: MaskType) -> int:
    """Of the keys or values of all windows, which hold most positions several times."""
    keys, block = window_keys(kind, s.model)
    return s.rows * s.model.codes_per_image * s.model.width * keys // block * s.number_bytes


def _attention_backward_bytes(s: StepShape, kind: MaskType) -> int:
    """Beyond the block's own, when attention's gradients are made; what was kept of the MLP is gone by then."""
    n, e = s.stream_numbers, s.number_bytes
    gone = (FP32 + 9 * e) * n
    streams = FP32 * n + (3 + 2 + 2) * e * n  # the residual's gradient; those of q, k and v, and copies
    if kind == "full" or s.model.attention_form != "structural":
        return streams - gone
    return streams + _gathered_bytes(s, kind) + 2 * _scores_bytes(s, kind) - gone


def _mlp_backward_bytes(s: StepShape) -> int:
    """Beyond the block's own, when GELU's gradient is made; what was kept for the last product is gone by then."""
    return (FP32 + 4 * s.number_bytes) * s.stream_numbers


def _loss_bytes(s: StepShape) -> tuple[int, int]:
    """Most bytes while the losses are made, and those that are kept for their gradients; always fp32."""
    most = kept = 0
    for positions, vocab in _heads(s.model):
        logits = s.rows * positions * vocab
        if logits <= _MOST_LOGITS_AT_ONCE:
            most = max(most, kept + 2 * FP32 * logits)
            kept += FP32 * logits
        else:  # gradients of states and head are made with the loss
            kept += FP32 * (s.rows * positions + vocab) * s.model.width
            most = max(most, kept + FP32 * _POSITIONS_AT_ONCE * vocab)
    return max(most, kept), kept


def _loss_gradient_bytes(s: StepShape) -> int:
    """Beyond what the losses keep, when their gradients are made."""
    states = FP32 * s.stream_numbers
    logits = [s.rows * positions * vocab for positions, vocab in _heads(s.model)]
    at_once = sum(number for number in logits if number <= _MOST_LOGITS_AT_ONCE)
    heads = sum(vocab for _, vocab in _heads(s.model)) * s.model.width
    return states + FP32 * (at_once + heads)


def _heads(c: PriorModelConfig) -> tuple[tuple[int, int], tuple[int, int]]:
    """Positions of a row that each head reads, and its vocabulary."""
    return (c.text_length - 1, c.text_vocab + c.text_length), (c.codes_per_image, c.image_vocab)


def _cast_bytes(weights: list[Weight]) -> int:
    """Of copies of the blocks' weights in half precision."""
    return 2 * sum(w.size for w in weights if w.layer is not None and "norm" not in w.name)
