"""What was made from pairs that are taken down: models, drawings, reports, and folders of exported models."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from models.folder import ModelManifest
from tasks.engine import storage
from tasks.pack import pack
from tasks.report.stage import report
from tasks.takedown.holdings import MadeHit, TableHit
from tasks.takedown.stored import StoredArtifact, made_from
from tasks.train.finished import TRAINED_ON, trained_on, training_set

TRAINED, VALIDATED, MADE = "trained on it", "validated with it", "made from it"
UNKNOWN = "trained on pairs that are not under this root"
MODELS = ("train_", "take_")  # how the names of the stages begin whose artifacts are models


def made_hits(
    hits: Collection[TableHit], known: Mapping[str, StoredArtifact], folders: Mapping[str, ModelManifest]
) -> Iterator[MadeHit]:
    """The artifacts that hold no row of it and were made from some that do, and the folders of models.

    Args:
        hits: of `table_hits`.
        known: all artifacts, by address.
        folders: lists of exported folders, by their names.
    """
    trained = {hit.artifact for hit in hits if hit.finished and hit.file.startswith("train-")}
    validated = {hit.artifact for hit in hits if hit.finished and hit.file.startswith("val-")}

    def how(sources: Collection[str]) -> str | None:
        if not trained.isdisjoint(sources):
            return TRAINED
        return None if validated.isdisjoint(sources) else VALIDATED

    packs = _TrainingSets(known)
    for address in sorted(known.keys() - {hit.artifact for hit in hits}):
        sources = {address, *made_from(known[address], known)}
        if (found := how(sources.union(*map(packs.of_taken, sources)))) is not None:
            is_model = known[address].artifact.stage.startswith(MODELS)
            yield MadeHit(address, found if is_model else MADE)
    for name, folder in folders.items():
        sources = packs.of_folder(folder)
        if (found := how(sources) if sources else UNKNOWN) is not None:
            yield MadeHit(name, found)


def commands(made: Iterable[MadeHit], known: Mapping[str, StoredArtifact]) -> list[str]:
    """The command lines that made the reports among these, each once, as they say it; where there is none, of all."""
    addresses = [hit.artifact for hit in made if hit.artifact in known]
    return _commands(addresses, known) or _commands(sorted(known), known)


def _commands(addresses: Iterable[str], known: Mapping[str, StoredArtifact]) -> list[str]:
    reports = [known[address] for address in addresses if known[address].artifact.stage == report.name]
    finished = [each.artifact for each in reports if each.manifest is not None]
    told = (storage.read_json(each.file("report.json")).get("command") for each in finished)
    return list(dict.fromkeys(command for command in told if command and command.startswith("dalle ")))


class _TrainingSets:
    """Finds packed pairs by what they train on, for models whose pairs may have been packed elsewhere."""

    def __init__(self, known: Mapping[str, StoredArtifact]) -> None:
        self._known = known
        self._sets: dict[str, set[str]] | None = None

    def of_folder(self, folder: ModelManifest) -> set[str]:
        """Addresses of the packed pairs that an exported folder's models were trained on; empty if none is known."""
        named = folder.made_from.get("pairs", "")
        return self._same(trained_on(folder)) | ({named} & self._known.keys())

    def of_taken(self, address: str) -> set[str]:
        """The same for an artifact that was taken from such a folder; empty for any other."""
        manifest = self._known[address].manifest
        return self._same(manifest.metrics.get(TRAINED_ON, "") if manifest is not None else "")

    def _same(self, training: str) -> set[str]:
        """Of what `trained_on` says of models."""
        if self._sets is None:
            self._sets = {}
            for address, stored in self._known.items():
                if stored.artifact.stage == pack.name and stored.manifest is not None:
                    self._sets.setdefault(training_set(stored.artifact), set()).add(address)
        return set().union(*(self._sets.get(each, set()) for each in training.split()))
