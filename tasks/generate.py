"""Candidates for prompts, drawn by a trained generator and ranked by a trained ranker, given as they become ready."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.files import RANKER_FOLDER
from models.folder import ModelManifest, read_manifest
from models.generator import Candidates, ImagePrompt, Sampling
from tasks import schemas
from tasks.checkpoints import device, generator_of, ranker_of
from tasks.engine.artifact import Artifact
from tasks.errors import ConfigError, OutOfMemoryError
from tasks.rerank import rank_within
from tasks.sample.prompts import prompt_fault
from tasks.settings import Settings

if TYPE_CHECKING:
    from models.clip.model import Ranker
    from models.generator import Generator


_FIRST_SHOWN = 4  # candidates; the prior takes hardly longer for four than for one


@dataclass(frozen=True)
class Request:
    """What to draw: n candidates for each prompt, and how."""

    prompts: tuple[str, ...]
    n: int
    seed: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    image: ImagePrompt | None = None


@dataclass(frozen=True)
class Ranking:
    """The scores of all candidates of one prompt.

    Attributes:
        prompt: which of the prompts.
        scores: cosine similarity with the prompt, by candidate, float32 [N].
        ranks: 0 for the best, by candidate, int32 [N].
    """

    prompt: int
    scores: NDArray[np.float32]
    ranks: NDArray[np.int32]


class ModelSource(ABC):
    """A trained generator and its ranker, each loaded when it is first asked for."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """Names the models by what they are."""

    @abstractmethod
    def generator(self) -> "Generator":
        """The generator, ready to draw."""

    @abstractmethod
    def ranker(self) -> "Ranker":
        """The ranker, ready to score. It is loaded apart: its libraries take seconds."""

    def splits(self, prompts: Sequence[str]) -> dict[str, str | None]:
        """For each prompt the split, "train" or "val", that has it as a caption; empty where the pairs are not here."""
        return {}


@dataclass(frozen=True)
class ArtifactModels(ModelSource):
    """The models that a run of the pipeline trained, and its pairs."""

    pairs: Artifact
    generator_artifact: Artifact
    ranker_artifact: Artifact
    settings: Settings

    @property
    def identity(self) -> str:
        """See `ModelSource.identity`."""
        return f"{self.generator_artifact.address} {self.ranker_artifact.address}"

    def generator(self) -> "Generator":
        """See `ModelSource.generator`."""
        return generator_of(self.generator_artifact, self.settings)

    def ranker(self) -> "Ranker":
        """See `ModelSource.ranker`."""
        return ranker_of(self.ranker_artifact, self.settings)

    def splits(self, prompts: Sequence[str]) -> dict[str, str | None]:
        """See `ModelSource.splits`."""
        return splits_of_captions(prompts, self.pairs)


class FolderModels(ModelSource):
    """The models of a folder that `dalle export` wrote."""

    def __init__(self, folder: Path) -> None:
        """Read the list of the folder's files.

        Raises:
            CheckpointError: it is no such folder.
        """
        self.folder = folder
        self.manifest: ModelManifest = read_manifest(folder)

    @property
    def identity(self) -> str:
        """See `ModelSource.identity`."""
        return self.manifest.digest

    def generator(self) -> "Generator":
        """See `ModelSource.generator`.

        Raises:
            CheckpointError: a file of the folder is missing or changed.
        """
        return self._generator

    def ranker(self) -> "Ranker":
        """See `ModelSource.ranker`."""
        return self._ranker

    @cached_property
    def _generator(self) -> "Generator":
        from models.generator import load

        return load(self.folder, device())

    @cached_property
    def _ranker(self) -> "Ranker":
        from models.clip.model import load_ranker

        return load_ranker(self.folder / RANKER_FOLDER, device())


def draw(
    models: ModelSource,
    request: Request,
    on_progress: Callable[[float], None] = lambda share: None,
    tell: Callable[[str], None] = lambda phase: None,
) -> Iterator[Candidates | Ranking]:
    """The candidates as they are drawn, prompt by prompt, and behind the last one of each prompt their ranking.

    Args:
        on_progress: see `Generator.draw_batches`.
        tell: called with what is done next, because each part may take a while.

    Raises:
        ConfigError: a prompt is empty or no valid text, or the picture of an image prompt leaves nothing to draw.
        OutOfMemoryError: the candidates do not fit into memory.
        FileNotFoundError: one of the models is not trained yet.
    """
    for prompt in request.prompts:
        require_drawable(prompt)
    tell("Loading the models")
    generator = models.generator()
    tell(f"Drawing {len(request.prompts) * request.n} candidates")
    scores: list[NDArray[np.float32]] = []
    with _plain_errors(request):
        for batch in generator.draw_batches(
            request.prompts, request.n, request.seed, request.sampling, request.image, on_progress, _FIRST_SHOWN
        ):
            yield batch
            if batch.prompt == batch.first == 0:  # only now: a person has seen the first pictures
                tell("Loading the ranker")
            scores.append(_scores(models, request.prompts[batch.prompt], batch.images))
            if batch.first + len(batch.images) == request.n:
                yield _ranking(batch.prompt, np.concatenate(scores))
                scores = []


def require_drawable(prompt: str) -> None:
    """A prompt can be drawn.

    Raises:
        ConfigError: it is empty or no valid text.
    """
    if fault := prompt_fault(prompt):
        raise ConfigError(f"The prompt {fault}: write what to draw, such as 'a red apple'.")


def _scores(models: ModelSource, prompt: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    from models.clip.model import score

    return score(models.ranker(), images, [prompt] * len(images))


def _ranking(place: int, scores: NDArray[np.float32]) -> Ranking:
    return Ranking(place, scores, rank_within(np.zeros(len(scores), np.int32), scores))


@contextmanager
def _plain_errors(request: Request) -> Iterator[None]:
    """Raises what a person can mend as one sentence."""
    try:
        yield
    except ValueError as error:
        if request.image is None:
            raise
        raise ConfigError(f"The picture cannot be used as a prompt: {error}.") from error
    except (MemoryError, RuntimeError) as error:
        # torch raises RuntimeErrors: "not enough memory", "can't allocate memory", "CUDA out of memory".
        if not isinstance(error, MemoryError) and "memory" not in str(error):
            raise
        raise OutOfMemoryError(
            f"{request.n} candidates of a prompt do not fit into memory: draw fewer with a smaller --n, or free some."
        ) from error


def splits_of_captions(prompts: Sequence[str], pairs: Artifact) -> dict[str, str | None]:
    """For each prompt the split, "train" or "val", that has it as a caption, letter by letter but for case.

    Only the captions of the packed pairs are read, not their images.
    """
    wanted = {prompt.strip().casefold() for prompt in prompts}
    found: dict[str, str] = {}
    for split in ("train", "val"):
        for shard in pairs.files(split):
            for caption in schemas.read_table(shard, ["caption"])["caption"].to_pylist():
                if (key := caption.casefold()) in wanted:
                    found.setdefault(key, split)
        if len(found) == len(wanted):
            break
    return {prompt: found.get(prompt.strip().casefold()) for prompt in prompts}
