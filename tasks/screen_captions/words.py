"""Frequent words that tell English captions from others. Written for this project; words of both kinds are left out."""

# Frequent words of English, and those that captions of pictures use. Left out: words that are also words of another
# language in Latin letters, such as a, in, die, man, hotel.
_ENGLISH = """
abbey above across adventure aerial after afternoon against aircraft airplane airport alien all alley alligator
almond along also amazing ancient and angel angry animal another ant antique any ape apple apron are around arrow
art artist artwork ash asleep at autumn awesome baby back background backpack backyard bag bake baked bakery baking
balloon baseball basket basketball bat bathroom battery be beach beak bean bear beautiful beaver bed bedroom bee
beef been beer beetle before behind being below belt bench beneath beside best better between bicycle big bike bird
birthday bite black blanket blossom blue blueberries blueberry boat book bookshelf boot both bottle bottom bowl box
boy bracelet branch bread breakfast brick bride bridge bright broken bronze broom brother brown brush bucket
building bunch burger burning bush business butter butterflies butterfly by cabbage cabin cabinet cake camel camera
can candle candy canoe canyon cap car card carnival carpet carriage carrot carry carrying cart cartoon castle cat
catch catching cathedral cave ceiling cemetery center centre chain chair cheese cheetah chef cherries cherry chicken
child children chimney christmas church circle city classroom clean clear cliff climb climbing clock close-up closed
cloth cloud cloudy coast coat coconut coffee cold college color colorful colour colourful computer concert concrete
cone cook cookie cooking cool corn corner costume cottage couch could country countryside couple cover covered cow
crab cream creature creek crocodile crossing crow crowd crown cucumber cup cupboard cupcake curtain cut cute cutting
daisies daisy dance dancer dancing dark daughter dawn day death deep deer delicious desert design desk dessert did
dining dinner dinosaur dirty dock doctor does dog doll dolphin donut door doorway dot doughnut down downtown dragon
dragonfly draw drawer drawing drawn dream dress dressed drink drinking drive driver driving drum dry duck during
dusk dust each eagle ear earring earth easter eat eating edge egg eight elbow elephant eleven elk empty end engine
evening every exterior eye face factory fairy fall falling family farm farmer fast father feather feet fence fern
ferry festival few field fill filled fire firework fireworks first fish five flame flat float floating flock floor
flower flute fly flying fog foggy food foot football for forest fork fountain four fox frame free fresh fried friend
fries frog from front frost frozen fruit full funny fur galaxy game garden garlic gate gentleman ghost giant gift
giraffe girl glacier glass glasses glove goal goat golden good goose grape grass grave graveyard gray grazing great
green greeting grey grilled groom ground group grow growing guitar guy had hair half halloween hallway ham hammer
handmade hang hanging happy harbor harbour hard hare has have having hawk he head headphones healthy heart heavy
hedgehog held helicopter helmet her herd here hers high highway hill hillside his history hit hitting hockey hold
holding holiday home homemade honey horse hospital hot house how huge hummingbird hundred hut ice iceberg icy indoor
insect inside interior international into iron is island it its ivy jacket jar jeans jellyfish jet jewelry job
journey juice jump jumping jungle just kangaroo kayak kettle key keyboard kick kid king kitchen kite kitten knee
knife knight ladder lady ladybug lake lamb lamp landing landscape lane large last laugh laughing lay laying leaf
leaning leather leaves left leg lemon leopard letter lettuce library lie life light lighthouse lightning lily lime
line lion little living lizard lobster lock long look looking lot loud love lovely low lunch lying made magazine
magic make making many map marble market may meadow meal meat melting men mermaid metal mice middle might milk
mirror mist misty modern money monkey monster monument moon moonlight moose morning mosque moss moth mother
motorbike motorcycle mountain mouse mouth mud mug mural mushroom must my nail napkin narrow national natural near
neck necklace neighborhood new newspaper next nice night nine noodle noon nose not notebook number nurse nut ocean
octopus of off office oil old one onion only onto open orange orchard other others our out outdoor outside owl own
paint painted painting pair pajamas palace pale pancake panoramic paper parade parked parking part party path
pattern paw pea peace peach peacock pear pebble pen pencil penguin people pepper perched perfect pet petal phone
photograph picture pie piece pier pig pigeon pile pillow pineapple pink pirate plane planet plastic plate play
played player playground playing plum pond pool porch pork portrait posing poster pot potato pottery pouring power
pretty price prince princess print private public pull pulling pumpkin puppy purple purse push pushing puzzle queen
quiet rabbit race raft rain rainbow rainy raised raspberry rat raven raw read reading recipe red reflection rice
ride rider riding right ripe rising river road roasted robot rock rocket roof room rope rough round row royal rug
ruin ruins run runner running rustic rusty sad sailboat salad sale salt same sandwich sat sausage saw scarf scary
scene scenery school scooter screen screenshot sculpture sea seagull seal second set setting seven several shadow
shallow shape shaped shark she shed sheep shelf shelves shield shine shining shiny ship shirt shoe shop shore short
should shoulder shovel show showing shown shrimp side sidewalk silhouette silver sing singing sister sit sitting six
size skateboard sketch ski skier skirt sky skyline skyscraper sled sleep sleeping sleigh slice sliced slow small
smile smiling smoke smooth snack snail snake snow snowboard snowflake snowy soccer sock soft soil soldier some
someone son sound soup sour space spaceship sparrow speaker speaking spicy spider spoon spotted spring square squid
squirrel stack stacked staircase stairs stamp stand standing star starry station statue steak steamed steel sticker
stone stood store storm stormy strawberries strawberry stream street stripe striped strong student style suburb
subway such sugar suit suitcase summer sun sunflower sunglasses sunlight sunny sunrise sunset surfboard surfer
surround surrounded swamp swan sweater sweet swim swimmer swimming swinging sword table tail take taken taking talk
talking tall tasty tea teacher team teenager template ten tennis than that the their then there these they third
this those thousand three through throw throwing thunder tie tied tiger tiny tire to toad toast toddler tomato tool
top towards tower town toy trail train tram travel tree trip trophy tropical trousers truck trumpet tulip turkey
turtle twelve two umbrella unicorn uniform university up upon using vacation valley van vase vegetable very view
village vineyard vintage violin volcano waffle wagon wait waiting walk walked walking wall wallet wallpaper walnut
war warehouse warm was wasp watch watching water watercolor waterfall watermelon wave wear wearing weather wedding
were wet wetland whale what wheel when where which while white who whose why wide wild will wind windmill window
windy wine wing winner wire witch with within without wizard wolf woman women wood wooden woodpecker woods woolen
word work worker working world worm worn would write writing written yard yellow you young your zebra zombie
"""

# Frequent small words of other languages in Latin letters. Left out: words that are also English.
_FOREIGN = """
aan af al alla als am amb ao au auch auf aus aux av avec az bei bij bir bu ce cette con cu da dal dalam dan dans
dari das de dei del della delle dels dem dengan der des det di din dla dos du e een egy ein eine einem einen einer
el els em en es est et ett fra gli het ikke il ile im ist iz ja je jest junto k kanssa ke la las le les lo los med
mit na naar nach nad nas nei nel nella nem nicht nos o och od og oli om op os ovat pada para pas pe po por przy qui
se sebuah seekor seorang ses si sich sobre som sota sous spre su sul sulla sulle sur sus te tepi til tra u uit um
uma un una und une unos untuk uz v ve ved vid vom von voor vora w y yang z za ze zijn zu zum zur
"""

# Words that English has taken over with their accents.
_ACCENTED = """
appliqué açaí brûlée café cafés cliché consommé crème décor déjà entrée entrées façade façades fiancé fiancée flambé
jalapeño jalapeños macramé matinée mâché naïve papier-mâché piña piñata piñatas purée puréed pâté résumé sauté
sautéed señor señorita soufflé à
"""

ENGLISH = frozenset(_ENGLISH.split())
FOREIGN = frozenset(_FOREIGN.split())
ACCENTED = frozenset(_ACCENTED.split())
