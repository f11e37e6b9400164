"""How the data stages grow with the rows, and what a second Dask worker gives: `taskset -c 0,1 python … FOLDER lists`.

Chains: `lists` is crawl and screen_captions from LAION's form of Parquet, `tsv` the same from one file in CC3M's form,
`images` are all data stages with pictures from a server on this machine, `signatures` is dedup with made up signatures
in place of pictures, `shards` is a stage of tiny shards. Every stage is measured in a process of its own, at two
numbers of rows, with 0, 1 and 2 workers that run already. Prints seconds, CPU seconds of all processes and of the
driver alone, and the most memory (RSS) of the driver and of the largest other process. FOLDER keeps what was made, for
another call; it takes 200 bytes a row of `lists`, 2.8 kB of `signatures` and 8 kB of `images`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE), str(HERE.parent)]

from dataset_scale_rows import FEW, pages, picture_server, write_lists, write_tsv  # noqa: E402
from dedup_scale import dropped_of, exchanges_of, sign  # noqa: E402
from support.toy import NumbersConfig, numbers  # noqa: E402

from flows.pipeline import dataset  # noqa: E402
from flows.run import DirectRun  # noqa: E402
from tasks.crawl.config import Config as CrawlConfig  # noqa: E402
from tasks.crawl.stage import crawl  # noqa: E402
from tasks.dedup.config import Config as DedupConfig  # noqa: E402
from tasks.dedup.stage import find_duplicates  # noqa: E402
from tasks.engine.artifact import Artifact  # noqa: E402
from tasks.engine.shards import map_shards  # noqa: E402
from tasks.engine.stage import Stage, StageConfig  # noqa: E402
from tasks.fetch.config import Config as FetchConfig  # noqa: E402
from tasks.funnel.config import Config as FunnelConfig  # noqa: E402
from tasks.funnel.stage import funnel  # noqa: E402
from tasks.pack import Config as PackConfig  # noqa: E402
from tasks.screen_captions.config import Config as CaptionsConfig  # noqa: E402
from tasks.screen_captions.stage import screen_captions  # noqa: E402
from tasks.screen_images.config import Config as ImagesConfig  # noqa: E402
from tasks.settings import Settings  # noqa: E402
from tasks.takedown.record import add_to_record  # noqa: E402
from tasks.takedown.takedowns import takedown_of  # noqa: E402

COLUMNS = ("wall_s", "cpu_s", "driver_cpu_s", "driver_mib", "worker_mib")
TEXTS = ("crawl", "screen_captions")
STAGES = {
    "lists": (10**6, TEXTS),
    "tsv": (10**6, TEXTS),
    "images": (2000, (*TEXTS, "fetch", "screen_images", "dedup", "match_takedowns", "pack", "funnel")),
    "signatures": (10**6, ("sign", "find", "verdicts")),
    "shards": (2000, ("numbers",)),
}


class MeasuredError(Exception):
    """Ends a chain once the stage in question is measured; the argument is what it took."""


class MeasuringRun(DirectRun):
    """Runs the stages before one of them, or reuses them, and measures that one."""

    def __init__(self, settings: Settings, name: str) -> None:
        super().__init__(settings)
        self.name = name

    def __call__(self, stage: Stage, config: StageConfig, **inputs: Artifact) -> Artifact:
        if stage.name != self.name:
            return super().__call__(stage, config, **inputs)
        shutil.rmtree(stage.artifact(config, self.settings, **inputs).uri, ignore_errors=True)
        self.measure(partial(super().__call__, stage, config, **inputs))
        raise AssertionError

    def measure(self, work: Callable[[], object]) -> None:
        """Raises what the work took as a `MeasuredError`; processes that it starts are to be there at its end."""
        if self.settings.dask_workers:
            map_shards(abs, range(8), self.settings)
        Path("/proc/self/clear_refs").write_text("5")  # the peak of this process begins anew
        others, driver, clock = _cpu_s_of_others(), time.process_time(), time.monotonic()
        work()
        took = time.monotonic() - clock, _cpu_s_of_others() - others, time.process_time() - driver
        peaks = [_peak_mib(child) for child in psutil.Process().children(recursive=True)]
        took_s = (took[0], took[1] + took[2], took[2])
        raise MeasuredError([*(round(each, 2) for each in took_s), _peak_mib(psutil.Process()), max(peaks, default=0)])


def _cpu_s_of_others() -> float:
    return sum(sum(child.cpu_times()[:4]) for child in psutil.Process().children(recursive=True))


def _peak_mib(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) >> 10 for line in status.splitlines() if line.startswith("VmHWM"))


def measured(folder: Path, chain: str, rows: int, workers: int, stage: str) -> list[float]:
    """`COLUMNS` of one stage."""
    place = folder / f"{chain}-{rows}"
    settings = Settings(root=str(place / "runs"), work_dir=str(place / "work"), dask_workers=workers)
    run = MeasuringRun(settings, stage)
    try:
        CHAINS[chain](run, place, rows)
    except MeasuredError as found:
        return list(found.args[0])
    raise AssertionError(stage)


def texts(run: MeasuringRun, place: Path, rows: int, kind: str) -> None:
    source = CrawlConfig.model_validate([{"kind": kind, "path": str(place / "source")}])
    run(screen_captions, CaptionsConfig(), candidates=run(crawl, source))


def images(run: MeasuringRun, place: Path, rows: int) -> None:
    add_to_record(run.settings.root, [takedown_of(FEW)])
    config: Any = argparse.Namespace(
        source=CrawlConfig.model_validate([{"kind": "laion", "path": str(place / "source")}]),
        screen_captions=CaptionsConfig(),
        fetch=FetchConfig(urls_per_shard=500, allow_private_hosts=True, connections_per_host=16, image_size=96),
        screen_images=ImagesConfig(min_side_px=64),
        dedup=DedupConfig(),
        pack=PackConfig(pairs_per_shard=1000),
    )
    run(funnel, FunnelConfig(), pairs=dataset(run, config))


def signatures(run: MeasuringRun, place: Path, rows: int) -> None:
    config = DedupConfig()
    exchanges = exchanges_of(str(place / "exchange"), rows)

    def each(work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        return map_shards(work, items, run.settings)

    shards = range(exchanges.shards)
    steps: dict[str, Callable[[], object]] = {
        "sign": lambda: each(partial(sign, exchanges, rows // 50), shards),
        "find": lambda: find_duplicates(config, exchanges, each),
        "verdicts": lambda: each(partial(dropped_of, exchanges), shards),
    }
    run.measure(steps[run.name])


def shards(run: MeasuringRun, place: Path, rows: int) -> None:
    run(numbers, NumbersConfig(shards=rows, rows_per_shard=1))


CHAINS: dict[str, Callable[[MeasuringRun, Path, int], None]] = {
    "lists": partial(texts, kind="laion"),
    "tsv": partial(texts, kind="cc3m"),
    "images": images,
    "signatures": signatures,
    "shards": shards,
}
SOURCES = {"lists": write_lists, "tsv": write_tsv, "images": partial(write_lists, address=pages)}


def main(folder: Path, chain: str, rows: Sequence[int], workers: Sequence[int], stages: Sequence[str]) -> None:
    print("stage".ljust(16), "rows".rjust(9), "workers", *(name.rjust(12) for name in COLUMNS))
    found: dict[tuple[str, int, int], list[float]] = {}
    for stage in stages:
        for count in rows:
            if chain in SOURCES:
                SOURCES[chain](folder / f"{chain}-{count}" / "source", count)
            for number in workers:
                asked = [sys.executable, __file__, folder, chain, "--one", count, number, stage]
                done = subprocess.run(list(map(str, asked)), stdout=subprocess.PIPE, check=True, text=True)
                took = found[stage, count, number] = json.loads(done.stdout.splitlines()[-1])
                print(stage.ljust(16), f"{count:9} {number:7}", *(f"{each:12}" for each in took), flush=True)
        for number in workers if len(rows) > 1 else ():
            last, first = found[stage, rows[-1], number], found[stage, rows[0], number]
            grown = (f"{b / a:12.2f}" if a else " " * 12 for a, b in zip(first, last, strict=True))
            print(stage.ljust(16), "   growth", f"{number:7}", *grown)
        if {1, 2} <= set(workers):
            print(stage.ljust(16), f"2 workers {found[stage, rows[-1], 1][0] / found[stage, rows[-1], 2][0]:.2f} x 1")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("chain", choices=STAGES)
    parser.add_argument("--rows", type=int, nargs="+", help="by default 1,000,000 (images and shards: 2,000) and 10 x")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--stages", nargs="+", help="by default all of the chain, each after those before it")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        rows_of_one, workers_of_one, stage_of_one = given.one
        found_of_one = measured(given.folder, given.chain, int(rows_of_one), int(workers_of_one), stage_of_one)
        print(json.dumps(found_of_one), flush=True)
        sys.exit()
    usual, names = STAGES[given.chain]
    os.makedirs(given.folder, exist_ok=True)
    with picture_server() if given.chain == "images" else nullcontext():
        main(
            given.folder.absolute(),
            given.chain,
            given.rows or (usual, 10 * usual),
            given.workers,
            given.stages or names,
        )
