"""Trainings as Jobs of Kubernetes."""
