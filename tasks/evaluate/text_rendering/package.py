"""The package of the OCR: optional, found without importing it, and identified by its version."""

from importlib.metadata import PackageNotFoundError, version

from tasks.errors import ConfigError

PACKAGES = ("rapidocr", "onnxruntime")


def ocr_name() -> str:
    """The OCR with its version. The models are part of the package, so the version names them too.

    Raises:
        ConfigError: a package is not installed.
    """
    return f"{PACKAGES[0]} {_version(PACKAGES[0])}"


def ocr_identity() -> str:
    """The versions of all that decides what is read.

    Raises:
        ConfigError: a package is not installed.
    """
    return " ".join(f"{name}=={_version(name)}" for name in PACKAGES)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError as error:
        raise ConfigError(
            f"evaluate.ocr needs the package {package}: install it as the README says, or leave evaluate.ocr out."
        ) from error
