"""Every kind of launcher. A new one is a module beside this one and an entry here."""

from typing import Annotated

from pydantic import Field

from tasks.launch.kubernetes.launcher import KubernetesLauncher
from tasks.launch.local import LocalLauncher
from tasks.launch.slurm import SlurmLauncher
from tasks.launch.ssh import SshLauncher

AnyLauncher = Annotated[LocalLauncher | SlurmLauncher | SshLauncher | KubernetesLauncher, Field(discriminator="kind")]
