"""How the models are judged."""

from typing import Literal

from pydantic import Field, PositiveInt

from models.judge.config import JudgeTrainingConfig
from tasks.engine.stage import StageConfig
from tasks.evaluate.text_rendering.package import ocr_identity


class Config(StageConfig):
    """How the models are judged."""

    best_of: tuple[PositiveInt, ...] = Field(
        (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        min_length=1,
        description="Numbers of candidates to compare reranking at, as far as so many are drawn; the paper: 512.",
    )
    rebuilt_per_shard: int = Field(512, ge=1, description="Held-out images of a shard to rebuild.")
    judge: JudgeTrainingConfig = Field(default_factory=JudgeTrainingConfig)
    ocr: Literal["rapidocr"] | None = Field(
        None,
        description="What reads the words that prompts ask for in double quotes; nothing does without one. Needs a "
        "package, which the README names.",
    )

    def require(self) -> None:
        """The OCR is installed, if it is to be used.

        Raises:
            ConfigError: it is not.
        """
        self.outside_state()

    def outside_state(self) -> str:
        """Version and models of the OCR; empty without one.

        Raises:
            ConfigError: it is not installed.
        """
        return "" if self.ocr is None else ocr_identity()
