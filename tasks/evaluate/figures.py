"""Every figure of an evaluation, in one model: what metrics.json holds and the report draws. One field a metric."""

from pydantic import Field

from tasks.evaluate import codes, hits, memorisation, reconstruction, reranking, scorer, scores, true_distance
from tasks.evaluate.codes import Codes
from tasks.evaluate.compositions import metric as compositions
from tasks.evaluate.compositions.metric import Compositions
from tasks.evaluate.evidence import Evidence
from tasks.evaluate.failures import metric as failures
from tasks.evaluate.failures.metric import Failures
from tasks.evaluate.hits import Hits
from tasks.evaluate.memorisation import Memorisation
from tasks.evaluate.picture_sets import metric as picture_sets
from tasks.evaluate.picture_sets import overlap
from tasks.evaluate.picture_sets.metric import PictureSetFigures
from tasks.evaluate.picture_sets.overlap import OverlapFigures
from tasks.evaluate.quantities import Quantity
from tasks.evaluate.reconstruction import Reconstruction
from tasks.evaluate.reranking import Reranking
from tasks.evaluate.scorer import Scorer
from tasks.evaluate.scores import Scores
from tasks.evaluate.true_distance import TrueDistance

METRICS = "metrics.json"


class Evaluation(Quantity):
    """The figures by metric; one that cannot be told is None."""

    samples: int = Field(description="Samples judged.")
    candidates: int = Field(description="Samples of one prompt, at most.")
    train_images: int = Field(description="Training images they were compared with.")
    codes: Codes | None = Field(None, title="Codes")
    reconstruction: Reconstruction | None = Field(None, title="Reconstruction")
    compositions: Compositions | None = Field(None, title="Compositions")
    hits: Hits | None = Field(None, title="Right picture")
    true_distance: TrueDistance | None = Field(None, title="Distance to the true picture")
    scores: Scores | None = Field(None, title="Scores of the ranker")
    scorer: Scorer | None = Field(None, title="Scores of a second model")
    picture_sets: PictureSetFigures | None = Field(None, title="Sets of pictures")
    overlap: OverlapFigures | None = Field(None, title="Overlap of drawn and real pictures")
    memorisation: Memorisation | None = Field(None, title="Memorisation")
    feature_memorisation: Memorisation | None = Field(
        None,
        title="Memorisation by features",
        description="The same in the eyes of EfficientNet-Lite0, for the best sample of each prompt. Among the "
        "training pictures searched are those that are nearest by pixels, and those "
        "whose captions were drawn.",
    )
    reranking: Reranking | None = Field(None, title="What reranking changes")
    failures: Failures | None = Field(None, title="Where it fails")


def measure(evidence: Evidence) -> Evaluation:
    """All figures. A new metric adds its line here and its field above."""
    return Evaluation(
        samples=len(evidence.judged),
        candidates=max((len(prompt.rows) for prompt in evidence.prompts), default=0),
        train_images=evidence.train.images,
        codes=codes.measure(evidence),
        reconstruction=reconstruction.measure(evidence),
        compositions=compositions.measure(evidence),
        hits=hits.measure(evidence),
        true_distance=true_distance.measure(evidence),
        scores=scores.measure(evidence),
        scorer=scorer.measure(evidence),
        picture_sets=picture_sets.measure(evidence),
        overlap=overlap.measure(evidence),
        memorisation=memorisation.measure(evidence),
        feature_memorisation=memorisation.measure_by_features(evidence),
        reranking=reranking.measure(evidence),
        failures=failures.measure(evidence),
    )


def headline(evaluation: Evaluation) -> dict[str, float]:
    """The few figures that stand in the stage's manifest."""
    found: dict[str, float] = {}
    if composed := evaluation.compositions:
        for name, rate in (("seen", composed.seen), ("unseen", composed.unseen)):
            if rate:
                found |= {f"composed_{name}_first": rate.first.value, f"composed_{name}_best": rate.best.value}
        accuracy = composed.judge.rebuilt or composed.judge.originals
        found |= {"composed_judge": accuracy.value}
    if evaluation.hits and (seen := evaluation.hits.seen):
        found |= {"hit_rate_best": seen.best.value, "hit_rate_first": seen.first.value}
    if evaluation.scorer and (scored := evaluation.scorer.train):
        found |= {"scorer_best": scored.best.value, "scorer_uncurated": scored.uncurated.value}
    if rebuilt := evaluation.reconstruction:
        found |= {"psnr_db": rebuilt.psnr_db.value, "ssim": rebuilt.ssim.value}
    if codes := evaluation.codes:
        found |= {"codes_used": codes.train.used} if codes.train else {}
        found |= {"vocab_size": codes.vocab_size}
    return found
