"""The tokenizer: deterministic, lossless but for case, and with dropout that can be repeated."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.text.bpe import BPE, PAD, load_bpe, train_bpe
from models.text.config import BPEModelConfig
from models.text.dropout import Merges

CORPUS = [
    "A red apple on a red table",
    "a green apple",
    "The tables are green",
    "red, green & blue apples",
    "ŽLUŤOUČKÝ kůň",
] * 3
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bpe() -> BPE:
    return train_bpe(CORPUS, BPEModelConfig(vocab_size=300, text_length=12))


def test_captions_become_rows_of_ids_and_padding(bpe: BPE) -> None:
    ids = bpe.encode(["red apple", ""])
    assert ids.shape == (2, 12)
    assert ids.dtype == torch.int64
    assert ids[1].tolist() == [PAD] * 12
    used = ids[0][ids[0] != PAD]
    assert 0 < len(used) < 12
    assert int(used.max()) < bpe.vocab_size


def test_case_does_not_matter(bpe: BPE) -> None:
    assert torch.equal(bpe.encode(["RED Apple"]), bpe.encode(["red apple"]))


def test_captions_that_are_too_long_are_cut(bpe: BPE) -> None:
    assert (bpe.encode(["xyzzy " * 40]) != PAD).all()


def test_captions_that_are_cut_are_counted(bpe: BPE) -> None:
    whole = " ".join(["red"] * 12)  # a token each
    assert int((bpe.encode([whole])[0] != PAD).sum()) == 12
    assert bpe.count_cut([whole, f"{whole} red", "xyzzy " * 40, ""]) == 2


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_as_it_was_normalised(bpe: BPE, text: str) -> None:
    """Whatever UTF-8 can hold, unassigned and private letters and controls too; spaces at the ends are no content."""
    normal = bpe._tokenizer.normalizer.normalize_str(text)
    ids = bpe._tokenizer.encode(text, add_special_tokens=False)
    every = [ids.ids, *(part.ids for part in ids.overflowing)]
    assert bpe.decode(torch.tensor([i for part in every for i in part], dtype=torch.int64)) == normal.strip()


def test_a_tenth_of_the_merges_is_dropped_as_in_the_paper() -> None:
    """Of one pair to merge in each word, the share that stays apart is the rate itself (B.2)."""
    one_merge = json.dumps({"model": {"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}})
    words, random = ["ab"] * 20_000, np.random.default_rng(0)
    for rate in (0.1, 0.5):
        ids = Merges(one_merge).split(words, rate, random)
        dropped = ids.count(0)
        assert ids.count(0) == ids.count(1) == len(words) - ids.count(2)
        assert dropped / len(words) == pytest.approx(rate, abs=0.01)


def test_every_caption_of_a_batch_is_dropped_on_its_own_and_anew_each_time(bpe: BPE) -> None:
    """A tokenizer that keeps the split of a word it has seen would give the same split to every copy."""
    randoms = [np.random.default_rng(copy) for copy in range(30)]
    rows = [bpe.encode_with_dropout(["red apple"] * 30, 0.1, randoms) for _ in range(20)]
    splits = {tuple(row.tolist()) for batch in rows for row in batch}
    plain = bpe.encode(["red apple"])[0]
    share = float(torch.stack([(batch != plain).any(1).float().mean() for batch in rows]).mean())
    assert len(splits) > 10
    assert 0.2 < share < 0.9


# Without letters newer than this Python's Unicode tables: only the tokenizers library knows their lower case.
ASSIGNED = st.characters(exclude_categories=["Cs", "Cn"])


@given(text=st.text(ASSIGNED, max_size=8).map(str.lower))
def test_decoding_gives_any_text_in_lower_case(text: str) -> None:
    import unicodedata

    bpe = train_bpe(CORPUS, BPEModelConfig(vocab_size=256, text_length=64))
    normal = unicodedata.normalize("NFC", text).lower().strip()
    assert bpe.decode(bpe.encode([text])[0]) == normal


def test_a_tokenizer_is_the_same_after_saving_and_loading(bpe: BPE, tmp_path: Path) -> None:
    bpe.save(tmp_path / "tokenizer.json")
    again = load_bpe(tmp_path / "tokenizer.json")
    assert (again.vocab_size, again.text_length) == (300, 12)
    assert torch.equal(again.encode(CORPUS), bpe.encode(CORPUS))


def test_training_in_another_process_gives_the_same_bytes(bpe: BPE, tmp_path: Path) -> None:
    bpe.save(tmp_path / "here.json")
    script = (
        "import sys; from models.text.bpe import train_bpe; from models.text.config import BPEModelConfig; "
        f"train_bpe({CORPUS!r}, BPEModelConfig(vocab_size=300, text_length=12)).save(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "there.json")], cwd=ROOT, check=True)
    assert (tmp_path / "here.json").read_bytes() == (tmp_path / "there.json").read_bytes()


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no tokenizer at"):
        load_bpe(tmp_path / "gone.json")


def test_dropping_no_merge_gives_the_plain_encoding(bpe: BPE) -> None:
    nearly_none = bpe.encode_with_dropout(CORPUS, 1e-12, _randoms(len(CORPUS), 0))
    assert torch.equal(nearly_none, bpe.encode(CORPUS))
    assert torch.equal(bpe.encode_with_dropout(CORPUS, 0.0, []), bpe.encode(CORPUS))


def test_dropping_merges_changes_the_ids_and_not_the_text(bpe: BPE) -> None:
    plain = bpe.encode(["red apple"])[0]
    dropped = bpe.encode_with_dropout(["red apple"] * 50, 0.3, _randoms(50, 0))
    assert {bpe.decode(row) for row in dropped} == {"red apple"}
    assert len({tuple(row.tolist()) for row in dropped}) > 5
    assert float((dropped != PAD).sum(1).float().mean()) > int((plain != PAD).sum())


def test_dropout_depends_on_the_generator_of_the_caption_alone(bpe: BPE) -> None:
    count = len(CORPUS)
    first, again = (bpe.encode_with_dropout(CORPUS, 0.3, _randoms(count, 5)) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(first[1:], bpe.encode_with_dropout(CORPUS[1:], 0.3, _randoms(count, 5)[1:]))
    assert not torch.equal(first, bpe.encode_with_dropout(CORPUS, 0.3, _randoms(count, 6)))


def _randoms(count: int, seed: int) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, i]) for i in range(count)]


def test_the_end_of_a_caption_that_is_not_read_is_known(tmp_path: Path) -> None:
    train_bpe(CORPUS, BPEModelConfig(vocab_size=300, text_length=3)).save(tmp_path / "tokenizer.json")
    bpe = load_bpe(tmp_path / "tokenizer.json")
    caption = "A red apple on a red Table"
    unread = bpe.unread(caption)
    assert unread
    assert caption.endswith(unread)
    read = caption.removesuffix(unread)
    assert torch.equal(bpe.encode([read]), bpe.encode([caption]))
    assert bpe.unread("a") == ""


def test_letters_that_training_did_not_have_are_told_each_once() -> None:
    bpe = train_bpe(["a café", "the café", "naïve"] * 4, BPEModelConfig(vocab_size=300, text_length=24))
    assert bpe.unknown("A CAFÉ, naïve") == ""
    assert bpe.unknown("a café 赤い赤 🍎") == "赤い🍎"
    assert bpe.unknown("plain ~ ASCII") == ""
