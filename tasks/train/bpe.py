"""Learns the text vocabulary."""

from collections.abc import Iterator

from models.files import BPE_FILE
from models.text.config import BPEModelConfig
from tasks import schemas
from tasks.engine.artifact import Artifact, Counts
from tasks.engine.output import Output
from tasks.engine.stage import StageConfig, stage
from tasks.train.trainer import READS_PAIRS

BATCH = 10_000  # captions whose tokens are in memory at once


class Config(BPEModelConfig, StageConfig):
    """Size of the tokenizer."""


@stage(Config, reads=READS_PAIRS, headline=("vocabulary", "captions_cut"))
def train_bpe(config: Config, output: Output, pairs: Artifact) -> None:
    """Learns the text vocabulary from the training captions (section 2.2). Runs in this process.

    The metric captions_cut counts the training captions that are longer than `text_length`: their end is not read.
    """
    from models.text import bpe

    captions = list(_captions(pairs))
    tokenizer = bpe.train_bpe(captions, config)
    path = output.scratch / BPE_FILE
    tokenizer.save(path)
    output.write(BPE_FILE, path.read_bytes())
    batches = (captions[start : start + BATCH] for start in range(0, len(captions), BATCH))
    output.metrics["vocabulary"] = tokenizer.vocab_size
    output.metrics["captions_cut"] = sum(tokenizer.count_cut(batch) for batch in batches)
    output.account(Counts(unit="captions", rows_in=len(captions), rows_out=len(captions)))


def _captions(pairs: Artifact) -> Iterator[str]:
    for shard in pairs.files("train"):
        yield from schemas.read_table(shard, ["caption"])["caption"].to_pylist()
