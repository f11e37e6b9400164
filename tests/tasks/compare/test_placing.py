"""Which picture of a folder is whose, in the layouts that people have, and what is refused."""

from pathlib import Path

import pytest
from support.folders import pictures_in
from support.tars import samples, tar
from support.web import picture

from tasks.compare.placing import Placed, place_pictures
from tasks.compare.tars import read_picture
from tasks.crawl.sources.folder_files import FolderFiles

PROMPTS = [
    {"prompt_id": 0, "prompt": "a red apple", "group": "fixed", "pair_id": None},
    {"prompt_id": 1, "prompt": "Two cats, one dog!", "group": "val", "pair_id": "b"},
    {"prompt_id": 12, "prompt": "a frog", "group": "train", "pair_id": "c"},
    {"prompt_id": 13, "prompt": "a frog", "group": "train", "pair_id": "d"},
]


def placed(folder: Path, most: int = 8) -> Placed:
    return place_pictures(FolderFiles.of(str(folder)), PROMPTS, most)


def reasons(found: Placed) -> list[tuple[str, str]]:
    return sorted((each.file, each.reason) for each in found.refused)


@pytest.mark.parametrize(
    "names",
    [
        ("a-red-car/0.png", "a-red-apple/0.png", "a-red-apple/1.png"),
        ("a red car-0.png", "a red apple-0.png", "a red apple-1.png"),
        ("A_red_apple_0.png", "A_red_apple_1.png", "car.png"),
        ("00-0.png", "00-1.png", "77-0.png"),
        ("0/s9.png", "0/s10.png", "77/s0.png"),
        ("deep/in/it/0_s0.jpg", "deep/in/it/0_s1.jpg", "deep/in/it/77_s1.jpg"),
        ("00.png", "other/0.png", "77.png"),
    ],
)
def test_names_of_folders_or_files_tell_the_prompt_and_the_order(tmp_path: Path, names: tuple[str, ...]) -> None:
    found = placed(pictures_in(tmp_path, *names))
    mine = [name for name in names if not any(part in name for part in ("car", "77", "other"))]
    assert found.files == {0: mine}
    assert {reason for _, reason in reasons(found)} == {"other_prompt"}


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("prompts.csv", 'file,prompt\nx.png,a red apple\nsub/y.png,"Two cats, one  dog!"\n'),
        ("prompts.tsv", "prompt\tfile_name\na red apple\tx.png\nTwo cats, one dog!\tsub/y.png\n"),
        (
            "prompts.jsonl",
            '{"file": "x.png", "prompt": "a red apple"}\n{"file": "sub/y.png", "prompt": "Two cats, one dog!"}\n',
        ),
        ("captions.csv", 'file,caption\nx.png,a red apple\nsub/y.png,"Two cats, one dog!"\n'),
    ],
)
def test_a_table_names_files_and_prompts(tmp_path: Path, table: str, text: str) -> None:
    (pictures_in(tmp_path, "x.png", "sub/y.png") / table).write_text(text)
    found = placed(tmp_path)
    assert found.files == {0: ["x.png"], 1: ["sub/y.png"]}
    assert found.refused == []


def test_prompts_of_one_text_share_their_pictures(tmp_path: Path) -> None:
    assert placed(pictures_in(tmp_path, "a-frog-0.png")).files == {2: ["a-frog-0.png"], 3: ["a-frog-0.png"]}


def test_what_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    secret = pictures_in(tmp_path, "secret.png") / "secret.png"
    folder = pictures_in(tmp_path / "theirs", "x.png")
    (folder / "a-frog-0.png").symlink_to(secret)
    (folder / "prompts.csv").write_text(
        f"file,prompt\n../secret.png,a red apple\n{secret},a red apple\nx.png,a red apple\n..\\secret.png,a red apple\n"
    )
    found = placed(folder)
    assert found.files == {0: ["x.png"]}
    assert [reason for _, reason in reasons(found)].count("outside_folder") == 3
    assert {reason for _, reason in reasons(found)} == {"outside_folder", "no_picture"}


def test_rows_without_a_picture_repeated_ones_and_further_ones_are_refused(tmp_path: Path) -> None:
    folder = pictures_in(tmp_path, "x.png", "y.png", "z.png", "old.heic")
    files = ("x.png", "x.png", "gone.png", "y.png", "z.png")
    (folder / "prompts.csv").write_text("file,prompt\n" + "".join(f"{file},a red apple\n" for file in files))
    found = placed(folder, most=2)
    assert found.files == {0: ["x.png", "y.png"]}
    assert reasons(found) == [
        ("gone.png", "no_picture"),
        ("old.heic", "unsupported_format"),
        ("x.png", "duplicate"),
        ("z.png", "more_pictures"),
    ]


def test_in_a_tar_the_text_beside_a_picture_is_its_prompt(tmp_path: Path) -> None:
    tar(
        tmp_path / "a.tar", *samples("a red apple", "a frog", "a red apple", "a cow"), ("9.txt", "a picture is missing")
    )
    found = placed(tmp_path)
    assert {place: len(files) for place, files in found.files.items()} == {0: 2, 2: 1, 3: 1}
    assert [reason for _, reason in reasons(found)] == ["no_image", "other_prompt"]
    [first, second] = [read_picture(tmp_path, file) for file in found.files[0]]
    assert first == picture(0, (64, 64), "JPEG")
    assert second == picture(2, (64, 64), "JPEG")
