"""A run's figures and pictures for TensorBoard: `tensorboard --logdir FOLDER`."""

from pathlib import Path

from torch import Tensor


class Board:
    """Event files in a folder; figures that an earlier attempt wrote at `resumed_step` or later are hidden."""

    def __init__(self, folder: Path, resumed_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # takes a second to import, on the first rank alone

        self._writer = SummaryWriter(str(folder), purge_step=resumed_step)

    def write(self, step: int, values: dict[str, float], pictures: dict[str, Tensor] | None = None) -> None:
        """Figures by name, and pictures by name, uint8 [3, H, W] each, of one step."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        for name, picture in (pictures or {}).items():
            self._writer.add_image(name, picture, step)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
