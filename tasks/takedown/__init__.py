"""What people have asked to be left out: the record of it, what it matches, and where that lies."""
