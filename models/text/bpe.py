"""Byte-pair encoding (BPE) of lower-cased captions (paper 2.2 and B.2)."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

from models.text.config import BPEModelConfig
from models.text.dropout import Merges

PAD = -1  # marks a text position without a token; the prior puts that position's own learned embedding there
_SPACE = "Ġ"  # a space in the byte-level alphabet


class BPE:
    """A trained tokenizer: captions to ids [T] and back. It works on bytes, so there is no unknown token."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._merges: Merges | None = None

    @property
    def vocab_size(self) -> int:
        """Number of ids; a small corpus may give fewer than were asked for."""
        return int(self._tokenizer.get_vocab_size())

    @property
    def text_length(self) -> int:
        """Positions T of an encoded caption.

        Raises:
            ValueError: the tokenizer was not saved by `BPE.save`.
        """
        truncation = self._tokenizer.truncation
        if truncation is None:
            raise ValueError("this tokenizer has no length: it was not saved by BPE.save")
        return int(truncation["max_length"])

    def encode(self, captions: Sequence[str]) -> Tensor:
        """Ids of captions, int64 [B, T], with `PAD` after the last token; captions beyond T tokens are cut."""
        return self._padded([encoding.ids for encoding in self._tokenizer.encode_batch(list(captions))])

    def unread(self, caption: str) -> str:
        """The end of a caption that `encode` cuts off because it is beyond T tokens; empty if nothing is cut."""
        encoding = self._tokenizer.encode(caption)
        if not encoding.overflowing:
            return ""
        return caption[encoding.offsets[-1][1] :].strip()

    def unknown(self, caption: str) -> str:
        """The letters of a caption that no token holds whole, each once: training had them hardly ever or not at all.

        ASCII letters are tokens in any case, so nothing is told of them.
        """
        letters = [letter for letter in dict.fromkeys(caption) if not letter.isascii() and not letter.isspace()]
        if not letters:
            return ""
        tokens = "\n".join(self._tokenizer.get_vocab())
        return "".join(letter for letter in letters if self._words(letter)[-1].removeprefix(_SPACE) not in tokens)

    def count_cut(self, captions: Sequence[str]) -> int:
        """How many of the captions are beyond T tokens, so that `encode` cuts them."""
        return sum(bool(encoding.overflowing) for encoding in self._tokenizer.encode_batch_fast(list(captions)))

    def encode_with_dropout(
        self, captions: Sequence[str], rate: float, randoms: Sequence[np.random.Generator]
    ) -> Tensor:
        """As `encode`, with each candidate merge dropped with probability `rate` (training only; paper B.2: 0.1).

        Args:
            randoms: a generator for each caption.
        """
        if rate == 0:
            return self.encode(captions)
        if self._merges is None:
            self._merges = Merges(self._tokenizer.to_str())
        pairs = zip(captions, randoms, strict=True)
        return self._padded([self._merges.split(self._words(caption), rate, random) for caption, random in pairs])

    def decode(self, ids: Tensor) -> str:
        """Ids [T] to the lower-cased caption."""
        return str(self._tokenizer.decode([i for i in ids.tolist() if i != PAD])).strip()

    def save(self, path: str | Path) -> None:
        """Write tokenizer.json."""
        self._tokenizer.save(str(path))

    def _words(self, caption: str) -> list[str]:
        normal = self._tokenizer.normalizer.normalize_str(caption)
        return [word for word, _ in self._tokenizer.pre_tokenizer.pre_tokenize_str(normal)]

    def _padded(self, rows: Sequence[Sequence[int]]) -> Tensor:
        padded = torch.full((len(rows), self.text_length), PAD, dtype=torch.int64)
        for row, ids in zip(padded, rows, strict=True):
            cut = ids[: self.text_length]
            row[: len(cut)] = torch.tensor(cut, dtype=torch.int64)
        return padded


def train_bpe(captions: Iterable[str], config: BPEModelConfig) -> BPE:
    """Train a tokenizer; the same captions in the same order give the same tokenizer.json."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(captions, trainer)
    tokenizer.enable_truncation(config.text_length)
    return BPE(tokenizer)


def load_bpe(path: str | Path) -> BPE:
    """Read a tokenizer.json that `BPE.save` wrote.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no tokenizer at {path}")
    return BPE(Tokenizer.from_file(str(path)))
