"""A human study: blinded pairs of pictures on a page, the raters' answers, and what they show and can show."""
