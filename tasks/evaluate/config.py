"""How the models are judged."""

from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeFloat, PositiveInt

from models.features import files
from models.judge.config import JudgeTrainingConfig
from tasks.crawl.sources.folder_files import digest_of
from tasks.engine.stage import StageConfig
from tasks.errors import SourceError


class Config(StageConfig):
    """How the models are judged."""

    best_of: tuple[PositiveInt, ...] = Field(
        (1, 2, 4, 8, 16, 32, 64),
        min_length=1,
        description="Numbers of candidates to compare reranking at, as far as so many are drawn.",
    )
    rebuilt_per_shard: int = Field(512, ge=1, description="Held-out images of a shard to rebuild.")
    judge: JudgeTrainingConfig = Field(default_factory=JudgeTrainingConfig)
    inception: str | None = Field(
        None,
        description="The Inception network of FID and IS as a TorchScript file, such as NVIDIA's "
        "inception-2015-12-05.pt, which every worker must reach. Loading it runs code that it holds: name none that "
        "you do not trust. Without one, EfficientNet-Lite0 looks at sets of pictures, and figures have other names.",
    )
    set_pictures: int = Field(
        192,
        ge=0,
        description="Pictures of a set that such a network looks at, at most: of the held-out ones, of the training "
        "ones, and of the samples. Their features are in memory together, 8 kB each with Inception. 0: sets are not "
        "compared.",
    )
    searched_pictures: int = Field(
        1024,
        ge=0,
        description="Training pictures, at most, among which the nearest one in features is looked for: those that are "
        "nearest by pixels first. 5 ms and 5 kB each. 0: none is.",
    )
    blur_radii_px: tuple[NonNegativeFloat, ...] = Field(
        (0, 1, 2, 4, 8),
        min_length=1,
        description="Radii of the Gaussian blur before sets are compared, in pixels of a picture of 256: that of a "
        "smaller one shrinks with it. The paper's (section 3.1).",
    )

    def require(self) -> None:
        """The Inception file is there, where one is named.

        Raises:
            SourceError: there is no such file, or it is no TorchScript.
        """
        self.outside_state()

    def fingerprinted(self) -> dict[str, Any]:
        """The Inception file counts by its content, in `outside_state`, and not by where it lies."""
        return super().fingerprinted() | ({"inception": "by content"} if self.inception is not None else {})

    def outside_state(self) -> str:
        """What identifies the network that looks at sets of pictures.

        Raises:
            SourceError: as `require`.
        """
        return identity_of_network(self.inception)


def identity_of_network(inception: str | None) -> str:
    """What identifies the network that looks at sets of pictures: the named file's content, or the packaged one's.

    Raises:
        SourceError: there is no such file, or it is no TorchScript.
    """
    if inception is None:
        return f"{files.efficientnet_versions()} {digest_of(files.efficientnet_weights())}"
    file = Path(inception).expanduser()
    if not file.is_file():
        raise SourceError(f"There is no file {file}: name a TorchScript file in evaluate.inception, or leave it out.")
    if not files.is_torchscript(file):
        raise SourceError(
            f"{file} is no TorchScript file, which holds a network and not its weights alone: name one in "
            "evaluate.inception, such as NVIDIA's inception-2015-12-05.pt, or leave it out."
        )
    return f"inception {digest_of(file)}"
