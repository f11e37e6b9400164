"""Every kind of launcher. A new one is a module beside this one and an entry here."""

from tasks.launch.local import LocalLauncher

AnyLauncher = LocalLauncher
