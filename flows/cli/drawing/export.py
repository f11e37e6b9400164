"""`dalle export`: the trained models as one folder that draws on any machine."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.changes import file_text
from flows.cli.drawing.sheet import ScoredPicture, Strip, contact_sheet
from flows.config import PipelineConfig
from flows.pipeline import Models
from flows.plan import plan, trained
from flows.recipes import RecipeName
from models.files import (
    BOARD,
    CARD,
    CONFIG,
    CURVES,
    MODEL_MANIFEST,
    PICTURES,
    PREVIEWS,
    RANKER_FOLDER,
    RUN_CONFIG,
    WEIGHTS,
)
from models.folder import ModelManifest, describe_files
from models.generator import Candidates, Sampling
from tasks.checkpoints import local_folder
from tasks.engine import storage
from tasks.engine.artifact import Artifact
from tasks.engine.code import commit
from tasks.engine.temporary import appearing
from tasks.errors import ConfigError
from tasks.generate import FolderModels, Ranking, Request, draw
from tasks.preflight import require_root, require_writable
from tasks.report.cards.model_card import ModelFolder, model_card
from tasks.report.facts import gather
from tasks.settings import Settings
from tasks.train.finished import TRAINED_ON, training_set

if TYPE_CHECKING:
    from torch import Tensor

OF_TRAINING = (CURVES, BOARD, PICTURES)  # files and folders of a trainer that drawing does not need
PREVIEW_SHEET = f"{PREVIEWS}/sheet.png"
PREVIEW_PROMPTS, PREVIEW_CANDIDATES, PREVIEWS_SHOWN = 4, 8, 4


def export_folder(
    recipe: RecipeName,
    config: PipelineConfig,
    settings: Settings,
    command: str,
    out: Path,
    fp16: bool,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Writes the folder, and draws previews with it, so that a folder that is there is known to work.

    It holds the generator with its tokenizers, the ranker, a model card, previews, the config of the run, and a list of
    all files with their digests, which `models.generator.load` checks. It appears whole or not at all.

    Args:
        recipe: the recipe that `config` started from.
        command: trains the models; for the message where they are missing.
        fp16: store the weights in half precision; they are read back as fp32.

    Returns:
        folder, number of files, bytes, and a prompt to try.

    Raises:
        ConfigError: the models are not trained yet, or there is something at `out`.
        StorageError: the root cannot be read, or `out` cannot be written.
        DamagedArtifactError: a file of a model is not the one that was written.
    """
    if config.models.pretrained is not None:
        raise ConfigError(f"The models of {config.models.pretrained} are a folder already: copy it.")
    require_root(settings.root, write=False)
    pairs, models = trained(config, settings, command)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} holds something already: name a new folder with --out.")
    require_writable(out.absolute().parent, "--out")
    prompts = config.sample.prompts[:PREVIEW_PROMPTS]
    with storage.plain_errors(str(out), "write", "--out"), appearing(out) as folder:
        tell("Copying the models")
        _copy(models.generator, settings, folder, fp16)
        _copy(models.ranker, settings, folder / RANKER_FOLDER, fp16)
        sampling = Sampling(**config.sample.model_dump(include={*Sampling.model_fields}))
        manifest = ModelManifest(
            made_from=_made_from(pairs, models),
            sampling=sampling.model_dump(),
            prompts=prompts,
            files=describe_files(folder),
        )
        _write_manifest(folder, manifest)
        tell("Drawing previews with the copy")
        _draw_previews(folder, Request(prompts, PREVIEW_CANDIDATES, config.sample.seed, sampling))
        tell("Writing the model card")
        evaluated = [each for each in plan(config, settings) if each.stage == "evaluate" and each.is_finished()]
        facts = gather([*evaluated, models.generator, models.ranker, pairs])
        sheet = PREVIEW_SHEET if (folder / PREVIEW_SHEET).exists() else None
        card = model_card(facts, config.report, ModelFolder(manifest, fp16, RUN_CONFIG, sheet))
        (folder / CARD).write_text(card, encoding="utf-8")
        (folder / RUN_CONFIG).write_text(file_text(recipe, config.model_dump(mode="json")), encoding="utf-8")
        manifest = manifest.model_copy(update={"files": describe_files(folder)})
        _write_manifest(folder, manifest)
    return {
        "folder": str(out),
        "files": len(manifest.files) + 1,
        "bytes": sum(file.bytes for file in manifest.files.values()),
        "prompt": prompts[0] if prompts else "a red apple",
    }


def _copy(model: Artifact, settings: Settings, folder: Path, fp16: bool) -> None:
    """The files of a model without those of its training; each is compared with its digest first."""
    source = local_folder(model, settings)
    names = [record.path for record in model.manifest().outputs if record.path.split("/")[0] not in OF_TRAINING]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if fp16 and Path(name).name == WEIGHTS and _is_ours(source / Path(name).parent):
            _write_half(source / name, folder / name)
        else:
            shutil.copyfile(source / name, folder / name)


def _is_ours(folder: Path) -> bool:
    """Whether our code reads the model, which makes fp32 of any floats; a published ranker's library may not."""
    return "kind" in storage.read_json(str(folder / CONFIG))


def _write_half(source: Path, target: Path) -> None:
    from models.training.checkpoint import read_tensors, write_tensors

    tensors, metadata = read_tensors(source)
    write_tensors(target, {name: _half(tensor) for name, tensor in tensors.items()}, metadata)
    target.chmod(0o644)  # the library's files are for their owner alone


def _half(tensor: "Tensor") -> "Tensor":
    """Floats in half precision; as they are where one of them is too large for it."""
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if bool(half.isfinite().all()) else tensor


def _write_manifest(folder: Path, manifest: ModelManifest) -> None:
    storage.write_json(str(folder / MODEL_MANIFEST), manifest.model_dump(mode="json"))


def _draw_previews(folder: Path, request: Request) -> None:
    """The best pictures of each prompt, one by one and on a sheet."""
    from models.training.images import encode_png

    strips: list[Strip] = []
    pngs: list[bytes] = []
    for event in draw(FolderModels(folder), request):
        match event:
            case Candidates():
                pngs += [encode_png(image) for image in event.images]
            case Ranking():
                order = sorted(range(len(pngs)), key=lambda i: event.ranks[i])[:PREVIEWS_SHOWN]
                best = [ScoredPicture(pngs[i], float(event.scores[i])) for i in order]
                note = f"best {len(best)} of {len(pngs)} candidates, with the ranker's score; seed {request.seed}"
                strips.append(Strip(request.prompts[event.prompt], note, best))
                storage.write_bytes(str(folder / PREVIEWS / f"{event.prompt:02d}.png"), best[0].png)
                pngs = []
    if strips:
        storage.write_bytes(str(folder / PREVIEW_SHEET), contact_sheet(strips))


def _made_from(pairs: Artifact, models: Models) -> dict[str, str]:
    parts = {"generator": models.generator, "ranker": models.ranker, "tokens": models.tokens, "pairs": pairs}
    made = {name: artifact.address for name, artifact in parts.items() if artifact is not None}
    made[TRAINED_ON] = training_set(pairs)
    if (start := models.generator.inputs().get("start")) is not None:
        made[TRAINED_ON] += f" {start.manifest().metrics[TRAINED_ON] or 'unknown'}"
    return made | ({"code": now} if (now := commit()) else {})
