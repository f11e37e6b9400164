"""What tests/bench/dataset_scale.py measures with: lists of addresses with captions, and a server of pictures."""

import io
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
from PIL import Image

ROWS_PER_FILE = 250_000
PORT = 8719
FEW, MANY = "127.0.0.2", "127.0.0.1"  # hosts of one picture in fifty, and of the others
SIDE = 96  # pixels

THINGS = """cat dog house garden river mountain bicycle apple bridge window horse child woman man boat tree table street
    church lamp train station beach forest dress kitchen tower bird flower market"""
KINDS = "old small red wooden quiet bright broken large green painted empty busy white narrow sunny"
PLACES = "beside behind above under near with without across from opposite"
OTHERS = (
    "Ein alter Mann steht mit seinem Hund vor dem Haus am Ufer",
    "une petite maison au bord de la rivière avec un jardin fleuri",
    "Stock photo: click to enlarge, free shipping",
    "IMG_4021.jpg",
    "cat",
    "Caf\u00c3\u00a9 in the old town with two small tables",  # as UTF-8 looks when it is read as Latin-1
)
OTHERS_SHARE = 0.3


def captions(random: np.random.Generator, count: int) -> list[str]:
    """English descriptions for the most part, and what lists hold besides."""
    things, kinds, places = (random.choice(words.split(), (2, count)).tolist() for words in (THINGS, KINDS, PLACES))
    numbers = random.integers(0, 10_000, count).tolist()
    found = [
        f"a {kind} {thing} {place} the {kind_2} {thing_2}, as seen on day {number} of the journey"
        for kind, kind_2, thing, thing_2, place, number in zip(*kinds, *things, places[0], numbers, strict=True)
    ]
    for row in np.flatnonzero(random.random(count) < OTHERS_SHARE).tolist():
        found[row] = OTHERS[row % len(OTHERS)]
    return found


def hosts(number: int) -> str:
    """An address of one of 100,000 hosts, which have more pictures the lower their number."""
    return f"https://img.example-{int(100_000 ** ((number * 7919 % 100_003) / 100_003))}.com/pictures/{number}.jpg"


def pages(number: int) -> str:
    """The address of a picture of this server."""
    return f"http://{MANY if number % 50 else FEW}:{PORT}/{number}.jpg"


def write_lists(folder: Path, rows: int, address: Callable[[int], str] = hosts) -> None:
    """Files as LAION has them; those that are there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, rows, ROWS_PER_FILE)):
        path = folder / f"part-{number:05d}.parquet"
        if not path.exists():
            table = _table(number, range(start, min(start + ROWS_PER_FILE, rows)), address)
            pq.write_table(table, path.with_suffix(".tmp"))
            path.with_suffix(".tmp").rename(path)


def write_tsv(folder: Path, rows: int) -> None:
    """One file as CC3M has it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "train.tsv"
    if path.exists():
        return
    options = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    with path.with_suffix(".tmp").open("wb") as file:
        for number, start in enumerate(range(0, rows, ROWS_PER_FILE)):
            table = _table(number, range(start, min(start + ROWS_PER_FILE, rows)), hosts)
            csv.write_csv(table, file, options)
    path.with_suffix(".tmp").rename(path)


def _table(seed: int, numbers: range, address: Callable[[int], str]) -> pa.Table:
    urls = [address(number) for number in numbers]
    return pa.table({"TEXT": captions(np.random.default_rng(seed), len(numbers)), "URL": urls})


@contextmanager
def picture_server() -> Iterator[None]:
    """The server of `pages` in a process of its own, which counts for nobody."""
    server = subprocess.Popen([sys.executable, __file__], start_new_session=True)
    try:
        while server.poll() is None:
            try:
                urllib.request.urlopen(pages(0), timeout=1).close()
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        yield
    finally:
        server.kill()
        server.wait()


def picture(number: int) -> bytes:
    """A JPEG of smooth noise; one in twenty is the one before in another compression."""
    is_copy = number % 20 == 19
    random = np.random.default_rng(number - is_copy)
    image = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((SIDE, SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=75 if is_copy else 90)
    return file.getvalue()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.strip("/").removesuffix(".jpg")
        body = picture(int(name)) if name.isdecimal() else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    servers = [ThreadingHTTPServer((host, PORT), Handler) for host in (FEW, MANY)]
    threads = [Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
