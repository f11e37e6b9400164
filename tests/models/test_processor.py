"""What the processor can do, and how many threads torch may use."""

import pytest
import torch

from models.processor import one_thread


def test_one_thread_is_one_and_the_number_before_comes_back_even_after_an_error() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        with pytest.raises(KeyError), one_thread():
            raise KeyError
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
