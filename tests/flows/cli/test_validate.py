"""`dalle validate` says in a line each what is wrong with a source, and keeps nothing."""

import json
from pathlib import Path

from support.folders import pictures_in
from support.lists import written
from support.tars import tar
from typer.testing import CliRunner, Result

from flows.cli.app import app


def validate(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["validate", *words, "--work-dir", str(folder / "work")])


def test_every_reason_has_a_line_with_its_number_and_an_example(tmp_path: Path) -> None:
    pictures = pictures_in(tmp_path / "pictures", "cat.png", "dog.png", "extra.png")
    for name in ("cat", "dog", "bird"):
        (pictures / f"{name}.txt").write_text(f"a {name} in the garden")
    result = validate(tmp_path, str(pictures))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{pictures}: 4 rows, 2 of them pairs",
        "         1 no_caption         such as folder:///extra.png",
        "         1 no_image           such as bird.txt line 1: no image has the name bird and one of the suffixes of"
        " images",
    ]


def test_lists_are_validated_file_by_file(tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    written(lists / "a.tsv", "a dog\thttps://example.org/dog.jpg", "one", "two")
    written(lists / "b.tsv", "https://example.org/dog.jpg\ta dog")
    result = validate(tmp_path, json.dumps([{"kind": "cc3m", "path": str(lists)}]))
    first, fault, second = result.stdout.splitlines()
    assert first == f"{lists}/a.tsv: 3 rows, 1 of them pairs"
    assert fault == "         2 malformed_row      such as a.tsv line 2: 1 cells, expected 2"
    assert second.startswith(f"No row of {lists}/b.tsv is a pair as in cc3m")
    assert result.exit_code == 1
    assert list((tmp_path / "work" / "temporary").iterdir()) == []


def test_what_is_wrong_with_tars_is_told_tar_by_tar(tmp_path: Path) -> None:
    tar(tmp_path / "0.tar", ("a.jpg", b"x"), ("a.txt", "a dog"), ("../b.jpg", b"x"), ("c.jpg", b"x"))
    (tmp_path / "1.tar").write_bytes((tmp_path / "0.tar").read_bytes()[:2500])
    result = validate(tmp_path, f"{tmp_path}/*.tar")
    assert result.exit_code == 0
    cut = "1.tar the archive: nothing is read behind byte 2048 (its end is missing)"
    assert result.stdout.splitlines() == [
        f"{tmp_path}/0.tar: 3 rows, 1 of them pairs",
        "         1 no_caption         such as 0.tar c: no txt, and no json with a caption",
        "         1 unsafe_member      such as 0.tar ../b.jpg: its name leads out of the archive",
        f"{tmp_path}/1.tar: 2 rows, 1 of them pairs",
        f"         1 damaged_record     such as {cut}",
    ]


def test_for_scripts_there_is_json_and_a_source_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    pictures = pictures_in(tmp_path / "pictures", "cat.png")
    (pictures / "cat.txt").write_text("a cat")
    [found] = json.loads(validate(tmp_path, str(pictures), "--json").stdout)
    assert (found["pairs"], found["faults"], found["error"]) == (1, [], None)
    missing = validate(tmp_path, str(tmp_path / "nowhere"))
    assert missing.exit_code == 2
    assert missing.stderr.splitlines() == [
        f"Error: The source folder {tmp_path}/nowhere does not exist: check source.sources."
    ]
