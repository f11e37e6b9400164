"""Composed pictures: things on grounds, in pairs, sizes and counts; how they are drawn, said and read."""
