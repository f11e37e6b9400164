"""Learns the text vocabulary."""

from collections.abc import Iterator

from models.files import BPE_FILE
from models.text.config import BPEModelConfig
from tasks import schemas
from tasks.engine import storage
from tasks.engine.artifact import Artifact, Counts
from tasks.engine.output import Output
from tasks.engine.stage import StageConfig, stage
from tasks.errors import ModelMismatchError
from tasks.train.trainer import READS_PAIRS

BATCH = 10_000  # captions whose tokens are in memory at once


class Config(BPEModelConfig, StageConfig):
    """Size of the tokenizer."""


@stage(Config, reads=READS_PAIRS, headline=("vocabulary", "captions_cut"))
def train_bpe(config: Config, output: Output, pairs: Artifact, start: Artifact | None = None) -> None:
    """Learns the text vocabulary from the training captions (section 2.2). Runs in this process.

    The metric captions_cut counts the training captions that are longer than `text_length`: their end is not read.

    Args:
        start: the model that the prior's training starts from; its vocabulary is taken then, and none is learned.

    Raises:
        ModelMismatchError: the vocabulary of `start` is of another caption length than the config.
    """
    from models.text import bpe

    captions = list(_captions(pairs))
    path = output.scratch / BPE_FILE
    if start is None:
        tokenizer = bpe.train_bpe(captions, config)
        tokenizer.save(path)
    else:
        storage.write_bytes(str(path), start.read(BPE_FILE))
        tokenizer = bpe.load_bpe(path)
        if tokenizer.text_length != config.text_length:
            raise ModelMismatchError(
                f"The text tokenizer of {start.address} reads {tokenizer.text_length} tokens of a caption, and its "
                f"prior {config.text_length}: export the model again."
            )
    output.write(BPE_FILE, path.read_bytes())
    batches = (captions[start : start + BATCH] for start in range(0, len(captions), BATCH))
    output.metrics["vocabulary"] = tokenizer.vocab_size
    output.metrics["captions_cut"] = sum(tokenizer.count_cut(batch) for batch in batches)
    output.account(Counts(unit="captions", rows_in=len(captions), rows_out=len(captions)))


def _captions(pairs: Artifact) -> Iterator[str]:
    for shard in pairs.files("train"):
        yield from schemas.read_table(shard, ["caption"])["caption"].to_pylist()
