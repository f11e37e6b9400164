"""Lists of addresses: every row is a candidate or a reject, in little memory, and a file counts by its content."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support.lists import pairs, read, written
from support.tables import rows

from flows.changes import assigned
from flows.config import PipelineConfig
from tasks.crawl.config import Config
from tasks.crawl.lists import files, tsv
from tasks.crawl.stage import crawl
from tasks.errors import ConfigError, SourceError
from tasks.settings import Settings

GOOD = "https://example.org/{}.jpg\tpicture number {}"
CELL = st.one_of(
    st.sampled_from([b"https://example.org/a.jpg", b"http://x/", b"a dog", b"", b" ", b"\r", b"\0", b"caf\xe9", b"0"]),
    st.binary(max_size=20).map(lambda cell: cell.replace(b"\n", b"").replace(b"\t", b"")),
)


def source(kind: str, path: Path) -> Config:
    return Config.model_validate([{"kind": kind, "path": str(path)}])


PAIR_OF = {
    "cc3m": "a dog\thttps://example.org/dog.jpg",
    "cc12m": "https://example.org/dog.jpg\ta dog",
    "yfcc": "\t".join([""] * 8 + ["a+dog"] + [""] * 7 + ["https://example.org/dog.jpg"] + [""] * 7 + ["0"]),
    "wit": "\t".join(["en", "", "https://example.org/dog.jpg", "", "", "", "a dog"] + [""] * 10),
}


@hypothesis_settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(sorted(PAIR_OF)),
    lines=st.lists(st.lists(CELL, min_size=1, max_size=26).map(b"\t".join), max_size=12),
    piece=st.integers(20, 500),
)
def test_every_line_is_a_candidate_or_a_reject(
    settings: Settings, tmp_path: Path, kind: str, lines: list[bytes], piece: int
) -> None:
    path = written(tmp_path / "list.tsv", PAIR_OF[kind], *lines, PAIR_OF[kind])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tsv, "PIECE_BYTES", piece)
        candidates, rejects = read(settings, kind, path)
    assert len(candidates) + len(rejects) == len(lines) + 2
    assert pairs(candidates)[0] == pairs(candidates)[-1] == ("https://example.org/dog.jpg", "a dog")
    assert all(row["url"].startswith(("http://", "https://")) and row["alt"] for row in candidates)
    assert all(row["reason"] and "list.tsv line " in row["detail"] for row in rejects)


def test_the_pieces_a_file_is_read_in_change_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.tsv.gz", *(GOOD.format(n, n) if n % 7 else "no pair" for n in range(40)))
    whole = read(settings, "cc12m", path)
    for piece in (13, 900):
        monkeypatch.setattr(tsv, "PIECE_BYTES", piece)
        assert read(settings, "cc12m", path) == whole


def test_a_line_without_end_costs_one_reject_and_no_memory(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tsv, "PIECE_BYTES", 1000)
    monkeypatch.setattr(tsv, "MAX_LINE_BYTES", 500)
    path = written(tmp_path / "a.tsv", GOOD.format(1, 1), "x" * 20_000, GOOD.format(2, 2))
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    candidates, rejects = read(settings, "cc12m", path)
    assert [row["page_url"] for row in candidates] == ["cc12m:///a.tsv#line%201", "cc12m:///a.tsv#line%203"]
    assert [row["detail"] for row in rejects] == ["a.tsv line 2: no UTF-8, or more than 500 bytes"]


def test_shards_have_a_bounded_number_of_rows(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROWS_PER_SHARD", 10)
    monkeypatch.setattr(tsv, "PIECE_BYTES", 200)
    for name in ("a", "b"):
        written(tmp_path / f"{name}.tsv", *(GOOD.format(name, n) if n % 2 else "no pair" for n in range(50)))
    artifact = crawl(source("cc12m", tmp_path), settings).artifact
    counts = artifact.manifest().counts
    assert (counts.rows_in, counts.rows_out, counts.rejected) == (100, 50, {"malformed_row": 50})
    assert len(artifact.files("candidates")) > 2
    assert max(record.rows or 0 for record in artifact.manifest().outputs) < 20
    assert [row["alt"] for row in rows(artifact, "candidates")] == [f"picture number {n}" for n in range(1, 50, 2)] * 2
    assert len(rows(artifact, "rejects")) == 50
    assert artifact.damage() == []
    assert list((settings.local_work / "temporary").iterdir()) == []


@pytest.mark.parametrize("name", ["a.tsv.gz", "a.tsv.bz2"])
def test_a_damaged_file_is_one_sentence_and_leaves_nothing(settings: Settings, tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, *(GOOD.format(n, os.urandom(20).hex()) for n in range(100)))
    whole = path.read_bytes()
    for data in (whole[: len(whole) // 2], whole[:100] + b"xxxx" + whole[104:], b"no archive"):
        path.write_bytes(data)
        with pytest.raises(SourceError, match=rf"{name} is damaged or not complete \(.*\): get it again\.$"):
            crawl(source("cc12m", path), settings)
    assert list((settings.local_work / "temporary").iterdir()) == []


def test_a_list_counts_by_its_content_and_not_by_where_it_lies(settings: Settings, tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", GOOD.format(1, 1))
    before = crawl.artifact(source("cc12m", path), settings)
    (tmp_path / "moved").mkdir()
    moved = path.rename(tmp_path / "moved" / "a.tsv")
    assert crawl.artifact(source("cc12m", moved), settings) == before
    assert crawl.artifact(source("cc12m", moved.parent), settings) == before
    written(moved, GOOD.format(1, 2))
    assert crawl.artifact(source("cc12m", moved), settings) != before


def test_kinds_are_mixed_each_with_its_own_name_and_settings(settings: Settings, tmp_path: Path) -> None:
    one = written(tmp_path / "one.tsv", GOOD.format(1, 1))
    two = written(tmp_path / "two.tsv", "a dog\thttps://example.org/2.jpg")
    listed_ones = [{"kind": "cc12m", "path": str(one), "licence": "MIT"}, {"kind": "cc3m", "path": str(two)}]
    artifact = crawl(Config.model_validate([*listed_ones, listed_ones[0]]), settings).artifact
    found = [(row["source"], row["licence"]) for row in rows(artifact, "candidates")]
    assert found == [("cc12m", "MIT"), ("cc3m", None), ("cc12m-2", "MIT")]


@pytest.mark.parametrize(
    ("path", "told"), [("nowhere.tsv", "nowhere.tsv does not exist"), ("", "holds no file ending in .tsv, .tsv.gz")]
)
def test_a_list_that_is_not_there_is_told_before_any_work(tmp_path: Path, path: str, told: str) -> None:
    with pytest.raises(SourceError, match=rf"{told}.*: check source\.sources"):
        source("cc3m", tmp_path / path).require()


def test_a_path_of_another_storage_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"sources.0.cc3m.path: 'hdfs://x/a.tsv' is neither a local path nor an s3"):
        assigned(PipelineConfig(), ['source=[{"kind": "cc3m", "path": "hdfs://u:secret@x/a.tsv"}]'])


def test_an_empty_list_is_an_error(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.tsv holds no image: check source\.sources"):
        crawl(source("cc3m", written(tmp_path / "a.tsv")), settings)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_list(tmp_path: Path) -> None:
    """Rows by the 100,000 and four times as many, each in a process of its own."""
    program = """
import resource, sys
from tasks.crawl.config import Config
from tasks.crawl.stage import crawl
from tasks.settings import Settings
folder, rows = sys.argv[1], int(sys.argv[2])
with open(f"{folder}/{rows}.tsv", "w") as file:
    file.writelines(f"a picture of the thing number {n}\\thttps://example.org/{n}.jpg\\n" for n in range(rows))
config = Config.model_validate([{"kind": "cc3m", "path": f"{folder}/{rows}.tsv"}])
settings = Settings(root=f"{folder}/runs", work_dir=f"{folder}/work", dask_workers=0)
assert crawl(config, settings).artifact.manifest().counts.rows_out == rows
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    used = []
    for rows_in in ("300000", "1200000"):
        command = [sys.executable, "-c", program, str(tmp_path), rows_in]
        used.append(int(subprocess.run(command, capture_output=True, check=True).stdout))
    assert used[1] < used[0] + 60 * 1024  # KiB
