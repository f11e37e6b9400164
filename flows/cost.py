"""What a config will need on given hardware before it runs: parameters, memory, operations, disk, hours, money."""

from collections.abc import Container

from flows.config import PipelineConfig
from flows.recipes.scales import Scale
from models.config import Frozen
from models.planning.hardware import PRESETS, Hardware
from models.planning.parallel import Parallel
from models.planning.tokenizer_plan import DVAEPlan, plan_dvae
from models.planning.training_plan import PriorPlan, plan_prior
from models.prior.config import PriorModelConfig
from tasks.errors import ConfigError

_STORED_BY = 4  # stages that keep the images: fetch, screen_images, dedup and pack
_CAPTION_BYTES = 100
_CODE_BYTES = 2  # tasks.schemas.tokens


class Disk(Frozen):
    """Bytes that artifacts and checkpoints take, about.

    Attributes:
        images: what every stage that keeps images keeps of them.
    """

    images: int
    tokens: int
    checkpoints: int


class Cost(Frozen):
    """The plan of a config.

    Attributes:
        tokenizer: None where it is not trained, or is no dVAE.
        hours: of the trainings that are planned, one after the other.
        money: in the currency of the hardware's price; None without a price.
        fits: whether the prior's training fits the memory of a processor.
        not_run_today: what the trainer cannot do yet of the parallel layout.
        not_planned: trainings whose cost is not in here.
    """

    hardware: Hardware
    parallel: Parallel
    pairs: int
    prior: PriorPlan | None
    tokenizer: DVAEPlan | None
    disk: Disk
    hours: float
    money: float | None
    fits: bool
    not_run_today: tuple[str, ...]
    not_planned: tuple[str, ...]


def hardware_named(name: str, price_per_hour: float | None = None, utilisation: float | None = None) -> Hardware:
    """A preset, with a price and a share of its peak of one's own.

    Raises:
        ConfigError: there is no such preset.
    """
    if name not in PRESETS:
        raise ConfigError(f"There is no hardware '{name}'; there are: {', '.join(PRESETS)}.")
    changes = {"price_per_hour": price_per_hour, "utilisation": utilisation}
    return PRESETS[name].model_copy(update={key: value for key, value in changes.items() if value is not None})


def prior_model(config: PipelineConfig) -> PriorModelConfig:
    """The whole prior of a config, as the stage makes it; with as many text tokens as its tokenizer may have."""
    config = config.started
    tokenizer = config.dvae.layout if config.tokenizer == "dvae" else config.vqgan.layout
    return PriorModelConfig(
        **config.prior.model.model_dump(),
        text_vocab=config.bpe.vocab_size,
        text_length=config.bpe.text_length + int(config.prior.model.start_of_text),
        image_vocab=tokenizer.vocab_size,
        grid=tokenizer.grid,
    )


def planned_cost(
    config: PipelineConfig, scale: Scale, hardware: Hardware | None = None, made: Container[str] = ()
) -> Cost:
    """Plan a config by arithmetic alone; nothing is made or read but the layout of a tokenizer that is named.

    Args:
        hardware: in place of the preset that `scale` names.
        made: stages whose training is finished already and costs nothing any more.

    Raises:
        ConfigError: the batch does not divide over the ranks, or the hardware does not compute in the precision.
    """
    config = config.started
    on = hardware or hardware_named(scale.hardware)
    parallel = scale.parallel
    finished = config.models.pretrained is not None
    model = prior_model(config)
    trains_prior = not finished and "train_prior" not in made
    trains_dvae = not finished and config.tokenizer == "dvae" and config.dvae.pretrained is None
    trains_dvae = trains_dvae and "train_dvae" not in made
    try:
        prior = plan_prior(model, config.prior.training, parallel, on) if trains_prior else None
        dvae = plan_dvae(config.dvae.model, config.dvae.training, parallel, on) if trains_dvae else None
    except ValueError as error:
        raise ConfigError(f"This cannot be planned: {error}.") from None
    hours = (prior.hours if prior else 0.0) + (dvae.hours if dvae else 0.0)
    price = on.price_per_hour
    return Cost(
        hardware=on,
        parallel=parallel,
        pairs=scale.pairs,
        prior=prior,
        tokenizer=dvae,
        disk=_disk(config, scale, model, prior),
        hours=hours,
        money=None if price is None else hours * price * parallel.ranks,
        fits=prior is None or prior.memory.total <= 1e9 * on.memory_gb,
        not_run_today=tuple(parallel.not_run_today()),
        not_planned=tuple(name for name in _not_planned(config) if f"train_{name}" not in made),
    )


def _disk(config: PipelineConfig, scale: Scale, model: PriorModelConfig, prior: PriorPlan | None) -> Disk:
    row = config.extract.encodings * (model.codes_per_image * _CODE_BYTES + _CAPTION_BYTES)
    return Disk(
        images=round(_STORED_BY * scale.pairs * (1000 * scale.image_kb + _CAPTION_BYTES)),
        tokens=scale.pairs * row,
        checkpoints=prior.checkpoints_bytes if prior else 0,
    )


def _not_planned(config: PipelineConfig) -> list[str]:
    """Trainings of a config that cost something and are not counted."""
    if config.models.pretrained is not None:
        return []
    vqgan = ["vqgan"] if config.tokenizer == "vqgan" and config.vqgan.pretrained is None else []
    return vqgan + (["clip"] if config.clip.pretrained is None else [])
