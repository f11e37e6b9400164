"""Prompts come from arguments, lines of a text file, or a column of a CSV; what is wrong is told with its place."""

from pathlib import Path

import pytest

from flows.cli.drawing.prompts import PromptRow, prompt_rows
from tasks.errors import ConfigError, PipelineError


def from_file(path: Path, content: str | bytes) -> list[PromptRow]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return prompt_rows([], path)


def test_arguments_come_before_the_lines_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("a cat\r\n\n  a dog \n")
    rows = prompt_rows(["a frog"], tmp_path / "p.txt")
    assert [row.prompt for row in rows] == ["a frog", "a cat", "a dog"]


def test_a_csv_keeps_the_other_columns_wherever_the_prompt_stands(tmp_path: Path) -> None:
    content = '\ufeffid,prompt,note\n7,"a cat, red",x\n8,a dog,\n'
    rows = from_file(tmp_path / "p.csv", content)
    assert rows == [
        PromptRow("a cat, red", {"id": "7", "note": "x"}),
        PromptRow("a dog", {"id": "8", "note": ""}),
    ]


def test_a_file_in_another_encoding_is_read(tmp_path: Path) -> None:
    assert from_file(tmp_path / "p.txt", "ein café\n".encode("utf-16"))[0].prompt == "ein café"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.csv", "caption\na cat\n", "no column 'prompt': its first line names caption"),
        ("p.csv", "", "no column 'prompt': its first line names none"),
        ("p.csv", "prompt,id\na cat\n,2\n", "Line 3 of .* is empty"),
        ("p.csv", "prompt\na cat, red\n", "Line 2 of .* more cells than the first line"),
        ("p.csv", 'prompt\n"a cat\n', "is no CSV file"),
        ("p.txt", "\n\n", "holds no prompt"),
        ("p.txt", b"\x00\x01\x02\xff\xfe\x00\x00", "is no text"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    with pytest.raises(PipelineError, match=said):
        from_file(tmp_path / name, content)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"Cannot read .*nothing\.txt \(No such file or directory\)"):
        prompt_rows([], tmp_path / "nothing.txt")
    with pytest.raises(PipelineError, match="Is a directory"):
        prompt_rows([], tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "There is no prompt"), ([" "], "The prompt is empty"), (["a", ""], "Prompt 2 is empty")],
)
def test_no_prompt_is_told(arguments: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        prompt_rows(arguments, None)


def test_too_many_prompts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="more than 10,000"):
        from_file(tmp_path / "p.txt", "a cat\n" * 10_001)
