"""The named sets of screening rules. A rule that a profile does not name is not in force there.

Where a paper publishes a threshold it stands here with its source. The others were chosen on one half of the labelled
captions of the tests (`tests/tasks/screen_captions/labelled_captions.json`), so as to keep 97 % at least of the good
captions that the other rules let pass, and can be changed in the config to see what they do.
"""

from collections.abc import Mapping
from typing import Any

Profile = Mapping[str, Any]

# The first DALL-E (Ramesh et al. 2021, appendix C) names length, language and boilerplate, and no threshold.
DALLE: Profile = {
    "min_characters": 5,  # LAION-400M's
    "max_boilerplate": 0.5,
    "min_words": 3,  # Conceptual 12M's
    "max_characters": 1000,
    "max_words": 256,  # Conceptual 12M's
    "min_confidence": 0.7,  # cld3 calls that reliable
}

# Conceptual 12M (Changpinyo et al. 2021, section 2): what differs from Conceptual Captions is published.
CC12M: Profile = {
    **DALLE,
    "no_stock_ends": True,
    "max_repetition": 0.2,  # published; whether function words count is not, and with them "a cat on a mat" fails
    "no_profanity": True,
    # Published: counted 20 times in Wikipedia, about 8e-9 of its words. wordfreq lists no word below 1e-8.
    "min_zipf": 1.0,
    "parts": ("determiner", "noun"),
    "max_nouns": 0.65,  # keeps 99 %; lists of products and names have more
    "max_sentiment": 0.8,  # 99 % of the labelled captions, good or bad, are within
}

# Conceptual Captions (Sharma et al. 2018, section 3.2) publishes none. Its pages were English by other means.
CC3M: Profile = {
    **CC12M,
    "capital_first": True,
    # The paper's example "Musician Justin Timberlake performs at the 2017 Pilgrimage Music & Cultural Festival on
    # September 23, 2017 in Franklin, Tennessee" has 56 % and was kept, so the limit is above.
    "max_capitals": 0.6,
    "min_distinct": 0.7,  # 99 % of the good ones have more
    # Published: counted 5 times, about 2e-9 of Wikipedia's words, which wordfreq does not list: the limit of CC12M.
    "min_zipf": 1.0,
    "parts": ("determiner", "noun", "preposition"),
}

# DataComp's basic filtering (baselines/apply_filter.py): over 5 characters, over 2 words, English.
DATACOMP: Profile = {"min_characters": 6, "min_words": 3, "min_confidence": 0.7}

PROFILES: Mapping[str, Profile] = {"dalle": DALLE, "cc3m": CC3M, "cc12m": CC12M, "datacomp": DATACOMP}
