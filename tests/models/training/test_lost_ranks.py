"""What a rank says when it loses the others."""

import pytest
import torch.distributed as dist

from models.training.distributed import lost_ranks_named
from models.training.errors import LostRankError

GLOO = "[../third_party/gloo/gloo/transport/tcp/"
ADVICE = "This is typically caused by a remote worker hanging. GLHF!"


@pytest.fixture(autouse=True)
def _a_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "3", "DALLE_HOST": "node7", "DALLE_RANKS_TIMEOUT_S": "90"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(f"{GLOO}unbound_buffer.cc:78] Timed out waiting 90000ms for recv operation to complete"),
        dist.DistStoreError("wait timeout after 90000ms, keys: /default_pg/0//cpu//0/1"),
    ],
)
def test_a_rank_that_hears_nothing_names_itself_its_machine_and_the_time(error: RuntimeError) -> None:
    says = r"^rank 3 on node7 heard nothing from the others for 90 s: a machine"
    with pytest.raises(LostRankError, match=says), lost_ranks_named():
        raise error


def test_a_rank_whose_connection_ends_names_the_cause_without_the_place_in_the_source() -> None:
    error = RuntimeError(f"{GLOO}pair.cc:547] Connection closed by peer [10.0.0.2]:926. {ADVICE}")
    says = "rank 3 on node7 lost another one (Connection closed by peer [10.0.0.2]:926): run again to go on from"
    with pytest.raises(LostRankError) as caught, lost_ranks_named():
        raise error
    assert str(caught.value) == f"{says} the last checkpoint"


def test_other_errors_are_left_as_they_are() -> None:
    with pytest.raises(RuntimeError, match=r"^no such shape$") as caught, lost_ranks_named():
        raise RuntimeError("no such shape")
    assert type(caught.value) is RuntimeError
