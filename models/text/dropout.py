"""BPE dropout (Provilkov et al. 2020) with seeded random numbers; that of the tokenizers library cannot be seeded."""

import itertools
import json
from collections.abc import Sequence

import numpy as np


class Merges:
    """The merge table of a tokenizer, applied with some merges dropped."""

    def __init__(self, tokenizer_json: str) -> None:
        """Read the merges from the content of a tokenizer.json."""
        model = json.loads(tokenizer_json)["model"]
        self._ids: dict[str, int] = model["vocab"]
        pairs = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in model["merges"]]
        self._ranks: dict[tuple[str, ...], int] = {pair: rank for rank, pair in enumerate(pairs)}

    def split(self, words: Sequence[str], rate: float, random: np.random.Generator) -> list[int]:
        """Ids of the words, each candidate merge of each merge step being dropped with probability `rate`."""
        return [self._ids[piece] for word in words for piece in self._pieces(list(word), rate, random)]

    def _pieces(self, pieces: list[str], rate: float, random: np.random.Generator) -> list[str]:
        while len(pieces) > 1:
            kept = random.random(len(pieces) - 1) >= rate
            ranked = [
                (self._ranks[pair], place)
                for place, pair in enumerate(itertools.pairwise(pieces))
                if kept[place] and pair in self._ranks
            ]
            if not ranked:
                break
            place = min(ranked)[1]
            pieces[place : place + 2] = [pieces[place] + pieces[place + 1]]
        return pieces
