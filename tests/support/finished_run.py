"""A finished run in seconds: real tables and manifests by the real engine, untrained models, synthetic curves."""

import csv
import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from models.training.images import centre_crop, decode
from tasks import schemas
from tasks.engine.artifact import Artifact, Counts
from tasks.engine.output import Output, Shard
from tasks.engine.stage import Stage, StageConfig
from tasks.evaluate.config import Config
from tasks.evaluate.stage import evaluate
from tasks.funnel.config import Config as FunnelConfig
from tasks.funnel.stage import funnel
from tasks.settings import Settings

EMOJI = Path(__file__).parents[2] / "data" / "fluent-emoji-3d.zip"
SIDE, VOCABULARY = 32, 64
FIXED = ("a red apple", "a cat face")
FEW_CHOICES = Config(best_of=(1, 2, 4), set_pictures=0)  # no network looks at the pictures, which takes seconds


class Made(StageConfig):
    """Config of a stage that writes synthetic output."""

    attempt: int = 0


@dataclass
class FinishedRun:
    """The artifacts of a run by stage, and what a test may want to compare with."""

    settings: Settings
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    train: list[dict] = field(default_factory=list)
    val: list[dict] = field(default_factory=list)
    tokenizer: str | None = None
    generator: tuple[str, ...] = ()

    def finish(self, stage: str, write: Callable[[Output], None], *inputs: str) -> Artifact:
        """Makes the artifact of `stage` by what `write` puts into it, in place of one made before."""

        def body(config: Made, output: Output, **read: Artifact) -> None:
            write(output)

        before = self.artifacts.get(stage)
        attempt = before.manifest().config["attempt"] + 1 if before else 0
        given = {name: self.artifacts[name] for name in inputs}
        self.artifacts[stage] = Stage(stage, 1, body, {}, Made)(Made(attempt=attempt), self.settings, **given).artifact
        return self.artifacts[stage]


def finished_run(
    settings: Settings,
    train: int = 24,
    val: int = 6,
    train_prompts: int = 8,
    candidates: int = 4,
    rejects: bool = True,
    tokenizer: str | None = "train_dvae",
    hit: Callable[[int, int], bool] = lambda prompt, rank: rank < 2,
    packed: tuple[list[dict], list[dict]] | None = None,
    drawn_px: int = 2 * SIDE,
    suites: Sequence[tuple[str, str, str]] = (),
) -> FinishedRun:
    """Every stage up to `rerank`.

    Args:
        packed: pairs of training and held out, instead of so many of emoji.
        tokenizer: stage of the image tokenizer; None for a run whose generator draws pixels, without codes.
        drawn_px: side of the samples.
        suites: further prompts, each as name of a suite, text and category.
        hit: whether the candidate of this rank, for this prompt of its group, shows the prompted image.
    """
    run = FinishedRun(settings)
    pairs = emoji_pairs(train + val) if packed is None else [*packed[0], *packed[1]]
    run.train, run.val = packed or (pairs[:train], pairs[train:])
    _data_stages(run, pairs, rejects)
    _models(run, tokenizer)
    draw_samples(run, train_prompts, candidates, hit, drawn_px, suites)
    return run


def emoji_pairs(count: int) -> list[dict]:
    """Real pairs: evenly spaced emoji without skin tone."""
    with zipfile.ZipFile(EMOJI) as archive:
        listed = csv.DictReader(io.StringIO(archive.read("metadata.csv").decode()))
        rows = [row for row in listed if not row["skin_tone"] and "flag" not in row["name"]]
        chosen = [rows[i * len(rows) // count] for i in range(count)]
        return [
            {
                "pair_id": f"{i:016x}",
                "url": f"http://127.0.0.1:8717/images/{row['file']}",
                "caption": row["name"],
                "alt": row["name"],
                "page_url": "http://127.0.0.1:8717/index.html",
                "source": "fluent-emoji-3d",
                "licence": "MIT",
                "width": 128,
                "height": 128,
                "original_sha256": hashlib.sha256(row["file"].encode()).hexdigest(),
                "image": archive.read(f"images/{row['file']}"),
            }
            for i, row in enumerate(chosen)
        ]


def table(rows: Sequence[dict], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([{n: row[n] for n in schema.names if n in row} for row in rows], schema)


def drawn_like(pair: dict, blur: float, side_px: int = 2 * SIDE) -> bytes:
    """PNG of a pair's image, blurred, in place of a sample of it."""
    image = cv2.GaussianBlur(centre_crop(decode(pair["image"]), side_px), (0, 0), blur)
    return cv2.imencode(".png", image[:, :, ::-1])[1].tobytes()


def _data_stages(run: FinishedRun, pairs: Sequence[dict], with_rejects: bool) -> None:
    bad = {
        "screen_captions": [
            *[("too_short", "2 characters", "ok"), ("not_english", "de 0.98", "ein roter Apfel")] * 3,
            ("too_long", "2400 characters", "cheap gift " * 240),
        ],
        "fetch": [("http_404", "404", "a lost picture")] * 2,
        "screen_images": [("aspect_ratio", "4.2", "a very wide banner")],
        "dedup": [("near_duplicate", "distance 2", "the same apple again")] * 4,
    }
    stages = {
        "crawl": ("candidates", schemas.CANDIDATES),
        "screen_captions": ("captions", schemas.CAPTIONS),
        "fetch": ("images", schemas.IMAGES),
        "screen_images": ("images", schemas.IMAGES),
        "dedup": ("images", schemas.IMAGES),
    }
    left = sum(len(rows) for rows in bad.values()) if with_rejects else 0
    before: tuple[str, ...] = ()
    for stage, (kind, schema) in stages.items():
        refused = [
            {
                "pair_id": f"bad{i:013x}",
                "reason": reason,
                "detail": detail,
                "url": f"http://127.0.0.1:8717/{i}.png",
                "caption": caption,
                "image": pairs[i]["image"] if stage in ("screen_images", "dedup") else None,
            }
            for i, (reason, detail, caption) in enumerate(bad.get(stage, []) if with_rejects else [])
        ]
        rows = [*pairs, *({**pairs[0], "pair_id": f"f{i:015x}"} for i in range(left - len(refused)))]
        left -= len(refused)
        shard = Shard(len(rows) + len(refused), {kind: table(rows, schema)}, table(refused, schemas.REJECTS))
        run.finish(stage, lambda output, shard=shard: output.map(lambda item: item, [shard]), *before)
        before = (stage,)
    packed = {"train": table(run.train, schemas.PAIRS), "val": table(run.val, schemas.PAIRS)}
    run.finish("pack", lambda output: output.map(lambda item: item, [Shard(len(pairs), packed)]), "dedup")


def _models(run: FinishedRun, tokenizer: str | None) -> None:
    def bpe(output: Output) -> None:
        output.write("tokenizer.json", b"{}")
        output.account(Counts(unit="captions", rows_in=len(run.train), rows_out=len(run.train)))

    run.finish("train_bpe", bpe, "pack")
    run.finish(
        "train_clip", lambda output: output.write("metrics.jsonl", _curves("loss", "val/accuracy", start=3.4)), "pack"
    )
    if tokenizer is None:
        log = _curves("loss", "val/loss", start=1.0)
        run.generator = ("train_diffusion",)
        run.finish("train_diffusion", lambda output: output.write("metrics.jsonl", log), "pack")
        return
    run.tokenizer, run.generator = tokenizer, ("train_bpe", tokenizer, "train_prior")
    run.finish(tokenizer, _write_dvae, "pack")
    codes = np.random.default_rng(0).zipf(1.3, size=(len(run.train), 16)).clip(1, VOCABULARY - 4) - 1
    rows = [
        {**pair, "crop": 0, "codes": row.astype("<u2").tobytes()} for pair, row in zip(run.train, codes, strict=True)
    ]
    tokens = Shard(len(rows), {"train": table(rows, schemas.tokens(16))})
    run.finish("extract", lambda output: output.map(lambda item: item, [tokens]), "pack", tokenizer)
    names = ("loss", "text", "image", "val/text", "val/image")
    prior = _curves(*names, start=6.0)
    run.finish("train_prior", lambda output: output.write("metrics.jsonl", prior), "extract", "train_bpe", tokenizer)


def _write_dvae(output: Output) -> None:
    import torch

    from models.dvae.config import DVAEModelConfig
    from models.dvae.model import DVAE
    from models.training.checkpoint import save_model

    torch.manual_seed(0)
    config = DVAEModelConfig(
        image_size=SIDE, vocab_size=VOCABULARY, hidden=8, groups=3, blocks_per_group=1, stem="unshuffle"
    )
    save_model(output.scratch, DVAE(config).state_dict(), config)
    for name in ("weights.safetensors", "config.json"):
        output.write(name, (output.scratch / name).read_bytes())
    output.metrics |= {"vocab_size": config.vocab_size, "grid": config.grid}
    output.write("metrics.jsonl", _curves("loss", "reconstruction", "kl", "tau", "beta", "val/psnr", start=1.0))


def _curves(*names: str, start: float) -> bytes:
    lines = []
    for step in range(0, 2000, 20):
        own = [name for name in names if not name.startswith("val/") or step % 200 == 0]
        lines.append(
            {"step": step} | {name: round(start * math.exp(-step / 700) + 0.2 + i / 9, 4) for i, name in enumerate(own)}
        )
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def draw_samples(
    run: FinishedRun,
    train_prompts: int,
    candidates: int,
    hit: Callable[[int, int], bool],
    drawn_px: int = 2 * SIDE,
    suites: Sequence[tuple[str, str, str]] = (),
) -> None:
    """The stages `sample` and `rerank`."""
    prompts = [("fixed", text, None) for text in FIXED]
    prompts += [("train", pair["caption"], pair) for pair in run.train[:train_prompts]]
    prompts += [("val", pair["caption"], pair) for pair in run.val]
    categories = {(suite, text): category for suite, text, category in suites}
    prompts += [(suite, text, None) for suite, text in categories]
    rows = []
    for prompt_id, (group, text, pair) in enumerate(prompts):
        number = prompt_id - next(i for i, other in enumerate(prompts) if other[0] == group)
        for rank in range(candidates):
            shown = pair if pair and hit(number, rank) else run.train[(prompt_id + rank + 11) % len(run.train)]
            rows.append(
                {
                    "prompt_id": prompt_id,
                    "prompt": text,
                    "group": group,
                    "pair_id": pair["pair_id"] if pair else None,
                    "category": categories.get((group, text)),
                    "index": (rank + 1) % candidates,
                    "seed": 0,
                    "codes": bytes(32) if run.tokenizer else None,
                    "image": drawn_like(shown, 0.6 + 0.4 * rank, drawn_px),
                    "score": 5.0 - rank,
                    "rank": rank,
                }
            )
    made = Shard(len(rows), {"samples": table(rows, schemas.SAMPLES)})
    scored = Shard(len(rows), {"scores": table(rows, schemas.SCORES)})
    run.finish("sample", lambda output: output.map(lambda item: item, [made]), "pack", *run.generator)
    run.finish("rerank", lambda output: output.map(lambda item: item, [scored]), "sample", "train_bpe", "train_clip")


def evaluated(run: FinishedRun, config: Config = FEW_CHOICES, ranker: Artifact | None = None) -> Artifact:
    """The artifact of the real stage `evaluate` on the synthetic run, whose own ranker is none that could score."""
    done = run.artifacts
    models = {} if ranker is None else {"ranker": ranker}
    models |= {"tokenizer": done[run.tokenizer], "tokens": done["extract"]} if run.tokenizer else {}
    return evaluate(config, run.settings, pairs=done["pack"], scores=done["rerank"], **models).artifact


def accounted(run: FinishedRun, config: FunnelConfig | None = None) -> Artifact:
    """The artifact of the real stage `funnel` on the synthetic run."""
    return funnel(config or FunnelConfig(), run.settings, pairs=run.artifacts["pack"]).artifact
