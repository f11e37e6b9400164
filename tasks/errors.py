"""The errors that the pipeline raises on purpose. Every message is one sentence that says what to do."""


class PipelineError(Exception):
    """Base of every error the pipeline raises on purpose; the command line prints it as one line."""


class ConfigError(PipelineError):
    """A configuration value or key is not usable."""


class SourceError(PipelineError):
    """The named source of pairs is missing, empty or unusable."""


class PortInUseError(PipelineError):
    """Another program listens on a port the pipeline needs."""


class StorageError(PipelineError):
    """A file cannot be read or written where it should be."""


class StageBusyError(PipelineError):
    """Another run is writing the same artifact."""


class LeaseLostError(PipelineError):
    """This run may not go on writing an artifact, because another run may be writing it by now."""


class SchemaError(PipelineError):
    """A table does not have the columns that its reader expects."""


class DamagedArtifactError(PipelineError):
    """A stored file is missing, cut short, or not the one its manifest describes."""


class RowsLostError(PipelineError):
    """Rows in are not rows out plus rows rejected: a bug in a stage, never the user's fault."""


class OutOfMemoryError(PipelineError):
    """What was asked for does not fit into memory."""


class ModelMismatchError(PipelineError):
    """A model and the tokens or checkpoint it was given do not belong together."""


class CollapsedCodesError(PipelineError):
    """The image tokenizer uses so few codes that training a prior on them would be useless."""


class ClusterError(PipelineError):
    """A Dask cluster did not start, cannot do the work, or was lost."""


class ChildFailedError(PipelineError):
    """A process that a stage started for a part of its work ended without the result."""


class LauncherError(PipelineError):
    """A training job cannot be started, found or ended by what starts such jobs."""


class TrainingFailedError(PipelineError):
    """A training process ended without finishing."""
