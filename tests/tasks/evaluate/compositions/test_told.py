"""What several captions of one picture say together, and which captions are no such captions."""

from support.compositions import small_corpus

from tasks.compositions.scene import Scene
from tasks.evaluate.compositions.told import joined_scene, told


def test_the_captions_of_a_small_corpus_tell_its_things_and_scenes() -> None:
    corpus = small_corpus()
    known = told((each.name, caption) for each in corpus.compositions for caption in each.captions)
    assert set(known.things) == {*corpus.things, *corpus.unseen}
    assert known.scenes == {each.name: each.scene for each in corpus.compositions}


def test_a_short_caption_is_completed_by_another_of_the_same_picture() -> None:
    short = Scene(("cat", "dog"))
    whole = Scene(("dog", "cat"), "above", colour="blue")
    assert joined_scene([short, whole]) == Scene(("dog", "cat"), "above", colour="blue", pattern="plain")


def test_what_is_not_said_by_any_caption_is_not_made_up() -> None:
    assert joined_scene([Scene(("cat",))]) is None
    assert joined_scene([Scene(("cat", "dog"), colour="blue")]) is None
    assert joined_scene([]) is None


def test_captions_that_contradict_each_other_tell_nothing() -> None:
    assert joined_scene([Scene(("cat",), colour="blue"), Scene(("cat",), colour="red")]) is None
    assert joined_scene([Scene(("cat",), colour="blue"), Scene(("dog",), colour="blue")]) is None


def test_other_captions_are_skipped() -> None:
    captions = ["a cat on a blue background", "thumbs up: medium skin tone", "IMG_2041.jpg"]
    known = told([(str(number), caption) for number, caption in enumerate(captions * 3)])
    assert known.things == ("cat",)
    assert set(known.scenes) == {"0", "3", "6"}
