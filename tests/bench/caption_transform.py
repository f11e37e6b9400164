"""Captions transformed in a second: `python tests/bench/caption_transform.py`, or with spacy:model for a spaCy model.

The captions are the 363 labelled ones of the tests, 61 characters long on average, ten times. The time is that of one
core, so that other work on the machine counts little. WordNet is at /usr/share/wordnet.
"""

import json
import sys
import time
from pathlib import Path
from statistics import median

from tasks.screen_captions.cleaning import cleaned
from tasks.screen_captions.transform.caption import transformed
from tasks.screen_captions.transform.config import TransformConfig

LISTS = Path(__file__).parents[1] / "tasks/screen_captions/labelled_captions.json"
RUNS = 5


def main() -> None:
    config = TransformConfig(tagger=sys.argv[1] if len(sys.argv) > 1 else "textblob")
    config.require()
    sources = json.loads(LISTS.read_text())["lists"]
    captions = cleaned([each for source in sources for label in ("accept", "reject") for each in source[label]])
    texts = captions.to_pylist() * 10
    list(transformed(config, texts[:10]))  # loads the models
    rates = []
    for _ in range(RUNS):
        start = time.process_time()
        changed = sum(bool(+result.changes) for result in transformed(config, texts))
        rates.append(len(texts) / (time.process_time() - start))
    print(f"{config.tagger}: {median(rates):,.0f} captions/s, {100 * changed / len(texts):.0f} % changed")


if __name__ == "__main__":
    main()
