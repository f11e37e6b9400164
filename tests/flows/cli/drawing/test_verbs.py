"""`dalle generate` as a person calls it: what is printed, exit codes, and bad input in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from flows.cli.app import app
from tasks.generate import FolderModels

Generate = Callable[..., Result]


@pytest.fixture
def generate(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generate:
    """`dalle generate` with tiny models, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, ["generate", "--n", "3", "--model", str(exported), *words])


def test_paths_and_scores_go_to_stdout_and_the_first_picture_to_stderr(generate: Generate) -> None:
    result = generate("a frog", "--top", "2")
    *best, sheet = result.stdout.splitlines()
    assert [line.split()[1] for line in best] == ["score", "score"]
    assert all(Path(line.split()[0]).is_file() for line in best)
    assert Path(sheet.removeprefix("On one sheet: ")).is_file()
    [first] = [line for line in result.stderr.splitlines() if line.startswith("First picture: ")]
    assert Path(first.removeprefix("First picture: ")).is_file()


def test_a_csv_of_prompts_keeps_its_columns_in_the_record(generate: Generate) -> None:
    Path("p.csv").write_text("id,prompt\n7,a cat\n8,a frog\n")
    index = json.loads(generate("--prompts", "p.csv", "--json").stdout)
    assert [(each["prompt"], each["columns"]) for each in index["prompts"]] == [
        ("a cat", {"id": "7"}),
        ("a frog", {"id": "8"}),
    ]
    assert Path(index["sheets"][0]).is_file()


def test_a_prompt_may_hold_anything_a_file_name_may_not(generate: Generate) -> None:
    for prompt in ("../../etc/passwd", "a/b\\c:*?<>|", "x" * 1000, "\u202egnp.exe", "--n", "a\n\0b", "CON"):
        result = generate("--json", "--", prompt)
        assert result.exit_code == 0, result.stderr
        path = Path(json.loads(result.stdout)["sheet"])
        assert path.parent.parent == Path("generated")
        assert path.is_file()


def test_the_kept_part_of_a_picture_is_in_all_candidates(generate: Generate) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)).save("cat.png")
    record = json.loads(generate("a frog", "--image", "cat.png", "--keep-rows", "0.5", "--json").stdout)
    assert record["image"] == {"keep_rows": 0.5, "keep_columns": 0.0}
    codes = np.load(Path(record["sheet"]).with_name("codes.npy")).reshape(3, 4, 4)
    assert (codes[:, :2] == codes[0, :2]).all()
    assert not (codes[:, 2:] == codes[0, 2:]).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "There is no prompt"),
        (["a", " "], "Prompt 2 is empty"),
        (["--prompts", "nothing.txt"], "Cannot read nothing.txt"),
        (["a frog", "--image", "nothing.png"], "Cannot read nothing.png"),
        (["a frog", "--image", "letter.txt"], "letter.txt is no picture"),
        (["a frog", "--keep-rows", "0.5"], "no picture to keep a part of"),
        (["a frog", "--image", "cat.png", "--keep-rows", "1"], "nothing would be drawn anew"),
        (["a frog", "--image", "cat.png", "--keep-rows", "0.99"], "nothing is left to draw"),
        (["a frog", "--top-p", "0"], "top_p: Input should be greater than 0"),
        (["a frog", "--temperature", "inf"], "temperature: Input should be a finite number"),
        (["a frog", "--n", "0"], "'--n': Input should be greater than or equal to 1"),
        (["a frog", "--n", "1000000"], "'--n': Input should be less than or equal to 4096"),
        (["a frog", "--out", "letter.txt"], "--out"),
    ],
)
def test_bad_input_is_told_in_one_line_and_nothing_is_drawn(generate: Generate, words: list[str], said: str) -> None:
    Path("letter.txt").write_text("a letter")
    Image.new("RGB", (20, 20)).save("cat.png")
    result = generate(*words)
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert said in last
    assert result.exit_code in (1, 2)
    assert not list(Path().rglob("0000.png"))


def test_a_prompt_beyond_the_text_is_drawn_and_its_unread_end_is_told(generate: Generate) -> None:
    assert "did not read its end" in generate("a red apple on a green table beside a blue lamp").stdout


def test_ctrl_c_keeps_what_is_drawn(generate: Generate, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: FolderModels) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FolderModels, "ranker", interrupted)
    result = generate("a frog")
    assert result.stderr.splitlines()[-1] == "Stopped. The candidates that are drawn are kept."
    assert result.exit_code == 130
    assert len(list(Path().rglob("candidates/*.png"))) == 3


def test_letters_that_training_did_not_have_are_told(generate: Generate) -> None:
    assert generate("赤 é").stdout.splitlines()[0].endswith("hardly seen: 赤 é")
