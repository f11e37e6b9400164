"""Files as bad disks, bad programs and bad people leave them."""

import random


def mutated(encoded: bytes, chance: random.Random) -> bytes:
    """The file with some bytes changed, cut out, put in or exchanged; more often near its beginning."""
    data = bytearray(encoded)
    for _ in range(chance.randint(1, 6)):
        at = int(len(data) * chance.random() ** chance.choice((1, 3)))
        length = chance.randint(1, 8)
        kind = chance.randrange(5)
        if kind == 0:
            data[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            data[at : at + length] = chance.choice((b"\xff", b"\0", b"\x7f", b"\x80")) * length
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = chance.randbytes(length)
        else:
            other = chance.randrange(len(data) + 1)
            data[at : at + length] = data[other : other + length]
    return bytes(data)
