"""What the processor can do, and how many threads torch may use."""

import pytest
import torch

from models.processor import torch_threads


def test_torch_computes_with_the_threads_it_is_given_and_with_those_before_afterwards_even_after_an_error() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with torch_threads(1):
            assert torch.get_num_threads() == 1
        with pytest.raises(KeyError), torch_threads(1):
            raise KeyError
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
