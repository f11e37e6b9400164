"""Stage two of the paper: the transformer over text and image tokens (section 2.2)."""

from pydantic import Field

from models.files import BPE_FILE, MODEL_FILES, TOKENIZER_FOLDER
from models.prior.config import PriorLayout, PriorModelConfig, PriorTrainingConfig
from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.engine.output import Output
from tasks.engine.stage import StageConfig, stage
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
def train_prior(config: Config, output: Output, tokens: Artifact, bpe: Artifact, tokenizer: Artifact) -> None:
    """Stage two of the paper: the transformer over text and image tokens (section 2.2).

    The artifact holds both tokenizers too, so that its folder is all that sampling needs.

    Raises:
        ModelMismatchError: the tokens were made by another image tokenizer.
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
    data = shards(tokens) | bpe_file(bpe, output)
    run_trainer("models.prior.train", model, config.training, data, tokens, output)
    output.write(BPE_FILE, bpe.read(BPE_FILE))
    for name in MODEL_FILES:
        output.write(f"{TOKENIZER_FOLDER}/{name}", tokenizer.read(name))
