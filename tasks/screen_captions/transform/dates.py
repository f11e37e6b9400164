"""Dates and durations in captions, with the words that tie them to the sentence: "on May 5, 2003", "for two days"."""

import re

from tasks.screen_captions.boilerplate import DATE, DAY, TIME, WEEKDAY, YEAR
from tasks.screen_captions.transform.vocabulary import NUMBER_WORDS

# A month or day of the week without a year counts with a capital letter only: "may" and "sun" are words.
NAMED_MONTH = (
    "(?-i:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan\.|Feb\.|Mar\.|Apr\.|Jun\.|Jul\.|Aug\.|Sept?\.|Oct\.|Nov\.|Dec\.)"
)
NAMED_WEEKDAY = r"(?-i:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?)"
PART_OF_DAY = "morning|afternoon|evening|night"
BEFORE_A_DATE = (
    r"(?:(?:on|in|at|since|from|until|till|by|during|circa|c\.|ca\.|of|dated)\s+)?(?:(?:the|early|mid|late)\s+)*"
)
DATES = (
    DATE,
    rf"{WEEKDAY}?{NAMED_MONTH}\s+{DAY}(?!\w){TIME}?",
    rf"{DAY}\s+(?:of\s+)?{NAMED_MONTH}",
    rf"(?:last|next|this)?\s*{NAMED_WEEKDAY}(?:\s+(?:{PART_OF_DAY}))?",
    r"\d\d?(?:st|nd|rd|th)\s+century",
    r"\d\d?(?:[:.]\d\d)?\s*[ap]\.?m\.?",
)
IN_A_MONTH = rf"(?:in|since|until|during|from)\s+{NAMED_MONTH}"
# A year before a name is a modifier of it, "at the 2017 Festival", and goes with the numbers.
YEARS = rf"{YEAR}(?:\s*[-/\u2013]\s*(?:{YEAR}|\d\d))?"
IN_A_YEAR = rf"(?:in|since|from|until|till|by|during|circa|c\.|ca\.|of)\s+{YEARS}(?!\s+(?-i:[A-Z]))"
IN_A_DECADE = rf"(?:(?:in|since|from|during|of)\s+)?(?:the\s+)?(?:(?:early|mid|late)[ -])?{YEAR}'?s"
A_YEAR_APART = rf"[,(]\s*{YEARS}(?=\s*(?:$|[,.;)]))"
TIMES = (rf"{BEFORE_A_DATE}(?:{'|'.join(DATES)})", IN_A_MONTH, IN_A_YEAR, IN_A_DECADE)
A_DATE = re.compile(rf"(?i)(?:{A_YEAR_APART}|[,(]?\s*(?<![\w$/.-])(?:{'|'.join(TIMES)})(?![\w%-]))\)?")

NUMBER = rf"(?:\d+(?:[.,]\d+)?|{'|'.join(sorted(NUMBER_WORDS))}|a\s+few|several)"
UNIT_OF_TIME = r"(?:seconds?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?|yrs?|decades?|centur(?:y|ies))"
BEFORE_A_DURATION = (
    r"(?:(?:for|after|over|within|in|during|about|nearly|almost|around|more\s+than|the\s+(?:last|past))\s+)*"
)
DURATIONS = (
    rf"{NUMBER}(?:\s*-\s*|\s+){UNIT_OF_TIME}(?:\s*-\s*|\s+)old\b(?!,)",
    rf"{BEFORE_A_DURATION}{NUMBER}(?:\s*-\s*|\s+){UNIT_OF_TIME}(?:\s+(?:ago|later|earlier))?",
)
A_DURATION = re.compile(rf"(?i)\s*(?<![\w$/.-])(?:{'|'.join(DURATIONS)})(?![\w-])")


def without_dates(caption: str) -> tuple[str, int, int]:
    """The caption without dates and durations, and the numbers of both."""
    rest, durations = A_DURATION.subn("", caption)
    rest, dates = A_DATE.subn("", rest)
    return " ".join(rest.split()), dates, durations
