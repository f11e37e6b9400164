"""The demo's web site: clean pages and images, and the dirt of the real web."""
