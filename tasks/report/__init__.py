"""One self-contained page about a run: what was trained on what, how well it draws, and what it cost."""

from tasks.report.report import Config, Targets, report

__all__ = ["Config", "Targets", "report"]
