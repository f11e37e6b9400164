"""A small classifier of parts of pictures, which judges drawings and has no part in making or ranking them."""
