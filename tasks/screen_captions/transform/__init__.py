"""Makes captions of names and dates into captions of what is to be seen, as for Conceptual Captions.

Sharma et al. 2018, section 3, "Text Transformation with Hypernymization": noun modifiers that are proper nouns, numbers
or units go; dates, durations and places with a preposition go; other names become what they name; "person and person"
becomes "people"; captions of rare concepts are rejected.
"""
