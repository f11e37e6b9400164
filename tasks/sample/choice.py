"""Which prompts a run draws: the fixed ones, captions of its pairs, those of suites and of probes."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from tasks import schemas
from tasks.engine.artifact import Artifact
from tasks.sample.config import Config
from tasks.sample.prompts import Prompt
from tasks.train.subset import TrainingShare

Chosen = tuple[str, str, str | None, str | None, str | None]  # a `Prompt` without its number


def choose_prompts(config: Config, pairs: Artifact) -> Iterator[Prompt]:
    """The fixed list, training captions, held-out ones, suites and probes; the same whatever the order of shards.

    A held-out caption that training has too, letter by letter but for case, is left out: it asks for nothing new. No
    text is twice in a group. Memory holds the held-out captions, and a shard of those of training.
    """
    held_out = {text for shard in pairs.files("val") for text in _texts(shard)}
    known = {text for shard in pairs.files("train") for text in _texts(shard) if text in held_out}
    chosen: list[Chosen] = [(text, "fixed", None, None, None) for text in dict.fromkeys(config.prompts)]
    everywhere = TrainingShare()
    for split, count, share, but in (
        ("train", config.train_prompts, config.train_from, set[str]()),
        ("val", config.val_prompts, everywhere, known),
    ):
        some = _some_captions(pairs, split, count, share, but)
        chosen += [(caption, split, pair_id, None, None) for pair_id, caption in some]
    for prompt_id, told in enumerate(chain(chosen, _of_suites(config), _of_probes(config))):
        yield Prompt(prompt_id, *told)


def _of_suites(config: Config) -> Iterator[Chosen]:
    for suite in config.suites:
        for text, category, challenge in suite.prompts():
            yield text, suite.group, None, category, challenge


def _of_probes(config: Config) -> Iterator[Chosen]:
    for group, texts in config.probes.by_group.items():
        for text in dict.fromkeys(texts):
            yield text, group, None, None, None


def _texts(shard: str) -> Iterator[str]:
    return map(str.casefold, schemas.read_table(shard, ["caption"])["caption"].to_pylist())


def _some_captions(
    pairs: Artifact, split: str, count: int, share: TrainingShare, but: set[str]
) -> Iterable[tuple[str, str]]:
    """Pair id and caption of the first texts by hash of the pair, of images in a share, without those in `but`."""
    first: dict[str, tuple[str, str]] = {}
    for shard in pairs.files(split):
        table = schemas.read_table(shard, ["pair_id", "caption", "url"])
        columns = (table[name].to_pylist() for name in ("pair_id", "caption", "url"))
        own = [(pair_id, caption) for pair_id, caption, url in zip(*columns, strict=True) if share.holds(url)]
        rows = [*first.values(), *own]
        distinct: dict[str, tuple[str, str]] = {}
        for row in sorted(rows, key=lambda row: hashlib.sha256(row[0].encode()).digest()):
            distinct.setdefault(row[1].casefold(), row)
        first = dict(islice(((text, row) for text, row in distinct.items() if text not in but), count))
    return first.values()
