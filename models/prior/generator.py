"""The paper's generator: the prior draws codes for a caption, the image tokenizer decodes them (section 2.6)."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.files import BPE_FILE, TOKENIZER_FOLDER
from models.folder import check_folder
from models.generator import Candidates, Generator, ImagePrompt, Sampling
from models.inspection import PositionLosses, TextAttention
from models.prior import inspection
from models.prior.decoding import InferencePrior
from models.prior.model import Prior, load_prior
from models.prior.sampling import check_vocabulary, draw_code_batches
from models.processor import computes_bf16
from models.text.bpe import BPE, PAD, load_bpe
from models.tokenizer import ImageTokenizer, decode_codes, encode_images, load_tokenizer
from models.training.errors import CheckpointError
from models.training.images import resize


class PriorGenerator(Generator):
    """A prior with the two tokenizers whose symbols it was trained on."""

    def __init__(self, prior: Prior, bpe: BPE, tokenizer: ImageTokenizer) -> None:
        """Check that the three fit together.

        Raises:
            ValueError: `bpe` is not of the prior's vocabulary and caption length.
            CheckpointError: `tokenizer` is not of the prior's image vocabulary and grid.
        """
        check_vocabulary(prior.config, bpe)
        own = (tokenizer.config.vocab_size, tokenizer.config.grid)
        wanted = (prior.config.image_vocab, prior.config.grid)
        if own != wanted:
            raise CheckpointError(f"an image tokenizer of (codes, grid) {own} does not fit a prior of {wanted}")
        self.prior = prior
        self._ready: dict[torch.dtype, InferencePrior] = {}
        self.bpe = bpe
        self.tokenizer = tokenizer

    def draw_batches(
        self,
        prompts: Sequence[str],
        n: int,
        seed: int = 0,
        sampling: Sampling | None = None,
        image: ImagePrompt | None = None,
        on_progress: Callable[[float], None] = lambda share: None,
        first: int = 0,
    ) -> Iterator[Candidates]:
        """See `Generator.draw_batches`."""
        chosen = sampling or Sampling()
        kept = None if image is None else self._kept_codes(image)
        prior = self._in_precision(torch.bfloat16 if chosen.precision == "bf16" and self._has_bf16() else torch.float32)
        for batch in draw_code_batches(prior, self.bpe, prompts, n, seed, chosen, kept, on_progress, first):
            yield Candidates(batch.prompt, batch.first, decode_codes(self.tokenizer, batch.codes), batch.codes)

    def unread(self, prompt: str) -> str:
        """See `Generator.unread`."""
        return self.bpe.unread(prompt)

    def unknown(self, prompt: str) -> str:
        """See `Generator.unknown`."""
        return self.bpe.unknown(prompt)

    def position_losses(self, captions: Sequence[str], codes: NDArray[np.uint16]) -> PositionLosses:
        """See `Generator.position_losses`."""
        text, image = inspection.position_losses(self.prior, *self._known(captions, codes))
        return PositionLosses(text.cpu().numpy(), image.cpu().numpy())

    def text_attention(self, caption: str, codes: NDArray[np.uint16]) -> TextAttention:
        """See `Generator.text_attention`."""
        ids, known = self._known([caption], codes[None])
        found = inspection.text_attention(self.prior, ids, known)
        own = ids[0][ids[0] != PAD].cpu()
        start = int(self.prior.config.start_of_text)
        return TextAttention(
            tokens=tuple(self.bpe.decode(own[i : i + 1]) for i in range(len(own))),
            on_tokens={kind: tuple(weights[0, start : start + len(own)].tolist()) for kind, weights in found.items()},
            on_image={kind: 1.0 - float(weights[0].sum()) for kind, weights in found.items()},
        )

    def _known(self, captions: Sequence[str], codes: NDArray[np.uint16]) -> tuple[Tensor, Tensor]:
        """Pairs as the prior reads them, on its device."""
        device = next(self.prior.parameters()).device
        return self.bpe.encode(captions).to(device), torch.from_numpy(codes.astype(np.int64)).to(device)

    def _in_precision(self, dtype: torch.dtype) -> InferencePrior:
        if dtype not in self._ready:
            self._ready[dtype] = InferencePrior(self.prior, dtype)
        return self._ready[dtype]

    def _has_bf16(self) -> bool:
        """Whether the device computes in bfloat16."""
        return next(self.prior.parameters()).device.type != "cpu" or computes_bf16()

    def _kept_codes(self, prompt: ImagePrompt) -> Tensor:
        """Codes of the picture in raster order, int64 [codes_per_image], -1 where they are drawn anew.

        Raises:
            ValueError: nothing would be drawn anew, or the picture is not square.
        """
        grid, image = self.tokenizer.config.grid, prompt.image
        if image.shape[0] != image.shape[1]:
            raise ValueError(f"a picture of {image.shape[1]}x{image.shape[0]} pixels as a prompt is not square")
        rows, columns = round(prompt.keep_rows * grid), round(prompt.keep_columns * grid)
        if not (0 <= rows < grid and 0 <= columns < grid):
            raise ValueError(
                f"of {grid} rows and columns of codes {rows} and {columns} are kept: nothing is left to draw"
            )
        pixels = resize(image, self.tokenizer.config.image_size)
        codes = encode_images(self.tokenizer, pixels[None])[0].astype(np.int64)
        kept = torch.from_numpy(codes).view(grid, grid)
        kept[rows:, columns:] = -1
        return kept.flatten()


def load(directory: Path, device: str = "cpu") -> PriorGenerator:
    """Read a prior's folder: its weights and config, tokenizer.json, and the image tokenizer's own folder.

    Raises:
        CheckpointError: the folder does not hold exactly such models, the image tokenizer does not fit the prior, or a
            file of an exported folder is missing or changed.
        ValueError: the text tokenizer does not fit the prior.
        FileNotFoundError: no tokenizer.json.
    """
    check_folder(directory)
    tokenizer = load_tokenizer(directory / TOKENIZER_FOLDER, device)
    return PriorGenerator(load_prior(directory, device), load_bpe(directory / BPE_FILE), tokenizer)
