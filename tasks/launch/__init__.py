"""Where trainings run: one protocol for starting, watching, finding and ending them, and what implements it."""
