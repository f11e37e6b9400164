"""The demo's web site: clean images, and faulty ones as the real web has them."""
