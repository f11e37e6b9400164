"""What a CLIP sees in pictures of people whose prompts say nothing of it."""
