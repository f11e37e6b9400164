"""How torch waits in a flow's process."""

import os
import subprocess
import sys


def test_torch_in_a_flow_does_not_keep_a_core_busy_while_it_waits() -> None:
    waiting = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}
    environment = {name: value for name, value in os.environ.items() if name not in waiting}
    program = "import flows.pipeline, os; print(os.environ['OMP_WAIT_POLICY'], os.environ['GOMP_SPINCOUNT'])"
    found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["PASSIVE", "2000"]
