"""The discrete variational autoencoder of stage 1: images to grids of codes and back."""
