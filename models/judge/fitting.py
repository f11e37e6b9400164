"""Fits the classifier of the judge to pictures of which it is known what lies where."""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from models.judge.config import JudgeTrainingConfig
from models.judge.degradations import degraded, repainted
from models.judge.network import CropClassifier, cut


def fit(
    pictures: Tensor, grounds: Tensor, places: Tensor, labels: Tensor, things: int, config: JudgeTrainingConfig
) -> CropClassifier:
    """A classifier of the crops at `places`.

    Args:
        pictures: uint8 [n, 3, side, side].
        grounds: [n, 3] in [0, 1], the colour of the ground where it is plain, else NaN.
        places: [p, 3], centre and side of squares, as in `cut`.
        labels: int64 [n, p], the thing at each place of each picture, `things` for none.
    """
    generator = Generator().manual_seed(config.seed)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        model = CropClassifier(things)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, config.steps, pct_start=0.15)
    model.train()
    weights = _weights(labels, things)
    tones = grounds[~grounds.isnan().any(1)].unique(dim=0)
    for _ in range(config.steps):
        chosen = torch.multinomial(weights, config.batch_size, replacement=True, generator=generator)
        shown = pictures[chosen].float() / 255
        if len(tones):
            shown = repainted(shown, grounds[chosen], tones, generator)
        crops, targets = _crops(degraded(shown, generator), places, labels[chosen], things, config, generator)
        loss = functional.cross_entropy(model(crops), targets, label_smoothing=0.02)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return model.eval()


def _weights(labels: Tensor, things: int) -> Tensor:
    """How often to take each picture: those of rare things more often, by the root of their number [n]."""
    shows = torch.zeros(len(labels), things + 1).scatter_(1, labels, 1.0)[:, :things]
    rarity = shows.sum(0).clamp(min=1).rsqrt()
    return (shows * rarity).amax(1)


def _crops(
    shown: Tensor, places: Tensor, labels: Tensor, things: int, config: JudgeTrainingConfig, generator: Generator
) -> tuple[Tensor, Tensor]:
    """All things of pictures, some of their empty places, and things that were spoiled."""
    occupied = labels < things
    lottery = torch.rand(labels.shape, generator=generator).masked_fill(labels != things, -1)
    drawn = lottery.topk(config.empty_places, 1)
    empty = torch.zeros_like(occupied).scatter(1, drawn.indices, drawn.values >= 0)
    which, place = (occupied | empty).nonzero(as_tuple=True)
    crops, targets = cut(shown[which], places[place]), labels[which, place]
    found = crops[targets < things]
    spoiled = _spoiled(found, targets[targets < things], round(config.spoiled * len(found)), generator)
    return torch.cat([crops, spoiled]), torch.cat([targets, torch.full((len(spoiled),), things)])


def _spoiled(crops: Tensor, targets: Tensor, count: int, generator: Generator) -> Tensor:
    """Crops of which nothing is to be recognised: two things in one, half of each, or too blurred."""
    first = torch.randperm(len(crops), generator=generator)[:count]
    second = torch.randint(len(crops), (count,), generator=generator)
    other = targets[first] != targets[second]
    one, two = crops[first[other]], crops[second[other]]
    n, side = len(one), crops.shape[-1]
    weight = 0.4 + 0.2 * torch.rand(n, 1, 1, 1, generator=generator)
    blended = weight * one + (1 - weight) * two
    halves = torch.cat([one[..., : side // 2], two[..., side // 2 :]], 3)
    stacked = torch.cat([one[..., : side // 2, :], two[..., side // 2 :, :]], 2)
    small = functional.interpolate(one, 4, mode="bilinear", antialias=True)
    blurred = functional.interpolate(small, side, mode="bicubic", align_corners=False)
    kind = torch.randint(4, (n, 1, 1, 1), generator=generator)
    spoiled = torch.where(kind == 0, blended, torch.where(kind == 1, halves, torch.where(kind == 2, stacked, blurred)))
    return spoiled.clamp(0, 1)
