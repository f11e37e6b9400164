"""Pictures blurred as the paper blurs them before it compares sets (section 3.1, figure 9)."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

# In whose pixels radii are told. The paper does not say at which size it blurs; its samples have this one.
SIDE_PX = 256


def blurred(image: NDArray[np.uint8], radius_px: float) -> NDArray[np.uint8]:
    """A picture [H, W, 3] under Pillow's Gaussian filter.

    Args:
        radius_px: the standard deviation, in pixels of a picture of 256: that of a smaller one shrinks with it.
    """
    own = radius_px * min(image.shape[:2]) / SIDE_PX
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(own))) if own else image
