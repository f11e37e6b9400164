"""From trained models to the report."""

from flows.config import PipelineConfig
from flows.run import Run
from flows.training import Models
from tasks.engine.artifact import Artifact
from tasks.evaluate.stage import evaluate
from tasks.report.stage import report
from tasks.rerank import rerank
from tasks.sample import sample


def evaluation(config: PipelineConfig, run: Run, pairs: Artifact, models: Models) -> Artifact:
    """Draws candidates for every prompt, ranks them with CLIP (section 2.6), measures, and writes the report."""
    samples = run(sample, config.sample, pairs=pairs, generator=models.generator)
    scores = run(rerank, config.rerank, samples=samples, ranker=models.ranker)
    figures = run(
        evaluate, config.evaluate, pairs=pairs, tokenizer=models.tokenizer, tokens=models.tokens, scores=scores
    )
    return run(report, config.report, figures=figures)
