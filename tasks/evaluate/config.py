"""How the models are judged."""

from pydantic import Field, PositiveInt

from models.judge.config import JudgeTrainingConfig
from tasks.engine.stage import StageConfig


class Config(StageConfig):
    """How the models are judged."""

    best_of: tuple[PositiveInt, ...] = Field(
        (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        min_length=1,
        description="Numbers of candidates to compare reranking at, as far as so many are drawn; the paper: 512.",
    )
    rebuilt_per_shard: int = Field(512, ge=1, description="Held-out images of a shard to rebuild.")
    judge: JudgeTrainingConfig = Field(default_factory=JudgeTrainingConfig)
