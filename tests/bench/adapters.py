"""This project's own code behind the interface of the side-by-side benchmarks, one factory for each script.

`taskset -c 0 python dvae.py --adapter tests/bench/adapters.py:dvae`: a factory takes the name and the settings of a
case and returns a step, or a step for each label; a step does the work once and returns how many units it did.
"""

import os
from collections.abc import Callable
from typing import Any

import torch

Step = Callable[[], int]


def dvae(case: str, cfg: dict[str, Any]) -> dict[str, Step]:
    """Training, encoding and decoding of the paper's network, fp32, and in bfloat16 where `BF16=1` is set."""
    from models.dvae.config import DVAEModelConfig
    from models.dvae.model import DVAE

    torch.manual_seed(0)
    shape = {"hidden": cfg["n_hid"], "blocks_per_group": cfg["blocks"], "vocab_size": cfg["vocab"]}
    model = DVAE(DVAEModelConfig(image_size=cfg["size"], **shape))
    images = torch.rand(cfg["batch"], 3, cfg["size"], cfg["size"]).to(memory_format=torch.channels_last)
    steps = {"this project, fp32": _dvae_step(model, cfg, images, bf16=False)}
    if os.environ.get("BF16") == "1":
        steps["this project, bf16"] = _dvae_step(model, cfg, images, bf16=True)
    return steps


def _dvae_step(model: Any, cfg: dict[str, Any], images: torch.Tensor, bf16: bool) -> Step:
    from models.dvae.losses import dvae_loss, gumbel_softmax, kl_to_uniform, logit_laplace_nll, phi

    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    noise = torch.Generator().manual_seed(0)

    def train() -> int:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = model.logits(images)
            mu, log_scale = model.decode_soft(gumbel_softmax(logits, 0.9, noise))
            nll = logit_laplace_nll(phi(images), mu, log_scale)
            loss = dvae_loss(nll, kl_to_uniform(logits), 1e-4)
        loss.backward()
        optimiser.step()
        return int(cfg["batch"])

    @torch.inference_mode()
    def encode() -> int:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            model.encode(images)
        return int(cfg["batch"])

    codes = torch.randint(0, cfg["vocab"], (cfg["batch"], (cfg["size"] // 8) ** 2))

    @torch.inference_mode()
    def decode() -> int:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            model.decode(codes)
        return int(cfg["batch"])

    return {"train": train, "encode": encode, "decode": decode}[cfg["kind"]]


def token_shards(case: str, cfg: dict[str, Any]) -> dict[str, Step] | None:
    """Codes written as the extract stage does, and read in the order of a training, in batches of 64."""
    import pyarrow as pa

    from models.training.order import Order
    from models.training.shards import Shards
    from models.training.windows import Windows
    from tasks.engine.row_groups import RowGroups

    os.makedirs(cfg["dir"], exist_ok=True)
    path = f"{cfg['dir']}/codes.parquet"

    def write() -> int:
        codes = cfg["codes"]
        rows, length = codes.shape
        column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(2 * length), rows, [None, pa.py_buffer(codes)])
        with open(path, "wb") as file:
            table = pa.table({"codes": column})
            groups = RowGroups(file, table.schema)
            groups.add(table)
            groups.close()
        return int(codes.size)

    opened: list[Shards] = []  # once, as a training does

    def read() -> int:
        shards = opened[0] if opened else Shards([path], ["codes"])
        opened[:] = [shards]
        windows = Windows(shards, Order(0, shards.sizes, window=16), ["codes"])
        tokens = 0
        for first in range(0, cfg["rows"], 64):
            found = windows.at(range(first, min(first + 64, cfg["rows"])))["codes"]
            tokens += torch.from_numpy(found.astype("int64")).numel()
        windows.close()
        return tokens

    return (
        {"this project": {"write": write, "read_shuffled": read}[case]} if case in ("write", "read_shuffled") else None
    )


def shards(case: str, cfg: dict[str, Any]) -> Step | dict[str, Step] | None:
    """Pairs written as the pack stage does, and read as a training does: by the loader, in its order, in batches of 32.

    The first epoch of a process verifies checksums, later ones do not. Decoded images are not kept in memory.
    """
    from glob import glob

    from models.training.config import TrainingConfig
    from models.training.data import Pairs
    from models.training.loader import Batch, Loader
    from models.training.randomness import Step as Update
    from models.training.windows import Rows

    if case == "write":
        return lambda: _write_pairs(cfg["samples"], cfg["dir"])
    batch, updates = 32, cfg["n"] // 32

    def as_bytes(_: Update, rows: Rows) -> Batch:
        return {"images": torch.tensor([len(image) for image in rows["image"]])}

    def loader(pairs: Pairs) -> Loader:
        def decoded(_: Update, rows: Rows) -> Batch:
            return {"images": pairs.squares_of(rows, 256)}

        training = TrainingConfig(steps=updates, batch_size=batch, warmup_steps=1)
        collate = decoded if case == "read_decoded" else as_bytes
        return Loader(pairs.shards, ["pair_id", "caption", "image"], collate, training)

    def opened() -> Pairs:
        return Pairs(sorted(glob(f"{cfg['dir']}/*.parquet")), cache_mb=0)

    def epoch(pairs: Pairs) -> int:
        made = loader(pairs)
        return sum(len(made.batch(Update(number, 0))["images"]) for number in range(updates))

    def resume() -> int:
        made = loader(opened())
        made.batch(Update(updates // 2, 0))
        made.close()
        return 1

    if case == "resume":
        return resume
    kept: list[Pairs] = []

    def later_epoch() -> int:
        kept[:] = kept or [opened()]
        return epoch(kept[0])

    return {"this project, first epoch": lambda: epoch(opened()), "this project, later epochs": later_epoch}


def _write_pairs(samples: list[tuple[bytes, str, str]], folder: str) -> int:
    """A thousand pairs a shard, as the other writers have it; returns the bytes of the images."""
    import pyarrow as pa

    from tasks.engine.row_groups import RowGroups

    os.makedirs(folder, exist_ok=True)
    for first in range(0, len(samples), 1000):
        images, captions, keys = zip(*samples[first : first + 1000], strict=True)
        columns = {"pair_id": keys, "caption": captions, "image": pa.array(images, pa.binary())}
        with open(f"{folder}/train-{first:06d}.parquet", "wb") as file:
            table = pa.table(columns)
            groups = RowGroups(file, table.schema)
            groups.add(table)
            groups.close()
    return sum(len(image) for image, _, _ in samples)


def dedup(case: str, cfg: dict[str, Any]) -> dict[str, Step] | None:
    """Perceptual hashes of the images as JPEGs, beside the peer from the same bytes; the search for close pairs.

    `hashes` are uint64 [N] or bool [N, B]; `distance` is 4 bits unless given. The search returns its queries, its
    `result()` the number of ordered pairs, each hash with itself among them.
    """
    import io

    import numpy as np
    from PIL import Image

    from tasks.dedup.banded_search import BandedSearch, Bands, packed
    from tasks.dedup.near_duplicates import hash_and_thumbnail

    if case == "phash":
        import imagehash

        files = []
        for image in cfg["images"]:
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "JPEG", quality=90)
            files.append(buffer.getvalue())
        return {
            "imagehash.phash, from bytes": lambda: len(
                [imagehash.phash(Image.open(io.BytesIO(encoded))) for encoded in files]
            ),
            "this project, from bytes, with thumbnail": lambda: len([hash_and_thumbnail(encoded) for encoded in files]),
        }
    if case != "hamming":
        return None
    hashes = cfg["hashes"]

    def search() -> int:
        bits = hashes if hashes.dtype == bool else np.unpackbits(hashes.view(np.uint8).reshape(-1, 8), axis=1)
        found: set[tuple[int, int]] = set()
        bands = Bands(bits.shape[1], cfg.get("distance", 4))
        for first, second in BandedSearch(packed(bits), bands).pairs():
            found.update(zip(first.tolist(), second.tolist(), strict=True))
        search.pairs = found  # type: ignore[attr-defined]
        return len(hashes)

    search.result = lambda: 2 * len(search.pairs) + len(hashes)  # type: ignore[attr-defined]
    return {"this project": search}


def prior_train(case: str, cfg: dict[str, Any]) -> dict[str, Step]:
    """A step of the prior with the peers' amount of work."""
    from models.prior.losses import image_loss, prior_loss, text_loss

    model = _prior(cfg)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    captions = torch.randint(0, cfg["text_vocab"], (cfg["batch"], cfg["text_len"]))
    codes = torch.randint(0, cfg["image_vocab"], (cfg["batch"], cfg["grid"] ** 2))

    def step_in(bf16: bool) -> Step:
        def step() -> int:
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                states, image_states = model.states(captions, codes)
            text = text_loss(states, model.text_head, model.text_targets(captions), cfg["text_vocab"], True)
            prior_loss(text, image_loss(image_states, model.image_head, codes), 1 / 8).backward()
            optimiser.step()
            return int(cfg["batch"] * (cfg["text_len"] + cfg["grid"] ** 2))

        return step

    steps = {"this project, fp32": step_in(False)}
    if os.environ.get("BF16") == "1":
        steps["this project, bf16"] = step_in(True)
    return steps


def sampling(case: str, cfg: dict[str, Any]) -> dict[str, Step]:
    """Candidates of one caption, drawn as `dalle generate` draws codes, with the text in each time."""
    from models.generator import Sampling
    from models.prior.decoding import InferencePrior
    from models.prior.sampling import draw_code_batches
    from models.text.bpe import BPE

    class Caption(BPE):
        vocab_size, text_length = cfg["text_vocab"], cfg["text_len"]

        def __init__(self) -> None:
            """Nothing to read: the peers' captions are numbers too."""

        def encode(self, captions: Any) -> torch.Tensor:
            return torch.randint(0, self.vocab_size, (len(captions), self.text_length))

    model = _prior(cfg).eval()
    half = Sampling(top_k=cfg["image_vocab"] // 2)

    def step_in(dtype: torch.dtype) -> Step:
        prior = InferencePrior(model, dtype)

        def step() -> int:
            return sum(len(b.codes) for b in draw_code_batches(prior, Caption(), ["a"], cfg["batch"], 0, half))

        return step

    steps = {"this project, fp32": step_in(torch.float32)}
    if os.environ.get("BF16") == "1":
        steps["this project, bf16"] = step_in(torch.bfloat16)
    return steps


def _prior(cfg: dict[str, Any]) -> Any:
    """A prior with random weights; an MLP of 6 widths has the weights of the peers' GEGLU of 4."""
    from models.prior.config import PriorModelConfig
    from models.prior.model import Prior, TransformerBlock

    torch.manual_seed(0)
    width = cfg["dim"]
    sizes = {"text_vocab": cfg["text_vocab"], "image_vocab": cfg["image_vocab"], "grid": cfg["grid"]}
    shape = PriorModelConfig(
        width=width, layers=cfg["depth"], heads=cfg["heads"], conv_kernel=5, text_length=cfg["text_len"], **sizes
    )
    model = Prior(shape)
    kinds = {"row": "row", "col": "column", "conv": "conv", "full": "full"}
    for layer in range(cfg["depth"]):
        block = TransformerBlock(shape, kinds[cfg["attn"][layer % len(cfg["attn"])]])  # type: ignore[arg-type]
        block.mlp_in, block.mlp_out = torch.nn.Linear(width, 6 * width), torch.nn.Linear(6 * width, width)
        model.blocks[layer] = block
    return model


def html_alt(case: str, cfg: dict[str, Any]) -> Step | None:
    """Images with alt texts: the whole way from an archive to references, or the pages in memory alone."""
    from tasks.crawl.archives.warc import ArchiveReport, references
    from tasks.crawl.archives.warc_html import ImagesWanted, read_archived_page

    found: list[int] = []

    def warc() -> int:
        report = ArchiveReport()
        found[:] = [sum(1 for _ in references(cfg["path"], report))]
        return report.pages

    def parse() -> int:
        wanted, kind = ImagesWanted(), "text/html; charset=utf-8"
        read = [read_archived_page("https://example.com/", page, kind, wanted) for page in cfg["pages"]]
        found[:] = [sum(len(page.images) for page in read)]
        return len(read)

    step: Any = {"warc": warc, "parse": parse}.get(case)
    if step is not None:
        step.result = lambda: found[0]
    return step


def download(case: str, cfg: dict[str, Any]) -> dict[str, Step]:
    """A list fetched by the process that a Dask worker keeps for it, which is started before the first round.

    Beside it both downloaders in the script's own process, where their CPU time can be compared too. The URLs are
    trusted, so their server, which has no robots.txt, is not asked for one; it is the only host, so each thread may
    ask it. The peer crops to a square, and this project keeps the whole picture: a third more pixels here.
    """
    import tempfile

    import img2dataset.downloader
    from img2dataset.resizer import Resizer

    from tasks.fetch.config import Config
    from tasks.fetch.fetched import fetch_rows
    from tasks.fetch.img2dataset_shard import download_shard, downloader_with, feather

    size, threads, urls = cfg["size"], cfg["threads"], cfg["urls"]
    bounds = Config(image_size=size, threads=threads, connections_per_host=threads, retries=0)
    config = bounds.model_copy(update={"urls_per_shard": 1000, "timeout_s": 30.0, "deadline_s": 60.0})
    download_image = img2dataset.downloader.download_image

    def kept_process() -> int:
        with tempfile.TemporaryDirectory() as folder:
            rows = fetch_rows(config, urls, set(urls), folder)
        assert {row.refusal[0] for row in rows if row.refusal is not None} <= {"http_404"}
        return sum(row.refusal is None for row in rows)

    def same_process() -> int:
        job = {"config": config.model_dump(mode="json"), "urls": urls, "trusted": urls, "run": ""}
        with tempfile.TemporaryDirectory() as folder:
            return _pictures_in(download_shard(job | {"folder": folder})["table"])

    def peer() -> int:
        img2dataset.downloader.download_image = download_image
        resizer = Resizer(size, "center_crop", resize_only_if_bigger=False, encode_quality=config.jpeg_quality)
        with tempfile.TemporaryDirectory() as folder:
            downloader_with(config, resizer, folder).download_shard((0, feather(urls, folder)))
            return _pictures_in(f"{folder}/00000.parquet")

    return {
        "this project": kept_process,
        "img2dataset's Downloader, this process": peer,
        "this project, this process": same_process,
    }


def _pictures_in(table: str) -> int:
    """How many pictures img2dataset has written."""
    import pyarrow.parquet as pq

    return sum(status == "success" for status in pq.read_table(table, columns=["status"])["status"].to_pylist())


def caption_filter(case: str, cfg: dict[str, Any]) -> Step | dict[str, Step] | None:
    """The script's chain as rules of this project, the whole stage beside plain Python, the repair, the language."""
    from tasks.screen_captions.cleaning import repaired
    from tasks.screen_captions.language import other_language

    captions = cfg["captions"]
    if case == "chain":
        return _caption_chain(cfg["table"]) | _caption_stage(captions)
    if case == "langid":
        return lambda: len([other_language(caption, 0.7) for caption in captions])
    if case == "ftfy":
        return lambda: len(repaired(captions))
    return None


def _caption_chain(table: Any) -> dict[str, Step]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from tasks.screen_captions.shape import few_characters, few_words, many_characters, many_words

    def narrow_sides(captions: Any, rows: Any) -> Any:
        width, height = (table[side].to_numpy()[rows] for side in ("width", "height"))
        short, long = np.minimum(width, height), np.maximum(width, height)
        return pa.array((short < 64) | (long > 3 * short))

    def few_letters(captions: Any, rows: Any) -> Any:
        letters = pc.utf8_length(pc.replace_substring_regex(captions, "[^A-Za-z]+", ""))
        return pc.less(
            pc.cast(letters, pa.float64()), pc.multiply(pc.cast(pc.utf8_length(captions), pa.float64()), 0.6)
        )

    patterns = (
        r"https?://|www\.|(?i:\.(jpe?g|png|gif|webp|bmp)\b|^(img|dsc|image|photo|picture)[ _-]?\d*$)"
        r"|(?i:click to (enlarge|view)|share on|logo$|thumbnail|\d{2,4}x\d{2,4}|buy now)"
    )
    checks: list[Callable[[Any, Any], Any]] = [
        lambda captions, rows: few_characters(captions, 8)[0],
        lambda captions, rows: many_characters(captions, 256)[0],
        narrow_sides,
        lambda captions, rows: few_words(captions, 3)[0],
        lambda captions, rows: many_words(captions, 48)[0],
        few_letters,
        lambda captions, rows: pc.match_substring_regex(captions, patterns),
    ]
    kept: list[int] = []

    def chain() -> int:
        captions, rows = pc.utf8_trim_whitespace(table["caption"].combine_chunks()), np.arange(len(table))
        for check in checks:
            stays = pc.invert(check(captions, rows))
            captions, rows = captions.filter(stays), rows[stays.to_numpy(zero_copy_only=False)]
        kept[:] = [len(pc.unique(captions))]
        return len(table)

    step: Any = chain
    step.result = lambda: kept[0] if kept else chain() and kept[0]
    return {"this project, the script's rules": step}


def _caption_stage(alts: list[str]) -> dict[str, Step]:
    """The stage's own rules, a text at a time and as the stage does them; both keep the same captions."""
    import html
    import re

    import ftfy
    import pyarrow.compute as pc

    from tasks.screen_captions.boilerplate import BOILERPLATE, LEADING, TRAILING
    from tasks.screen_captions.cleaning import cleaned
    from tasks.screen_captions.config import Config
    from tasks.screen_captions.language import other_language
    from tasks.screen_captions.stage import rejection_reasons

    def in_python(pattern: str) -> Any:
        """RE2's pattern for `re`, which has no classes of Unicode: the Latin letters."""
        pattern = re.sub(r"\\x\{(\w+)\}", lambda found: chr(int(found[1], 16)), pattern)
        return re.compile(pattern.replace(r"\p{Lu}", "[A-Z\u00c0-\u00de]").replace(r"\p{L}", "A-Za-z\u00c0-\u024f"))

    stock, leading, trailing = in_python(BOILERPLATE), in_python(LEADING), in_python(TRAILING)

    def plain(text: str) -> str | None:
        text = " ".join(ftfy.fix_text(html.unescape(html.unescape(text))).split())
        text = trailing.sub("", leading.sub("", text)) or text
        if not 5 <= len(text) <= 1000 or len(stock.sub("", text)) < 0.5 * len(text):
            return None
        return text if 3 <= len(text.split(" ")) <= 256 and not other_language(text, 0.7) else None

    def stage() -> list[str]:
        captions = cleaned(alts)
        return captions.filter(pc.is_null(rejection_reasons(Config(), captions)[0])).to_pylist()

    assert stage() == [text for alt in alts if (text := plain(alt)) is not None]
    return {
        "plain Python, the stage's rules": lambda: len([plain(alt) for alt in alts]),
        "this project, the stage": lambda: len(alts) if stage() else 0,
    }
