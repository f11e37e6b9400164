"""The funnel of the data: what each stage kept and refused, why, from where, with examples."""
