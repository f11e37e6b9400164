"""The judge of composed pictures: reads from any picture the scene it shows, as far as it is clear."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.judge.config import JudgeTrainingConfig
from tasks.compositions.rendering import Layout, layout
from tasks.compositions.scene import Scene
from tasks.evaluate.compositions.background import Ground, Grounds, fit_grounds
from tasks.evaluate.compositions.places import places

if TYPE_CHECKING:
    from models.judge.network import CropClassifier

SIDE_PX = 96  # in which all pictures are read
UNCLEAR = "something unclear"  # in place of a thing
SURE = 0.5  # probability from which a thing is taken to be in its place
LEAST = -6.0  # log-probability below which a place counts no worse
READ_AT_ONCE = 64

Pixels = NDArray[np.uint8]
LAYOUTS: dict[Layout, Scene] = {
    "ordinary": Scene((UNCLEAR,)),
    "small": Scene((UNCLEAR,), size="small"),
    "large": Scene((UNCLEAR,), size="large"),
    "left of": Scene((UNCLEAR, "other"), "left of"),
    "above": Scene((UNCLEAR, "other"), "above"),
    "two": Scene((UNCLEAR,), count=2),
    "three": Scene((UNCLEAR,), count=3),
}


@dataclass(frozen=True)
class Arrangement:
    """Things in the places of a layout.

    Attributes:
        things: by number; one, or two different ones.
        score: log-probability that all places of the picture are so.
        probabilities: of each thing in its place; of copies, the geometric mean over their places.
    """

    layout: Layout
    things: tuple[int, ...]
    score: float
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class CompositionJudge:
    """Reads pictures. It knows the things and grounds of the pictures that it was fitted to.

    Attributes:
        things: the names of its classes.
    """

    things: tuple[str, ...]
    grounds: Grounds
    classifier: "CropClassifier"

    def read(self, pictures: Sequence[Pixels] | Pixels) -> list[Scene]:
        """What each picture, RGB of any size, shows: `UNCLEAR` for things that are none it knows, None for a ground."""
        if not len(pictures):
            return []
        images = np.stack([at_reading_size(picture) for picture in pictures])
        grounds = self.grounds.read(images)
        return [
            self._scene(*read)
            for start in range(0, len(images), READ_AT_ONCE)
            for read in zip(
                self.log_probabilities(images[start : start + READ_AT_ONCE]),
                grounds[start : start + READ_AT_ONCE],
                strict=True,
            )
        ]

    def log_probabilities(self, images: Pixels) -> NDArray[np.float64]:
        """Of each class at each place, [n, places, things + 1]; the last class is "nothing"."""
        import torch

        from models.judge.network import cut

        boxes = torch.tensor(places().boxes)
        n, p = len(images), len(boxes)
        with torch.inference_mode():
            shown = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
            crops = cut(shown.repeat_interleave(p, 0), boxes.repeat(n, 1))
            found = self.classifier(crops).log_softmax(1)
        return np.asarray(found.reshape(n, p, -1).double().numpy())

    def _scene(self, log_probabilities: NDArray[np.float64], ground: Ground | None) -> Scene:
        best = max(arrangements(log_probabilities), key=lambda arrangement: arrangement.score)
        colour, pattern = ground or (None, None)
        names = tuple(
            self.things[thing] if probability >= SURE else UNCLEAR
            for thing, probability in zip(best.things, best.probabilities, strict=True)
        )
        shown = LAYOUTS[best.layout]
        if UNCLEAR in names and len(set(names)) == 1:
            return Scene((UNCLEAR,), colour=colour, pattern=pattern)
        return Scene(names, shown.relation, shown.count, shown.size, colour, pattern)


def arrangements(log_probabilities: NDArray[np.float64]) -> Iterator[Arrangement]:
    """The best arrangement of each layout, given log-probabilities [places, things + 1]."""
    known = log_probabilities.clip(min=LEAST)
    nothing = known[:, -1].sum()
    gains = known[:, :-1] - known[:, -1:]
    for name, numbers in places().of.items():
        own = gains[list(numbers)]
        if len(LAYOUTS[name].things) == 1:
            things: tuple[int, ...] = (int(own.sum(0).argmax()),)
        else:
            things = _two_different(own)
        chosen = things * (len(numbers) // len(things))
        gained = sum(float(gain[thing]) for gain, thing in zip(own, chosen, strict=True))
        own_log = [float(log_probabilities[p, thing]) for p, thing in zip(numbers, chosen, strict=True)]
        sure = own_log if len(things) == 2 else [float(np.mean(own_log))]
        yield Arrangement(name, things, nothing + gained, tuple(np.exp(sure).tolist()))


def _two_different(gains: NDArray[np.float64]) -> tuple[int, int]:
    first, second = (np.argsort(-gain)[:2] for gain in gains)
    pairs = [(int(a), int(b)) for a in first for b in second if a != b]
    return max(pairs, key=lambda pair: gains[0, pair[0]] + gains[1, pair[1]])


def at_reading_size(picture: Pixels) -> Pixels:
    """The picture as a square of `SIDE_PX`."""
    import cv2

    shrinks = min(picture.shape[:2]) > SIDE_PX
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=method), np.uint8)


def fit_judge(
    pictures: Pixels, scenes: Sequence[Scene], things: Sequence[str], config: JudgeTrainingConfig
) -> CompositionJudge:
    """A judge fitted to pictures, uint8 RGB [n, SIDE_PX, SIDE_PX, 3], of which all is known that they show."""
    import torch

    from models.judge.fitting import fit

    classes = {thing: number for number, thing in enumerate(things)}
    labels = torch.from_numpy(np.array([labels_of(scene, classes) for scene in scenes]))
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()
    grounds = fit_grounds(pictures, scenes)
    tones, unknown = grounds.tones(), np.full(3, np.nan, np.float32)
    plain = [tones.get(scene.colour or "", unknown) if scene.pattern == "plain" else unknown for scene in scenes]
    under = torch.from_numpy(np.stack(plain)) / 255
    classifier = fit(images, under, torch.tensor(places().boxes), labels, len(things), config)
    return CompositionJudge(tuple(things), grounds, classifier)


def labels_of(scene: Scene, classes: dict[str, int]) -> list[int]:
    """What each place of a picture of the scene shows, by number; `len(classes)` is "nothing"."""
    labels = [len(classes)] * len(places().boxes)
    numbers = places().of[layout(scene)]
    for number, place in enumerate(numbers):
        labels[place] = classes[scene.things[number % len(scene.things)]]
    return labels
