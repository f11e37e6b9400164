"""Stage two of the paper: the transformer over text and image tokens (section 2.2)."""

from pydantic import Field

from models.files import BPE_FILE, CONFIG, MODEL_FILES, TOKENIZER_FOLDER, WEIGHTS
from models.prior.config import PriorLayout, PriorModelConfig, PriorTrainingConfig
from tasks import schemas
from tasks.checkpoints import local_folder
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import StageConfig, stage
from tasks.errors import ModelMismatchError
from tasks.train.trainer import bpe_file, image_sizes, require_input, run_trainer, shards, text_sizes


class Config(StageConfig):
    """Layout and training of the prior. Its vocabularies and grid are those of its two tokenizers."""

    model: PriorLayout = Field(default_factory=PriorLayout)
    training: PriorTrainingConfig = Field(default_factory=PriorTrainingConfig)


@stage(
    Config,
    version=2,
    reads={"tokens": {"train": schemas.TOKENS, "val": schemas.TOKENS}},
    headline=("train_image", "image"),
)
def train_prior(
    config: Config, output: Output, tokens: Artifact, bpe: Artifact, tokenizer: Artifact, start: Artifact | None = None
) -> None:
    """Stage two of the paper: the transformer over text and image tokens (section 2.2).

    The artifact holds both tokenizers too, so that its folder is all that sampling needs.

    Args:
        start: a prior with its tokenizers, whose weights the training starts from (fine-tuning, as for CUB in 3.1);
            the optimiser's state begins anew, and the EMA with these weights.

    Raises:
        ModelMismatchError: the tokens were made by another image tokenizer, or `start` is of another shape or reads
            the symbols of other tokenizers.
        TrainingFailedError: the trainer ended without finishing.
    """
    require_input(tokens, "tokenizer", tokenizer)
    text_vocab, caption_length = text_sizes(bpe)
    image_vocab, grid = image_sizes(tokenizer)
    model = PriorModelConfig(
        **config.model.model_dump(),
        text_vocab=text_vocab,
        text_length=caption_length + int(config.model.start_of_text),
        image_vocab=image_vocab,
        grid=grid,
    )
    folder = local_folder(tokenizer, output.settings)
    data = shards(tokens) | bpe_file(bpe, output) | {"image_tokenizer": str(folder)}
    weights = None
    if start is not None:
        _require_fit(start, model, bpe, tokenizer)
        weights = local_folder(start, output.settings)
    run_trainer("models.prior.train", model, config.training, data, tokens, output, weights)
    output.write(BPE_FILE, bpe.read(BPE_FILE))
    for name in MODEL_FILES:
        output.write(f"{TOKENIZER_FOLDER}/{name}", tokenizer.read(name))


def _require_fit(start: Artifact, model: PriorModelConfig, bpe: Artifact, tokenizer: Artifact) -> None:
    """Checks that a prior can go on as `model` with the symbols of these tokenizers: its own, byte by byte.

    Raises:
        ModelMismatchError: it cannot.
    """
    same_up_to_rounding = {"attention_form"}
    theirs = PriorModelConfig.model_validate_json(start.read(CONFIG)).model_dump(exclude=same_up_to_rounding)
    ours = model.model_dump(exclude=same_up_to_rounding)
    if other := [f"{name} {theirs[name]}, not {ours[name]}" for name in ours if ours[name] != theirs[name]]:
        raise ModelMismatchError(
            f"The prior to start from, {start.address}, has {' and '.join(other)}: give prior.model its shape, and the "
            "training its tokenizers."
        )
    own = {"text tokenizer": start.read(BPE_FILE), "image tokenizer": start.read(f"{TOKENIZER_FOLDER}/{WEIGHTS}")}
    used = {"text tokenizer": bpe.read(BPE_FILE), "image tokenizer": tokenizer.read(WEIGHTS)}
    if other := [name for name in own if own[name] != used[name]]:
        raise ModelMismatchError(
            f"The prior to start from, {start.address}, was trained with another {' and another '.join(other)}: its "
            "symbols would mean something else, so use its own."
        )
