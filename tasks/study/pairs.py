"""The pairs of a study: which prompts, on which side each picture stands, and in which order, all by a seed."""

from typing import Literal

import numpy as np
from pydantic import Field

from models.config import Frozen
from tasks.engine import storage
from tasks.errors import ConfigError
from tasks.study.sides import PictureSide

KEY = "key.json"
Which = Literal["a", "b"]
OTHER: dict[Which, Which] = {"a": "b", "b": "a"}
ID_DIGITS = 12


class StudyPair(Frozen):
    """Two pictures of one prompt, as raters see them.

    In a check both pictures are one, of the side `of`: left whole in the place of A, cut up in the place of B.
    """

    number: int = Field(ge=1)
    prompt: str
    left: Which
    of: Which | None = None

    def chosen(self, answer: str) -> Which | None:
        """The side that an answer, left or right, stands for; None for neither."""
        return {"left": self.left, "right": OTHER[self.left]}.get(answer)


class StudyKey(Frozen):
    """What raters must not see: which picture is whose."""

    study: str
    seed: int
    a: str
    b: str
    pairs: tuple[StudyPair, ...]

    def compared(self) -> list[StudyPair]:
        """The pairs without the checks."""
        return [pair for pair in self.pairs if pair.of is None]


def draw_pairs(a: PictureSide, b: PictureSide, seed: int, count: int | None = None, checks: int = 0) -> StudyKey:
    """Pairs of the prompts that both sides have, as many with A on the left as on the right (or one more or less).

    Args:
        count: of prompts, drawn at random; None for all.
        checks: further pairs whose answer is known.

    Raises:
        ConfigError: there are not so many prompts in common.
    """
    common = sorted(a.places.keys() & b.places.keys())
    if not common:
        raise ConfigError(
            f"{a.name} and {b.name} have no prompt in common, such as '{min(a.places)}' and '{min(b.places)}': "
            "draw both for the same prompts."
        )
    if max(count or 0, checks) > len(common):
        raise ConfigError(
            f"{a.name} and {b.name} have {len(common):,} prompts in common, not {max(count or 0, checks):,}: "
            "take fewer, or draw more."
        )
    random = np.random.default_rng(seed)
    prompts = [common[i] for i in random.permutation(len(common))[: count or len(common)]]
    shown: list[tuple[str, Which, Which | None]] = [(p, left, None) for p, left in _with_sides(prompts, random)]
    checked = [common[i] for i in random.permutation(len(common))[:checks]]
    of: tuple[Which, Which] = ("a", "b")
    shown += [(p, left, of[i % 2]) for i, (p, left) in enumerate(_with_sides(checked, random))]
    pairs = tuple(
        StudyPair(number=number, prompt=shown[i][0], left=shown[i][1], of=shown[i][2])
        for number, i in enumerate(random.permutation(len(shown)), 1)
    )
    drawn = StudyKey(study="", seed=seed, a=a.name, b=b.name, pairs=pairs)
    return drawn.model_copy(update={"study": storage.sha256(drawn.model_dump_json().encode())[:ID_DIGITS]})


def _with_sides(prompts: list[str], random: np.random.Generator) -> list[tuple[str, Which]]:
    more: Which = "a" if random.integers(2) else "b"
    lefts: list[Which] = [*(("a", "b") * (len(prompts) // 2)), more]
    return [(prompt, lefts[i]) for prompt, i in zip(prompts, random.permutation(len(prompts)), strict=True)]
