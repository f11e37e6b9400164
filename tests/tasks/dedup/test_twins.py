"""What dedup writes of the pair that it kept is read by whoever asks for it."""

import pytest

from tasks.dedup.twins import kept_instead, same_as


def test_the_pair_that_was_kept_is_read_as_it_was_written():
    assert kept_instead(same_as(0x1F)) == "000000000000001f"
    assert kept_instead(same_as(0x1F) + ", cosine 0.9712") == "000000000000001f"


@pytest.mark.parametrize("detail", [None, "", "more than 3 of one image", "same as 1f", "not the same as " + 16 * "0"])
def test_no_other_detail_names_a_pair(detail):
    assert kept_instead(detail) is None
