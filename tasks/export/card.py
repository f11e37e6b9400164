"""The card of a data set, after Gebru et al. 2021 (https://arxiv.org/abs/1803.09010): the README of an exported one,
with the front matter that Hugging Face's hub and `datasets` read, and DATA_CARD.md beside a report.

Front matter: huggingface/hub-docs, datasetcard.md.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tasks.export.columns import ABOUT_IMAGE, COLUMNS, IMAGE, PACKED_COLUMNS
from tasks.export.facts import DataFacts
from tasks.export.shards import ExportFormat, features
from tasks.report import words
from tasks.report.cards.markdown import plain

SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}
LARGEST_SIZES = {100_000_000: "10M<n<100M", 1_000_000_000: "100M<n<1B"}
PATTERNS = {ExportFormat.PARQUET: "data/{split}-*.parquet", ExportFormat.WEBDATASET: "{split}/*.tar"}
# The hub's names of licences: https://huggingface.co/docs/hub/repositories-licenses
HUB_LICENCES = frozenset({
    "mit", "apache-2.0", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
    "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
})  # fmt: skip
LOAD = {
    ExportFormat.PARQUET: 'from datasets import load_dataset\n\npairs = load_dataset("FOLDER")\n'
    'pairs["train"][0]["image"]  # decoded',
    ExportFormat.WEBDATASET: "import webdataset\n\n"
    'pairs = webdataset.WebDataset("FOLDER/train/{shards}.tar", shardshuffle=False).decode("pil")\n'
    "next(iter(pairs))  # jpg, txt, json",
}

MOTIVATION = """## Motivation

Made to train a text-to-image model of DALL·E's first kind, and to say of every pair where it comes from, and of every
row that was dropped why. Who paid for it is not stated."""
USES = """## Uses

For training and measuring models of pictures and captions, as far as the licence of each picture allows. Not for
recognising people, and not as a fair sample of anything: what the sources show and leave out is here too.
"""
MAINTENANCE = """## Maintenance

`dalle takedown` leaves pictures out by address, domain or content, here and in every data set that is packed later from
the same root; models that were trained before keep what they have learned. Equal sources and settings give equal pairs.
"""


def data_card(facts: DataFacts) -> str:
    """The content of README.md, which lies beside the shards, or of DATA_CARD.md."""
    front = yaml.safe_dump(_front_matter(facts), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n".join(_sections(facts))


def hub_licence(stated: str) -> str:
    """The hub's name of a licence that is stated by its name or address; `other` where it has none."""
    text = stated.strip().lower()
    name = re.sub(r"[\s_]+", "-", text)
    if found := re.search(r"creativecommons\.org/licenses/([a-z-]+)/(\d\.\d)", text):
        name = f"cc-{found[1]}-{found[2]}"
    elif found := re.search(r"opensource\.org/licenses?/([\w.-]+)", text):
        name = found[1]
    elif re.search(r"creativecommons\.org/publicdomain/zero/1\.0", text) or name == "cc0":
        name = "cc0-1.0"
    return name if name in HUB_LICENCES else "other"


def _front_matter(facts: DataFacts) -> dict[str, Any]:
    limits = SIZES | LARGEST_SIZES
    return {
        "pretty_name": facts.name,
        "license": sorted({hub_licence(licence) for licence in facts.licences}),
        **({"language": ["en"]} if facts.is_screened_for_english else {}),
        "task_categories": ["text-to-image", "image-to-text"],
        "size_categories": [next((name for limit, name in limits.items() if facts.total < limit), "n>1T")],
        "tags": ["image", "text", "croissant"],
        **({} if facts.form is None else _how_to_open(facts, facts.form)),
    }


def _how_to_open(facts: DataFacts, form: ExportFormat) -> dict[str, Any]:
    """What `datasets` reads: which files are which split, and what their columns are."""
    info: dict[str, Any] = {
        "splits": [
            {"name": split, "num_bytes": facts.image_bytes[split], "num_examples": rows}
            for split, rows in facts.pairs.items()
        ]
    }
    if form is ExportFormat.PARQUET:
        info = {"features": [_yaml_feature(name, about) for name, about in features().items()]} | info
    files = [{"split": split, "path": PATTERNS[form].format(split=split)} for split in facts.pairs]
    return {"configs": [{"config_name": "default", "data_files": files}], "dataset_info": info}


def _yaml_feature(name: str, about: dict[str, str]) -> dict[str, str]:
    return {"name": name, "dtype": about.get("dtype", about["_type"].lower())}


def _sections(facts: DataFacts) -> Iterator[str]:
    shards = f"{{00000..{sum(shard.split == 'train' for shard in facts.shards) - 1:05d}}}"
    yield f"# {facts.name}\n\n{facts.description}\n"
    if facts.form is not None:
        yield f"```python\n{LOAD[facts.form].replace('{shards}', shards)}\n```\n"
    yield f"{MOTIVATION}\n\n## Composition\n"
    yield "| split | pairs | files | bytes |\n|---|---|---|---|"
    for split, rows in facts.pairs.items():
        files = [shard for shard in facts.shards if shard.split == split]
        size = words.size(sum(shard.bytes for shard in files))
        yield f"| {split} | {words.count(rows)} | {len(files)} | {size} |"
    yield "\nThe digest of every file stands in `croissant.json`.\n\n| column | what it holds |\n|---|---|"
    yield f"| `{IMAGE}` | {ABOUT_IMAGE} |"
    for column in PACKED_COLUMNS if facts.form is None else COLUMNS:
        yield f"| `{column.name}` | {column.means} |"
    yield "\n## Sources and licences\n"
    yield from (f"- {plain(line)}" for line in facts.source_lines)
    yield "\nThe licence of each picture is its own, as its row states it.\n"
    if facts.collected is not None:
        began, ended = (f"{moment:%Y-%m-%d %H:%M}" for moment in facts.collected)
        yield f"Collected from {began} to {ended} UTC.\n"
    yield "## What was kept and rejected\n"
    yield from (f"- {line}" for line in facts.step_lines)
    yield "\n## Consent and takedowns\n"
    yield from (f"- {line}" for line in facts.consent_lines)
    yield f"\n{USES}\n## Limits\n"
    yield from (f"- {limit}" for limit in facts.limits)
    yield f"\n{MAINTENANCE}"
    made = f"\nMade from `{facts.made_from}`"
    yield f"{made} by the code of commit {facts.code}.\n" if facts.code else f"{made}.\n"
