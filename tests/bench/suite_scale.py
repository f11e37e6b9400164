"""How drawing and judging prompts of a suite grow with them, and what a second Dask worker gives: `python … FOLDER`.

An untrained generator of a few thousand weights draws a picture of 64 px for each prompt of a text file, an untrained
CLIP ranks it, and the evaluation judges it against 200 training pictures. Each stage is measured in a process of its
own, at two numbers of prompts, with Dask workers that run already. Prints seconds, CPU seconds of all processes and of
the driver alone, and the most memory (RSS) of the driver and of the largest worker. FOLDER keeps what was made, for
another call; it takes 20 kB a prompt.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE), str(HERE.parent)]

from dataset_scale import COLUMNS, MeasuredError, MeasuringRun  # noqa: E402
from support import tiny_models  # noqa: E402
from support.finished_run import emoji_pairs  # noqa: E402
from support.tables import artifact  # noqa: E402

from models.files import TOKENIZER_FOLDER  # noqa: E402
from tasks.engine.output import Output  # noqa: E402
from tasks.engine.stage import Stage  # noqa: E402
from tasks.evaluate.config import Config as EvaluateConfig  # noqa: E402
from tasks.evaluate.stage import evaluate  # noqa: E402
from tasks.pack import Config as PackConfig  # noqa: E402
from tasks.pack import pack  # noqa: E402
from tasks.rerank import Config as RerankConfig  # noqa: E402
from tasks.rerank import rerank  # noqa: E402
from tasks.sample.config import Config as SampleConfig  # noqa: E402
from tasks.sample.stage import sample  # noqa: E402
from tasks.settings import Settings  # noqa: E402

IMAGE_PX = 64
STAGES = ("sample", "rerank", "evaluate")
PER_SHARD = 256


def write_generator(config: tiny_models.Tiny, output: Output) -> None:
    """The tiny generator of the tests, with an image tokenizer of larger pictures: 16 codes of 16 px a side each."""
    import torch

    from models.dvae.config import DVAEModelConfig
    from models.dvae.model import DVAE
    from models.training.checkpoint import save_model

    tiny_models.write_generator(output.scratch)
    torch.manual_seed(config.seed)
    sizes = {"image_size": IMAGE_PX, "vocab_size": tiny_models.CODES, "hidden": 8, "decoder_init": 4}
    images = DVAEModelConfig(**sizes, groups=2, blocks_per_group=1, stem="unshuffle", unshuffle_factor=8)
    save_model(output.scratch / TOKENIZER_FOLDER, DVAE(images).state_dict(), images)
    for path in sorted(file for file in output.scratch.rglob("*") if file.is_file()):
        output.write(path.relative_to(output.scratch).as_posix(), path.read_bytes())


def measured(folder: Path, prompts: int, workers: int, stage: str) -> list[float]:
    """`COLUMNS` of one stage."""
    place = folder / str(prompts)
    place.mkdir(parents=True, exist_ok=True)
    (place / "suite.txt").write_text("".join(f"a thing of the kind {number} on a table\n" for number in range(prompts)))
    settings = Settings(root=str(place / "runs"), work_dir=str(place / "work"), dask_workers=workers)
    alone = settings.model_copy(update={"dask_workers": 0})
    images = artifact("images", alone, emoji_pairs(220))
    pairs = pack(PackConfig(val_fraction=0.1), alone, images=images).artifact
    generator = Stage("train_prior", 1, write_generator, {}, tiny_models.Tiny)(tiny_models.Tiny(), alone).artifact
    ranker = tiny_models.tiny_ranker(alone)
    suite = {"kind": "own", "path": str(place / "suite.txt")}
    counts = {"prompts": (), "train_prompts": 8, "val_prompts": 8, "candidates": 1, "prompts_per_shard": PER_SHARD}
    run = MeasuringRun(settings, stage)
    try:
        samples = run(sample, SampleConfig(**counts, suites=[suite]), pairs=pairs, generator=generator)
        scores = run(rerank, RerankConfig(), samples=samples, ranker=ranker)
        run(evaluate, EvaluateConfig(), pairs=pairs, scores=scores)
    except MeasuredError as found:
        return list(found.args[0])
    raise AssertionError(stage)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prompts", type=int, nargs="+", default=[3000, 30_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--stage", choices=STAGES, help="print one measurement as JSON")
    asked = parser.parse_args()
    if asked.stage:
        print(json.dumps(measured(asked.folder.absolute(), asked.prompts[0], asked.workers[0], asked.stage)))
        return
    print(f"{'stage':<10}{'prompts':>9}{'workers':>9}" + "".join(f"{name:>14}" for name in COLUMNS), flush=True)
    for stage in STAGES:
        for prompts in asked.prompts:
            for workers in asked.workers:
                own = ["--prompts", str(prompts), "--workers", str(workers), "--stage", stage]
                command = [sys.executable, __file__, str(asked.folder), *own]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                found = json.loads(done.stdout.splitlines()[-1])
                print(f"{stage:<10}{prompts:>9,}{workers:>9}" + "".join(f"{each:>14,}" for each in found), flush=True)


if __name__ == "__main__":
    main()
