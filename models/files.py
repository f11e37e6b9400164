"""Names of files in a model's folder and in a trainer's, and the digest of a file.

Imports no torch: stages that start trainers use them too.
"""

import hashlib
from pathlib import Path

WEIGHTS = "weights.safetensors"
CONFIG = "config.json"
MODEL_FILES = (WEIGHTS, CONFIG)
SOURCE = "source.json"  # in an imported model's folder: names and digests of the files it was made from
BPE_FILE = "tokenizer.json"  # beside the weights of a model that reads captions
PREPROCESSOR = "preprocessor_config.json"  # beside the weights of a published CLIP: what it wants of its images
TOKENIZER_FOLDER = "image_tokenizer"  # in a prior's folder: the model whose codes it draws
RANKER_FOLDER = "ranker"  # in an exported folder: the model that scores pictures against prompts
MODEL_MANIFEST = "model.json"  # in an exported folder: what it was made from, and the digests of its files
# In an exported folder too, of no use for drawing: a model card, the whole config of the run, and pictures.
CARD, RUN_CONFIG, PREVIEWS = "README.md", "run.yaml", "previews"
FOR_PEOPLE = (CARD, RUN_CONFIG, PREVIEWS)

# What a trainer writes while it works, and at its end.
CHECKPOINTS = "checkpoints"  # a folder for each step, with:
RANK_STATE = "rank-{:05d}.safetensors"  # what one rank saved of the run's tensors
RUN_STATE = "run.json"
STATE_DIGESTS = "SHA256SUMS"  # of the other files, written last
CURVES = "metrics.jsonl"
BOARD = "tensorboard"  # a folder of event files, with:
SPEED = "speed.jsonl"  # times, which no two runs have alike
PICTURES = "pictures"  # a folder of PNG files for each validation, named by its step
PROGRESS = "progress.json"
DONE = "done.json"
ERROR = "error.json"
HANGS = "hang"  # a folder of a file for each rank: the stacks of its threads when the run hung

# Environment variable with the path of a file through which the ranks of one machine find each other.
RANKS_STORE = "DALLE_RANKS_STORE"
# Environment variables with the seconds that a rank waits for the others before it gives up, and with the name of its
# machine as whoever started it calls it.
RANKS_TIMEOUT = "DALLE_RANKS_TIMEOUT_S"
HOST = "DALLE_HOST"


def newest_pictures(folder: Path) -> tuple[Path, ...]:
    """Those of a trainer's pictures that are of the last step with any; none if there are none."""
    steps = sorted({path.parent for path in folder.glob("*/*.png")})
    return tuple(sorted(steps[-1].glob("*.png"))) if steps else ()


def sha256_of(path: Path) -> str:
    """Digest of a file's content, of any size, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
