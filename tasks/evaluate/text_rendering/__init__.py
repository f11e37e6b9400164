"""Whether words that a prompt asks for can be read in its pictures."""
