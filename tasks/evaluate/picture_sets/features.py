"""What a published network sees in sets of pictures: in samples, in held-out pictures, in training pictures.

All pictures have the samples' size first: a centred square of that side. Workers look at a few pictures at a time; the
driver holds the features of at most `evaluate.set_pictures` pictures of a set.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.features.files import EFFICIENTNET
from models.processor import torch_threads
from tasks import schemas
from tasks.checkpoints import device, release_models
from tasks.engine.artifact import Artifact
from tasks.engine.shards import map_shards
from tasks.errors import ConfigError
from tasks.evaluate.config import Config, identity_of_network
from tasks.evaluate.picture_sets.blur import blurred
from tasks.evaluate.picture_sets.choice import Chosen, choose_pictures, choose_samples, parts_by_shard
from tasks.settings import Settings

if TYPE_CHECKING:
    from models.features.network import FeatureNetwork, Seen

PICTURES_AT_ONCE = 32  # of a task, so that workers share what lies in one shard
SHARP = 0.0


@dataclass(frozen=True)
class PictureSet:
    """What a network sees in the pictures of a set.

    Attributes:
        pictures: where they lie, and whose they are.
        features: float32 [n, D].
        probabilities: of the network's classes, float32 [n, C].
    """

    pictures: tuple[Chosen, ...]
    features: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def pair_ids(self) -> tuple[str | None, ...]:
        """Of each picture its pair; of a sample the pair whose caption it was drawn for."""
        return tuple(one.pair_id for one in self.pictures)

    def take(self, places: Sequence[int]) -> "PictureSet":
        """Some of the pictures, in this order."""
        which = np.array(places, np.int64)
        return PictureSet(tuple(self.pictures[i] for i in places), self.features[which], self.probabilities[which])


@dataclass(frozen=True)
class PictureSets:
    """Sets of pictures in the eyes of one network.

    Attributes:
        network: its name.
        is_inception: whether it is a file that the user names as the Inception network of FID and IS.
        side_px: of all pictures.
        samples: of all prompts; those drawn first come first, and among them those of held-out captions.
        held_out, train: different pictures; the held-out ones of drawn captions come first.
        blurred: by radius, the first drawn samples of held-out captions, of at most half as many as may be, and the
            held-out pictures.
    """

    network: str
    is_inception: bool
    side_px: int
    samples: PictureSet
    held_out: PictureSet
    train: PictureSet
    blurred: dict[float, tuple[PictureSet, PictureSet]]

    @property
    def first_drawn(self) -> PictureSet:
        """The first drawn samples of held-out captions."""
        return self.blurred[SHARP][0]


@dataclass(frozen=True)
class PicturesToSee:
    """Some pictures of one shard, to be looked at with each radius of blur. `places` are theirs in the set."""

    uri: str
    rows: tuple[int, ...]
    places: tuple[int, ...]
    radii_px: tuple[float, ...]


@dataclass(frozen=True)
class Look:
    """Which network looks, at pictures of which size.

    Attributes:
        inception: a TorchScript file; None for the packaged network.
        identity: what identifies the network where the run was started.
    """

    inception: str | None
    identity: str
    side_px: int


def see_sets(config: Config, pairs: Artifact, scores: Artifact, settings: Settings) -> PictureSets | None:
    """Lets the network look at samples, held-out pictures and training pictures; None where nothing was drawn or none
    is to be looked at.

    Raises:
        ConfigError: a worker has another network than this process.
        CheckpointError: the named file does not hold a network that can be used.
    """
    samples = choose_samples(scores.files("scores"), config.set_pictures)
    if not samples:
        return None
    compared = [one for one in samples if _is_compared(one)][: config.set_pictures // 2]
    drawn = frozenset(one.pair_id for one in compared if one.pair_id is not None)
    choose = partial(choose_pictures, pairs, at_most=config.set_pictures, settings=settings)
    sharp = (SHARP,)
    radii = tuple(dict.fromkeys((SHARP, *map(float, config.blur_radii_px)))) if compared else sharp
    sets = {
        "compared": (compared, radii),
        "others": (samples[len(compared) :], sharp),
        "held_out": (choose(split="val", wanted=drawn), radii),
        "train": (choose(split="train", wanted=frozenset()), sharp),
    }
    side = len(_pictures(samples[0].uri, [samples[0].row])[0])
    look = Look(config.inception, identity_of_network(config.inception), side)
    seen = _seen(look, sets, settings)
    return PictureSets(
        network=EFFICIENTNET if config.inception is None else f"Inception, {Path(config.inception).name}",
        is_inception=config.inception is not None,
        side_px=side,
        samples=_joined(seen["compared", SHARP], seen["others", SHARP]),
        held_out=seen["held_out", SHARP],
        train=seen["train", SHARP],
        blurred={radius: (seen["compared", radius], seen["held_out", radius]) for radius in radii},
    )


def _is_compared(one: Chosen) -> bool:
    """Whether a sample is of those that are held to real pictures: first drawn, for a held-out caption."""
    return one.index == 0 and one.group == "val"


def _joined(one: PictureSet, other: PictureSet) -> PictureSet:
    return PictureSet(
        one.pictures + other.pictures,
        np.concatenate([one.features, other.features]),
        np.concatenate([one.probabilities, other.probabilities]),
    )


def _seen(
    look: Look, sets: dict[str, tuple[list[Chosen], tuple[float, ...]]], settings: Settings
) -> dict[tuple[str, float], PictureSet]:
    """The sets by name and radius of blur, all of them looked at in one go."""
    work = [(name, part) for name, (chosen, radii) in sets.items() for part in _parts(chosen, radii)]
    answers = map_shards(partial(see_pictures, look), [part for _, part in work], settings, afterwards=release_network)
    features, classes = answers[0][0].features.shape[1], answers[0][0].probabilities.shape[1]
    found = {
        (name, radius): PictureSet(
            pictures=tuple(chosen),
            features=np.zeros((len(chosen), features), np.float32),
            probabilities=np.zeros((len(chosen), classes), np.float32),
        )
        for name, (chosen, radii) in sets.items()
        for radius in radii
    }
    for (name, part), seen in zip(work, answers, strict=True):
        for radius, own in zip(part.radii_px, seen, strict=True):
            found[name, radius].features[list(part.places)] = own.features
            found[name, radius].probabilities[list(part.places)] = own.probabilities
    return found


def _parts(chosen: Sequence[Chosen], radii_px: tuple[float, ...]) -> Iterator[PicturesToSee]:
    for part in parts_by_shard([one.uri for one in chosen], PICTURES_AT_ONCE):
        yield PicturesToSee(chosen[part[0]].uri, tuple(chosen[place].row for place in part), tuple(part), radii_px)


def see_pictures(look: Look, work: PicturesToSee) -> "list[Seen]":
    """What the network sees in some pictures of a shard, for each radius of blur. Runs in a Dask worker.

    Raises:
        ConfigError: this process has another network than where the run was started.
        CheckpointError: the named file does not hold a network that can be used.
    """
    from models.training.images import centre_crop

    images = np.stack([centre_crop(image, look.side_px) for image in _pictures(work.uri, work.rows)])
    with torch_threads(1):  # the order of torch's sums depends on its threads
        network = network_of(look.inception, look.identity)
        return [network.see(np.stack([blurred(image, radius) for image in images])) for radius in work.radii_px]


@lru_cache(maxsize=1)
def network_of(inception: str | None, identity: str) -> "FeatureNetwork":
    """The network, loaded once per process; arguments as in `Look`.

    Raises:
        ConfigError: this process has another one than where the run was started.
        CheckpointError: the named file does not hold a network that can be used.
    """
    if identity_of_network(inception) != identity:
        raise ConfigError(
            "This worker has another network for sets of pictures than where the run was started: install the same "
            "packages on all machines, and give them the same file in evaluate.inception."
        )
    if inception is None:
        from models.features.efficientnet import EfficientNetLite0

        return EfficientNetLite0(device())
    from models.features.inception import Inception

    return Inception(Path(inception).expanduser(), device())


def release_network() -> None:
    """Frees the network that this process keeps."""
    network_of.cache_clear()
    release_models()


def _pictures(uri: str, rows: Sequence[int]) -> list[NDArray[np.uint8]]:
    """Pictures of a shard by their rows."""
    from models.training.images import decode

    images = schemas.read_table(uri, ["image"])["image"]
    return [decode(images[row].as_py()) for row in rows]
