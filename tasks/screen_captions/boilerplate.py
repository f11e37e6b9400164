"""The stock phrases of alt texts, as regular expressions (RE2): those to cut off, and those to judge captions by."""

MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)"
DAY = r"(?:[0-3]?\d(?:st|nd|rd|th)?)"
YEAR = r"(?:(?:1[89]|20)\d\d)"
TIME = r"(?:,?\s*(?:at\s+|t)?[0-2]?\d[:.][0-5]\d(?:[:.][0-5]\d)?(?:\s*[ap]\.?m\.?)?)"

DATES = (
    rf"{DAY}\s+(?:of\s+)?{MONTH},?\s+{YEAR}",  # 12 May 2019, 3rd of January, 2021
    rf"{MONTH}\s+{DAY},?\s+{YEAR}",  # May 12, 2019
    rf"{MONTH},?\s+{YEAR}",  # June 2016
    rf"{YEAR}[-/.][01]?\d[-/.][0-3]?\d",  # 2019-05-12
    rf"[0-3]?\d[-/.][0-3]?\d[-/.](?:{YEAR}|\d\d)",  # 12/05/2019, 12.05.19
)
DATE = rf"{WEEKDAY}?(?:{'|'.join(DATES)}){TIME}?"

VERBS = "photographed|(?:photo )?taken|captured|shot|uploaded|posted|published|added|created|updated|(?:last )?modified"
PICTURE = "image|photo|photograph|picture|pic|img|illustration|graphic|icon|logo|thumbnail|thumb|avatar|banner"

PLACED = rf"(?:profile|user|site|company|product|default|placeholder|embedded|featured|cover|header)\s+(?:{PICTURE})"

PHRASES = (
    rf"(?:(?:{VERBS})\s+(?:(?:on|in|at)\s+)?(?:the\s+)?)?{DATE}",
    rf"(?:click|tap)\s+(?:here|image|photo|on)?\s*(?:the\s+)?(?:{PICTURE})?\s*(?:to|for)\s+"
    rf"(?:enlarge|zoom|view|expand|open|see)[\w ]*(?:{PICTURE})?",
    rf"(?:royalty[- ]free\s+)?stock\s+(?:{PICTURE}|vector|footage)s?",
    r"(?:free|royalty[- ]free)\s+(?:vector|clip ?art|icon|download|stock)(?:\s+(?:icon|download|image|vector))*",
    rf"{PLACED}(?:\s+permalink)?",
    rf"(?:avatar|{PICTURE})\s+(?:of|from)\s+the\s+(?:user|author|day|week)",
    rf"no\s+(?:{PICTURE})\s+(?:available|found)",
    r"loading(?:\s+image)?(?:,?\s+please\s+wait)?|please\s+wait|advertisement|sponsored\s+(?:content|link)|untitled",
    rf"copyright\s*(?:\(c\)|©)?\s*(?:{YEAR})?(?:\s*[-\x{2013}]\s*{YEAR})?",
    r"all\s+rights\s+reserved|source:\s*\S+|(?:photo|image)\s+(?:credit|courtesy)\b[\w .,':]*",
    rf"screen\s?shot(?:\s+(?:from|at|of))?\s+{DATE}(?:\s+at\s+[\d.:]+)?",
    r"(?:img|dsc|dscn|dscf|pict|image|photo|p|wp|vid|screenshot)[_-]?\d{3,}[\w-]*",  # names that cameras give
    r"[\w-]+\.(?:jpe?g|png|gif|webp|bmp|tiff?|svg)",  # file names
    r"(?:https?://|www\.)\S+",
)
# A caption that is only such a word, or such a word and a number.
BARE = rf"^\W*(?:{PICTURE}|screen\s?shot|royalty[- ]free)s?\W*(?:\d+\W*)?$"

BOILERPLATE = rf"(?i){BARE}|\b(?:{'|'.join(PHRASES)})[\s.,;:!|-]*"
# A caption that begins or ends so is about a page, not a picture: "embedded image permalink", "profile photo".
PLACED_AT_AN_END = rf"(?i)^\W*{PLACED}\b|\b{PLACED}(?:\s+permalink)?\W*$"

# Credits, at the start or the end of a caption: these are cut off. After "credit" anything up to the next comma is a
# name; after words that also begin captions ("photo by the lake") only capitalised words are.
SHOT = r"(?:photo(?:graph)?|image|picture|pic|illustration|video)s?"
NAME_WORD = r"\p{Lu}[\p{L}'\x{2019}.-]*"
NAME = rf"{NAME_WORD}(?:[\s/&]+(?:(?:and|de|la|van|von|der|of)\s+)?{NAME_WORD}){{0,4}}"
CREDITS = (
    rf"(?i:{SHOT}\s+(?:credits?|courtesy)(?:\s+of)?\s*[:-]?\s*)[^,;|()]{{1,40}}",
    rf"(?i:{SHOT}\s*(?:by|via|:)|credits?\s*:|courtesy\s+of|photographer\s*:|source\s*:)\s*(?:\x{{a9}}\s*)?{NAME}",
    rf"(?:(?i:copyright)\s*)?(?:\x{{a9}}|\([cC]\)|(?i:copyright))\s*(?:{YEAR}\s*)?(?:{NAME})?",
    r"(?i:all\s+rights\s+reserved)",
    r"(?:https?://|www\.)\S+",
)
AGENCY = r"(?i:getty\s+images|shutterstock|istock(?:photo)?|alamy|adobe\s+stock|unsplash|pinterest|flickr)"
CREDIT = f"(?:{'|'.join(CREDITS)})"
STOCK = rf"(?i:(?:royalty[- ]free\s+)?stock\s+(?:{PICTURE}|vector|footage)s?)"
LEADING = rf"^[\s(\[]*(?:{CREDIT}[\s)\]]*[,;:|.)\]\x{{2013}}\x{{2014}}-]+\s+|{STOCK}(?:\s+(?i:of)\s+|\s*[:|,-]\s+))"
MARK = r".,;|/(\[\x{2013}\x{2014}-"
TRAILING = rf"(?:[\s{MARK}]+(?:{CREDIT}|{STOCK})|\s*[{MARK}]\s*{AGENCY})+[\s.,;|)\]]*$"
# What a caption holds if either pattern finds something in it. It is looked for ten times as fast as they are.
CREDIT_HINT = (
    r"(?i)credit|courtesy|photo|image|pic|illustration|video|source|copyright|\x{a9}|\(c\)|all\s+rights|https?://|www\."
    r"|stock|getty|alamy|unsplash|pinterest|flickr"
)
