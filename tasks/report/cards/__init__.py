"""The cards beside the page: what the models are and what they learned from, for whoever is given them."""
