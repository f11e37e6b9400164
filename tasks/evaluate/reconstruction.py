"""What the codes of the image tokenizer keep of held-out images."""

from pydantic import Field

from tasks.evaluate.evidence import Evidence
from tasks.evaluate.quantities import GREY_LEVELS, Estimate, Part, Question
from tasks.evaluate.statistics import proportion


class Reconstruction(Part):
    """Held-out pictures rebuilt from their codes, beside the originals. Samples are made from codes in the same way, so
    they cannot show finer detail than these.
    """

    question = Question.DRAWS

    psnr_db: Estimate = Field(title="PSNR", description="Higher is better.")
    ssim: Estimate = Field(title="SSIM", description="1 for equal pictures.")
    l1: Estimate = Field(title="mean absolute difference")
    recognised: Estimate = Field(
        title="recognised",
        description="Rebuilt pictures that are still nearest to their own original among all pictures: about as often "
        "as a perfect generator could draw the right one.",
    )


def measure(evidence: Evidence) -> Reconstruction | None:
    """None where no image was rebuilt."""
    rebuilt = evidence.rebuilt
    if not rebuilt:
        return None
    return Reconstruction(
        psnr_db=evidence.mean([row["psnr_db"] for row in rebuilt], "dB"),
        ssim=evidence.mean([row["ssim"] for row in rebuilt]),
        l1=evidence.mean([255 * row["l1"] for row in rebuilt], GREY_LEVELS),
        recognised=proportion([row["is_recognised"] for row in rebuilt]),
    )
