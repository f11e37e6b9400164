"""Frequent words that tell English captions from others. Written for this project; words of both kinds are left out."""

# Frequent words of English, and those that captions of pictures use. Left out: words that are also words of another
# language in Latin letters, such as a, in, die, man, hotel.
_ENGLISH = """
abandoned abbey above accepting accident account across actor actress adventure aerial after afternoon against
aircraft airplane airport aisle album alien all alley alligator almond along alphabet also amazing ambulance anchor
ancient and angel angry animal another antenna antique antler any apartment ape apple appliance apron archway are
arena armchair armor around arrangement arrow art artist artwork ash asleep astronaut at athlete attic audience
autumn avenue award awesome awning baby back backdrop background backpack backyard badge bag bagel bake baked bakery
baking balcony ballerina balloon bandage banner barbecue bark barrel baseball basket basketball bat bathroom battery
be beach bead beak beam bean bear beard beautiful beaver bed bedroom bee beef beehive been beer beetle before behind
being bell below belt bench beneath beside best better between beverage bicycle big bike billboard bird birthday
biscuit bite black blade blanket blender bloom blossom blue blueberries blueberry board boat bolt bone book bookcase
bookshelf boot booth both bottle bottom boulder bouquet bow bowl box boy bracelet bracket branch bread breakfast
brick bride bridge bright brochure broken bronze broom brother brown brush bucket buckle buffalo buffet building
bulb bull bunch bunny buoy burger burning bush business busy butcher butter butterflies butterfly by cabbage cabin
cabinet cactus cage cake calendar calm camel camera can candle candy canoe canvas canyon cap car card carnival
carousel carpet carriage carrot carry carrying cart cartoon carved carving castle casual cat catch catching
caterpillar cathedral cauldron cave ceiling cemetery center centre certificate chain chair chalk chalkboard champion
chandelier cheek cheese cheetah chef cherries cherry chest chicken child children chili chimney chimpanzee chin chip
chopped chopsticks christmas church cigarette circle circular city classroom claw clay clean clear cliff climb
climbing cloak clock close-up closed closet cloth cloud cloudy clover clown coast coaster coat cobweb cockpit
cocktail coconut coffee coffin coin cold collar collection college color colorful colour colourful comb comic
compass computer concert concrete cone contestant cook cookie cooking cookware cool cork corn corner corridor
costume cosy cottage couch could countertop country countryside couple courtyard cover covered cow cowboy cozy crab
cracked cradle crane crate crayon cream creamy creature creek cricket crispy crocodile crossing crosswalk crow crowd
crowded crown crunchy crystal cube cucumber cue cup cupboard cupcake curly curtain curved cut cute cutting cyclist
daisies daisy dance dancer dancing dandelion dark dashboard daughter dawn day death deck deep deer delicious denim
desert design desk dessert diagram diamond dice did dining dinner dinosaur dirty dish display diver dock doctor does
dog doll dolphin dome donkey donut door doorknob doorstep doorway dot dough doughnut down downtown dragon dragonfly
draw drawer drawing drawn dream dress dressed drink drinking drive driver driveway driving drum dry duck duckling
dune during dusk dust dusty each eagle ear earring earth easel easter eat eating edge egg eight elbow elegant
elephant elevator eleven elk emblem embroidery emperor empty end engine engraved envelope equipment escalator
evening every exhibit explosion exterior eye fabric face factory fairy falcon fall falling family fancy fangs farm
farmer fashion fast father faucet feast feather feet fence fern ferry festival few fiddle field figure figurine fill
filled fire firefighter fireplace firework fireworks first fish fisherman fishing five flag flame flashlight flat
fleece flip float floating flock flooded floor flour flower fluffy flute fly flying foal foam fog foggy folded
foliage food foot football footprint for forehead forest fork formal fountain four fox frame free fresh fried friend
fries fringe frog from front frost frozen fruit full funny fur furniture furry fuzzy gadget galaxy gallery gallop
game garage garbage garden garlic gate gazelle gear gem gentleman geometric ghost giant gift giraffe girl glacier
glass glasses glaze glider glittering glove glowing goal goat goblin goggles golden gondola good goose gorilla gown
graffiti grain grandfather grandmother grape grapefruit grass grasshopper grave gravel graveyard gray grazing great
green greenhouse greeting grey grilled grin grocery groom ground group grow growing guard guitar guy gym had hair
hairy half halloween hallway halo ham hammer hamster handbag handle handmade hang hanging happy harbor harbour hard
hare harvest has have having hawk hay he head headphones healthy heart heavy hedge hedgehog heel held helicopter
helmet her herd here heron hers high highchair highway hiker hiking hill hillside his history hit hitting hockey
hold holding holiday home homemade honey hood hoof hook horse hose hospital hot hound house how huge hummingbird
hundred hurricane hut ice ice-cream iceberg icy illustration indoor indoors infant ink insect inside instrument
interior international intersection into iron is island islet it its ivy jacket jaguar jar jeans jelly jellyfish jet
jewel jewelry jigsaw job jockey jogger journal journey judge jug juice juicy jump jumping jungle just kangaroo kayak
kayaker kettle key keyboard kick kid king kitchen kite kitten kiwi knee knife knight knitted knot lace ladder lady
ladybug lake lamb lamp landing landscape lane lantern laptop large last laugh laughing laundry lava lawn lay layer
laying leaf leaning leash leather leaves left leg lemon lemonade lens leopard letter lettuce library lie life light
lightbulb lighthouse lighting lightning lily lime limestone line lion lipstick little living lizard llama loaf lobby
lobster lock locker locomotive lodge long look looking lot loud lounge love lovely low luggage lunch lunchbox lying
made magazine magic make making mane mannequin mansion many map marble marching market mascot mashed mask mattress
may mayonnaise meadow meal meat meerkat melted melting men merchant mermaid metal mice microphone microscope
microwave mid middle might military milk mineral miniature minivan mirror misty mixed mixer modern money monkey
monster monument moon moonlight moose moped morning mosaic mosque moss moth mother motorbike motorcycle mound
mountain mountaintop mouse mouth movie mud muffin mug mule mural muscle museum mushroom musical musician mustache
mustard my nail napkin napping narrow national natural near neck necklace neighborhood nest new newborn newspaper
next nice night nightstand nine noodle noon nose not notebook number nurse nut oak oar oatmeal ocean octopus of off
office officer oil old olive one onion onions only onto open orange orchard orchestra ornate ostrich other others
otter our out outdoor outdoors outfit outlet outside oval oven overhead overlooking overpass owl own oyster package
paddle pail paint painted painting pair pajamas palace pale palm pancake panda panoramic pants papaya paper
parachute parade parasol parked parking parrot part party passenger pasture path patio patrol pattern pavement paw
pea peace peaceful peach peacock peanut pear pebble pelican pen pencil penguin penny people pepper perched perfect
pet petal petals phone photograph photographer pianist picket pickle pickup picnic picture pie piece pier pig pigeon
pile pillow pineapple pinecone pink pipe pirate pitcher plaid plain plane planet plant planter plaster plastic plate
platter play played player playground playing plow plum plumage plush pocket podium polished pond poodle pool
popcorn poppy porcelain porch porcupine pork portrait posing poster pot potato potted pottery pouring power prairie
pretty pretzel price prince princess print private produce propeller public pug pull pulling pumpkin puppet puppy
purple purring purse push pushing puzzle pyramid python quail queen quiet quilt rabbit raccoon race racket radish
raft railing railroad railway rain rainbow raincoat rainforest rainy raised ramp ranch ranger raspberries raspberry
rat raven raw razor read reading rear receipt recipe recliner rectangular red reef referee reflection refrigerator
reindeer remote rhino rhinoceros ribbon rice ride rider riding rifle right ripe ripple rising river road roadside
roasted robot rock rocket roller roof room rooster rope rough round row rowboat rower royal rubber rug rugby ruin
ruins run runner running runway rustic rusty sad saddle sailboat sailing sailor salad sale salt same sandals
sandwich sandy sat satellite saucer sausage saw scaffolding scarecrow scarf scary scene scenery scenic school
scissors scoop scooter scoreboard scorpion screen screenshot screw sculpture sea seagull seagulls seal seashell
seaside seat second seed set setting seven several shadow shaggy shallow shampoo shape shaped shark shaving she shed
sheep sheet shelf shelter shelves shepherd shield shine shining shiny ship shipwreck shirt shoe shop shopping shore
shoreline short shorts should shoulder shovel show shower showing shown shrimp shrine shrub shuttle side sidewalk
sideways siding signpost silhouette silk silo silver simple sing singer singing sink siren sister sit sitting six
size skateboard skater skating skeleton sketch ski skier skirt skis skull sky skyline skyscraper slab sled sleep
sleeping sleeve sleigh slice sliced slide slipper slippery slope sloth slow small smartphone smile smiling smoke
smoky smooth snack snacks snail snake snout snow snowboard snowboarder snowflake snowman snowy soap soccer sock
socket soft soil solar soldier some someone son sound soup sour space spacecraft spaceship sparkling sparrow spatula
speaker speaking spectator spicy spider spiky spiral sponge spool spoon spotted spray spring sprinkle square squash
squid squirrel stack stacked stadium stage stain staircase stairs stall stallion stamp stand standing star starry
station statue steak steamboat steamed steel steering stem stereo stick sticker sticky stone stood stool stop store
stork storm stormy stove straw strawberries strawberry stream street streetlight stripe striped stripes stroller
strong student stuffed style submarine suburb suburban subway such suds sugar suit suitcase summer sun sunbathing
sunflower sunglasses sunlight sunny sunrise sunset surf surfboard surfer surfing surround surrounded suspension
swamp swan sweater sweet swim swimmer swimming swing swinging switch sword syringe syrup table tablecloth tablet
tail take taken taking talk talking tall tangled tarp tasty tattoo tea tea-time teacher team teapot teddy teenager
telephone telescope television template ten tennis tent terrace terrain textile texture than that the theater
theatre their then there these they third this those thousand thread three throne through throw throwing thumb
thunder ticket tie tied tiger tightrope tile tiled timber tiny tire title to toad toast toddler toilet tomato tongue
tool toolbox tooth toothbrush toothpaste top torch tortoise totem touch tourist towards towel tower town toy toys
tractor trail trailer train tram trampoline trash travel tray treasure tree treehouse trek triangular tricycle trip
tripod trolley trophy tropical trousers truck trumpet trunk tub tugboat tulip tunnel turban turf turkey turtle
turtleneck tuxedo twelve twig twilight twisted two typewriter tyre umbrella underside underwater unicorn uniform
university up upon using utensil vacant vacation vacuum valley vase vault vegetable vehicle veil velvet vendor very
vessel veterinarian view viewpoint village vine vineyard vintage violin violinist volcano vulture waffle wagon
waistcoat wait waiter waiting waitress walk walked walker walking wall wallaby wallet wallpaper walnut walrus war
wardrobe warehouse warm was washing wasp wasteland watch watching water watercolor waterfall waterfront watering
watermelon wave wax weapon wear wearing weasel weather weaving wedding weight were wet wetland whale wharf what
wheat wheel wheelbarrow wheelchair when where which while whip whisk whiskers whistle white who whose why wide wig
wild wildflower wildlife will willow wind windmill window windowsill windshield windy wine wing winner wire witch
with within without wizard wolf woman women wood wooden woodpecker woods wool woolen word work workbench worker
working workshop world worm worn worship would wreath wrench wrestler wrinkled wrist write writing written yacht
yard yarn yawning yellow yield yogurt yolk you young your zebra zipper zombie zucchini
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
