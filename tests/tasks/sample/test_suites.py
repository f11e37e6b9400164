"""Suites: prompts from files in the forms in which they are published; what is malformed is told with its place."""

import json
from pathlib import Path

import pytest

from tasks.errors import SourceError
from tasks.sample.config import Config
from tasks.sample.suites.coco import COCOSuite
from tasks.sample.suites.cub import CUBSuite
from tasks.sample.suites.drawbench import DrawBenchSuite
from tasks.sample.suites.geneval import GenEvalSuite
from tasks.sample.suites.own import OwnSuite
from tasks.sample.suites.partiprompts import PartiPromptsSuite
from tasks.sample.suites.suite import SuiteConfig, SuitePrompt

GENEVAL = {"tag": "counting", "include": [{"class": "fork", "count": 2}], "prompt": "a photo of two forks"}


def written(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def coco(folder: Path, annotations: list) -> COCOSuite:
    return COCOSuite(path=written(folder, "captions_val.json", json.dumps({"images": [], "annotations": annotations})))


def captions(images: int) -> list[dict]:
    """Three captions of each image."""
    return [
        {"id": 3 * i + k, "image_id": i, "caption": f"caption {k} of {i} \n"} for i in range(images) for k in range(3)
    ]


def texts(suite: SuiteConfig) -> list[str]:
    return [prompt.text for prompt in suite.prompts()]


def test_drawbench_has_its_categories_in_a_table_between_commas_or_tabs(tmp_path: Path) -> None:
    comma = written(tmp_path, "a.csv", 'Prompts,Category\n"a ""red"" car, fast",Colors\na cat,Counting\n')
    tab = written(tmp_path, "a.tsv", 'Prompts\tCategory\na "red" car, fast\tColors\na cat\tCounting\n')
    wanted = {SuitePrompt('a "red" car, fast', "Colors"), SuitePrompt("a cat", "Counting")}
    assert set(DrawBenchSuite(path=comma).prompts()) == set(DrawBenchSuite(path=tab).prompts()) == wanted


def test_partiprompts_have_category_and_challenge_and_quotation_marks_as_they_are(tmp_path: Path) -> None:
    table = (
        'Prompt\tCategory\tChallenge\tNote\n"G I" in paint.\tArts\tWriting & Symbols\t\nbond\tAbstract\tBasic\ttwo\n'
    )
    found = PartiPromptsSuite(path=written(tmp_path, "PartiPrompts.tsv", table)).prompts()
    assert set(found) == {
        SuitePrompt('"G I" in paint.', "Arts", "Writing & Symbols"),
        SuitePrompt("bond", "Abstract", "Basic"),
    }


def test_the_category_of_geneval_is_the_tag(tmp_path: Path) -> None:
    more = GENEVAL | {
        "prompt": "a photo of a bench",
        "tag": "single_object",
        "exclude": [{"class": "fork", "count": 3}],
    }
    path = written(tmp_path, "e.jsonl", f"{json.dumps(GENEVAL)}\n{json.dumps(more)}\n")
    assert set(GenEvalSuite(path=path).prompts()) == {
        SuitePrompt("a photo of two forks", "counting"),
        SuitePrompt("a photo of a bench", "single_object"),
    }


def test_own_prompts_are_lines_or_a_column(tmp_path: Path) -> None:
    lines = OwnSuite(path=written(tmp_path, "a.txt", "a cat\n\n  a dog \r\n"))
    table = OwnSuite(path=written(tmp_path, "a.csv", "Category,prompt,note\nanimals,a cat,x\n,a dog,\n"))
    assert set(texts(lines)) == {"a cat", "a dog"}
    assert set(table.prompts()) == {SuitePrompt("a cat", "animals"), SuitePrompt("a dog")}


def test_coco_gives_one_caption_of_each_image_whatever_the_order_of_the_file(tmp_path: Path) -> None:
    found = texts(coco(tmp_path, captions(200)))
    assert len({text.split()[-1] for text in found}) == len(found) == 200
    assert {text.split()[1] for text in found} == {"0", "1", "2"}
    assert found == texts(coco(tmp_path, captions(200)[::-1]))


def test_fewer_prompts_are_the_first_of_more_and_another_seed_gives_others(tmp_path: Path) -> None:
    suite = coco(tmp_path, captions(100))
    few = suite.model_copy(update={"count": 10})
    assert texts(few) == texts(suite)[:10]
    assert suite.count == 30_000
    assert texts(few.model_copy(update={"seed": 1})) != texts(few)


def test_a_text_that_stands_twice_is_drawn_once(tmp_path: Path) -> None:
    same = [{"id": i, "image_id": i, "caption": "a man on a wave"} for i in range(3)]
    assert texts(coco(tmp_path, same)) == ["a man on a wave"]


def test_cub_takes_all_captions_of_the_classes_that_are_named(tmp_path: Path) -> None:
    for bird, image in (
        ("001.Black_footed_Albatross", "a"),
        ("002.Laysan_Albatross", "b"),
        ("002.Laysan_Albatross", "c"),
    ):
        written(tmp_path, f"text/{bird}/{image}.txt", f"this bird is {image}\nit has a beak, {image}\n")
    written(tmp_path, "text/README.txt", "not a caption\n")
    everything = CUBSuite(path=str(tmp_path / "text"))
    assert len(everything.prompts()) == 6
    assert {prompt.category for prompt in everything.prompts()} == {"Black footed Albatross", "Laysan Albatross"}
    named = written(tmp_path, "testclasses.txt", "002.Laysan_Albatross\n")
    assert {prompt.category for prompt in CUBSuite(path=everything.path, classes=named).prompts()} == {
        "Laysan Albatross"
    }
    wrong = written(tmp_path, "other.txt", "003.Sooty_Albatross\n")
    with pytest.raises(SourceError, match=r"no folder of the class 003\.Sooty_Albatross"):
        CUBSuite(path=everything.path, classes=wrong).prompts()


@pytest.mark.parametrize(
    ("kind", "name", "content", "said"),
    [
        (
            DrawBenchSuite,
            "a.csv",
            "Prompts,Category\na cat,\n",
            r"Line 2 of .*a\.csv has nothing in the column 'Category'",
        ),
        (
            DrawBenchSuite,
            "a.csv",
            "Prompts,Category\na red, cat,Colors\n",
            r"Line 2 of .* more cells than the first line",
        ),
        (DrawBenchSuite, "a.csv", "words\na cat\n", "has no column 'prompts': its first line names words"),
        (DrawBenchSuite, "a.txt", "a cat\n", r"is no table: name a file that ends in \.csv or \.tsv"),
        (
            PartiPromptsSuite,
            "a.tsv",
            "Prompt\tCategory\tChallenge\tNote\na cat\tAnimals\n",
            "nothing in .* 'Challenge'",
        ),
        (GenEvalSuite, "a.jsonl", '{"tag": "x"}\n', r"Line 1 of .* is no JSON with a tag, a prompt and objects"),
        (GenEvalSuite, "a.jsonl", json.dumps(GENEVAL | {"include": ["fork"]}), "objects to include"),
        (GenEvalSuite, "a.jsonl", "[1]\n", "is no JSON with a tag"),
        (COCOSuite, "a.json", "{}", "is no JSON of COCO's captions, with a list of annotations"),
        (COCOSuite, "a.json", '{"annotations": [3]}', "Annotation 1 of .* has no image_id with a caption"),
        (COCOSuite, "a.json", '{"annotations": [{"image_id": 1, "caption": " "}]}', "Annotation 1 of .* is empty"),
        (COCOSuite, "a.json", '{"annotations": [{"image_id": 1, "caption": "\\ud800"}]}', "is no valid UTF-8"),
        (OwnSuite, "a.txt", "\n \n", "holds no prompt"),
        (OwnSuite, "a.txt", b"\x00\x01\x02\xff\xfe\x00\x00", "is no text"),
        (OwnSuite, "a.csv", "prompt\n''\n\n,\n", "more cells|nothing in"),
        (CUBSuite, "a/b.txt", "", "There is no folder .*b.txt"),
    ],
)
def test_what_is_malformed_is_told_with_its_place(tmp_path: Path, kind, name: str, content, said: str) -> None:
    with pytest.raises(SourceError, match=said) as told:
        kind(path=written(tmp_path, name, content)).prompts()
    assert str(told.value).count(". ") == 0  # one sentence


def test_a_file_that_is_not_there_is_told_before_anything_runs(tmp_path: Path) -> None:
    config = Config(suites=[{"kind": "own", "path": str(tmp_path / "nothing.txt")}])
    with pytest.raises(SourceError, match=r"Cannot read .*nothing\.txt"):
        config.require()
    with pytest.raises(SourceError, match=r"Cannot read .*nothing\.txt"):
        config.outside_state()


def test_the_content_of_a_suite_counts_and_not_where_it_lies(tmp_path: Path) -> None:
    def state(folder: str, content: str, **more) -> tuple:
        config = Config(suites=[{"kind": "own", "path": written(tmp_path / folder, "a.txt", content), **more}])
        return json.dumps(config.fingerprinted()), config.outside_state()

    here = state("here", "a cat\n")
    assert state("there", "a cat\n") == here
    assert state("there", "a dog\n") != here
    assert state("here", "a cat\n", seed=1) != here


@pytest.mark.parametrize(
    ("suites", "said"),
    [
        ([{"kind": "own", "path": "a.txt"}, {"kind": "own", "path": "b.txt"}], "two suites are called own"),
        ([{"kind": "own", "path": "a.txt", "name": "train"}], "'train' is what other prompts are called"),
        ([{"kind": "own", "path": " "}], "is empty"),
        ([{"kind": "own", "path": "https://example.org/a.txt"}], "is an address"),
        ([{"kind": "other", "path": "a.txt"}], "coco"),
    ],
)
def test_suites_that_cannot_be_meant_are_refused(suites: list, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Config(suites=suites)
