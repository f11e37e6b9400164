"""TorchScript files of an Inception network, in both ways in which they are asked."""

import numpy as np
import pytest
import torch
from support.feature_networks import Both, FeaturesAlone, OnDemand, means_and_spreads, write_network

from models.features.files import is_torchscript
from models.features.inception import Inception
from models.training.errors import CheckpointError

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)


def expected_features() -> np.ndarray:
    return means_and_spreads(torch.from_numpy(IMAGES).permute(0, 3, 1, 2)).numpy()


@pytest.mark.parametrize("kind", [OnDemand, Both])
def test_pictures_are_given_as_grey_levels_and_features_come_back(kind, tmp_path):
    seen = Inception(write_network(tmp_path / "net.pt", kind())).see(IMAGES)
    assert seen.features == pytest.approx(expected_features(), abs=1e-6)
    assert seen.features.dtype == seen.probabilities.dtype == np.float32
    assert seen.probabilities.sum(1) == pytest.approx(np.ones(len(IMAGES)), abs=1e-5)


def test_probabilities_on_demand_are_those_without_the_bias_as_inception_score_takes_them(tmp_path):
    network = OnDemand()
    seen = Inception(write_network(tmp_path / "net.pt", network)).see(IMAGES)
    logits = torch.from_numpy(expected_features()) @ network.output.weight.T
    assert seen.probabilities == pytest.approx(logits.softmax(1).detach().numpy(), abs=1e-6)


def test_the_name_tells_the_file(tmp_path):
    assert Inception(write_network(tmp_path / "inception-2015.pt", Both())).name == "Inception, inception-2015.pt"


def test_a_file_of_weights_alone_is_not_taken_for_a_network(tmp_path):
    torch.save(Both().state_dict(), tmp_path / "weights.pth")
    assert not is_torchscript(tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="no TorchScript"):
        Inception(tmp_path / "weights.pth")


def test_a_file_that_gives_features_alone_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="neither features on demand"):
        Inception(write_network(tmp_path / "net.pt", FeaturesAlone())).see(IMAGES)


def test_a_file_that_gives_logits_where_probabilities_are_expected_is_refused(tmp_path):
    class Logits(OnDemand):
        def forward(self, img: torch.Tensor, return_features: bool = False) -> torch.Tensor:
            features = means_and_spreads(img)
            return features if return_features else self.output(features)

    with pytest.raises(CheckpointError, match="sum to one"):
        Inception(write_network(tmp_path / "net.pt", Logits())).see(IMAGES)
