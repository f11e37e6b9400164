"""A person's approval of trainings that cost more than a bound: what is asked, and how the UI asks it."""
