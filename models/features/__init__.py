"""Published networks that look at pictures: what sets of pictures are compared by."""
