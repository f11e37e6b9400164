"""Inputs of the prior: sums of token and position vectors (paper 2.2, figure 10)."""

import torch
from torch import Tensor, nn

from models.prior.config import PriorModelConfig
from models.text.bpe import PAD


class StreamEmbedding(nn.Module):
    """Text positions, then a start-of-image vector and the codes shifted by one.

    Every text position owns a learned padding vector, used only where there is no token; padding is
    attended to like any text.
    """

    def __init__(self, config: PriorModelConfig) -> None:
        super().__init__()
        self.config = config
        rows = config.text_vocab + config.text_length + int(config.start_of_text)
        self.text_token = nn.Embedding(rows, config.width)
        self.text_position = nn.Embedding(config.text_length, config.width)
        self.image_token = nn.Embedding(config.image_vocab + 1, config.width)  # the last is start-of-image
        self.row = nn.Embedding(config.grid, config.width)
        self.column = nn.Embedding(config.grid, config.width)

    def text_ids(self, captions: Tensor) -> Tensor:
        """Caption ids with PAD, int64 [B, caption_length], to rows of the text table, int64 [B, T].

        Raises:
            ValueError: captions of another length.
        """
        c = self.config
        if captions.shape[1] != c.caption_length:
            raise ValueError(f"captions of {captions.shape[1]} positions do not fit a prior of {c.caption_length}")
        if c.start_of_text:
            start = captions.new_full((captions.shape[0], 1), c.text_vocab + c.text_length)
            captions = torch.cat([start, captions], dim=1)
        padding = c.text_vocab + torch.arange(c.text_length, device=captions.device)
        return torch.where(captions == PAD, padding, captions)

    def text(self, ids: Tensor) -> Tensor:
        """Rows of the text table [B, T] to vectors [B, T, C]."""
        vectors: Tensor = self.text_token(ids) + self.text_position.weight
        return vectors

    def image(self, codes: Tensor) -> Tensor:
        """Codes [B, n] to the vectors of image positions [B, n, C]; position p holds code p - 1."""
        start = codes.new_full((codes.shape[0], 1), self.config.image_vocab)
        vectors: Tensor = self.image_token(torch.cat([start, codes[:, :-1]], dim=1)) + self.image_positions()
        return vectors

    def image_positions(self) -> Tensor:
        """The vectors of all image positions, row and column added up: [n, C]."""
        return (self.row.weight[:, None] + self.column.weight[None, :]).flatten(0, 1)
