"""The paper's generator: the prior draws codes for a caption, the image tokenizer decodes them (section 2.6)."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from models.files import BPE_FILE, TOKENIZER_FOLDER
from models.generator import Candidates, Generator, ImagePrompt, Sampling
from models.prior.model import Prior, load_prior
from models.prior.sampling import check_vocabulary, draw_codes
from models.text.bpe import BPE, load_bpe
from models.tokenizer import ImageTokenizer, decode_codes, load_tokenizer
from models.training.errors import CheckpointError


class PriorGenerator(Generator):
    """A prior with the two tokenizers whose symbols it was trained on."""

    def __init__(self, prior: Prior, bpe: BPE, tokenizer: ImageTokenizer) -> None:
        """Check that the three fit together.

        Raises:
            ValueError: `bpe` is not of the prior's vocabulary and caption length.
            CheckpointError: `tokenizer` is not of the prior's image vocabulary and grid.
        """
        check_vocabulary(prior, bpe)
        own = (tokenizer.config.vocab_size, tokenizer.config.grid)
        wanted = (prior.config.image_vocab, prior.config.grid)
        if own != wanted:
            raise CheckpointError(f"an image tokenizer of (codes, grid) {own} does not fit a prior of {wanted}")
        self.prior = prior
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
    ) -> Iterator[Candidates]:
        """See `Generator.draw_batches`."""
        s = sampling or Sampling()
        # One prompt at a time: memory is that of n candidates, however many prompts there are.
        for place, prompt in enumerate(prompts):
            codes = draw_codes(self.prior, self.bpe, [prompt], n, seed, s.temperature, s.top_k, s.top_p)[0]
            on_progress((place + 1) / len(prompts))
            yield Candidates(place, 0, decode_codes(self.tokenizer, codes), codes)

    def unread(self, prompt: str) -> str:
        """See `Generator.unread`."""
        return self.bpe.unread(prompt)


def load(directory: Path, device: str = "cpu") -> PriorGenerator:
    """Read a prior's folder: its weights and config, tokenizer.json, and the image tokenizer's own folder.

    Raises:
        CheckpointError: the folder does not hold exactly such models, or the image tokenizer does not fit the prior.
        ValueError: the text tokenizer does not fit the prior.
        FileNotFoundError: no tokenizer.json.
    """
    tokenizer = load_tokenizer(directory / TOKENIZER_FOLDER, device)
    return PriorGenerator(load_prior(directory, device), load_bpe(directory / BPE_FILE), tokenizer)
