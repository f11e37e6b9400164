"""What runs, in what order and when: the DAG, its configuration, the command line and the deployments."""

import os

from models.processor import WAITING_THREADS

os.environ.update(WAITING_THREADS | dict(os.environ))  # before anything loads torch
