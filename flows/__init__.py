"""What runs, in what order and when: the DAG, its configuration, the command line and the deployments."""

import os

# For torch's threads, before torch is loaded: those that busy-wait are several times slower where cores are shared, and
# those that sleep at once are slower where they are not.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
