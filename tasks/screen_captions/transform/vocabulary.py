"""Lists of words that the transformation knows. Written for this project."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NUMBER_WORDS = _words(
    """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
    """
)
LARGE_NUMBERS = _words("dozen hundred thousand million")  # after another number: "a hundred" stays

# What goes with a number: "about twenty buildings".
APPROXIMATELY = _words("about approximately around nearly almost roughly some over exactly")

# Units, after a number only: "a 10 inch pan", "90 x 60 cm".
UNITS = _words(
    """
    x mm cm km inch inches ft foot feet yard yards yd mile miles mi kg g gram grams lb lbs pound pounds oz ounce
    ounces ton tons tonne tonnes l ml litre liter litres liters gallon gallons kw hp mph kph kmh v volt volts w watt
    watts gb tb mb mp megapixel megapixels px pixel pixels degree degrees percent carat carats ct acre acres metre
    meter metres meters centimetre centimeter kilometre kilometer kilogram storey story
    """
)

# The last word of a name that says what it names: "American Film Festival" is a festival.
NAMING = _words(
    """
    abbey academy agency airfield airport alley archipelago arena army avenue award awards bakery ballet band bank
    bar base basilica bay bazaar beach bistro boulevard bridge brigade building cafe campus canal canyon cape
    carnival castle cathedral cave caves cemetery center centre championship championships chapel church city
    classic cliffs clinic club coast college company competition conference convent convention corporation council
    county court cove creek cup dam desert diner district dock docks exhibition expedition expo express factory
    falls farm farms fair ferry festival fjord football forest fort fortress foundation fountain gallery game games
    garage garden gardens gate glacier gorge government grill gulf hall harbor harbour headquarters highway hill
    hills hospital hostel hotel house hut inlet inn institute island islands isle isles jail kingdom kitchen
    laboratory lagoon lake lakes lane league library lighthouse lodge mall manor mansion marathon marina market
    marsh match memorial mill mine ministry mission monastery monument mosque motel mountain mountains museum
    national navy observatory ocean office olympics opera orchestra orphanage pagoda palace parade parish park
    parliament party pass path peak peninsula pier pizzeria plain plains planetarium plantation plateau plaza point
    police pond pool port prison prize province pub race ranch range rapids ravine reef regatta region republic
    reservation reserve reservoir resort restaurant ridge river road rock rocks ruins salon school sea seminary
    series shop show shrine sound spa spring springs square stadium state station statue store strait street studio
    studios summit swamp synagogue team temple terminal terrace theater theatre tomb tour tournament tower towers
    town trail train tribe trophy tunnel university valley village villa volcano wall waterfall waterfalls wharf
    winery woods zoo
    """
)

# The first word of a name that says what it names, and the word for it: "Mount Everest" is a mountain.
NAMING_FIRST = {
    "cape": "cape", "castle": "castle", "fort": "fort", "hotel": "hotel", "lake": "lake", "mount": "mountain",
    "mt.": "mountain", "port": "port", "river": "river",
}  # fmt: skip

# The first word of names of places that name nothing else: "South Georgia".
PLACE_FIRST = _words("north south east west new san santa los las saint st.")

PERSON_TITLES = _words("mr mr. mrs mrs. ms ms. miss dr dr. prof prof. sir madam")

# What comes before a place that is dropped with it.
AT_A_PLACE = _words("in at near from outside inside around across throughout within")
# Words between names that may be parts of one.
LINKS = _words("of & de da del della di du la le van von der den el al")

# Kinds of things that are places, by the first word of their synsets in WordNet.
PLACES = _words(
    """
    structure facility way location region geological_formation body_of_water land establishment
    """
)

# What spaCy's models call the kinds of names, and the word for what no list names.
SPACY_WORDS = {"PERSON": "person", "NORP": "person", "FAC": "building", "ORG": "organization", "EVENT": "event"}
SPACY_PLACES = frozenset({"GPE", "LOC", "FAC"})
SPACY_NAMES = frozenset({*SPACY_WORDS, *SPACY_PLACES, "PRODUCT", "WORK_OF_ART", "LAW", "LANGUAGE"})
SPACY_TIMES = frozenset({"DATE", "TIME"})
