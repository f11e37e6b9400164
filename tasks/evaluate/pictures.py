"""Pictures that an evaluation stores beside its figures, for the page to show."""

import pyarrow as pa

KIND = "pictures"
PICTURES = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),  # as `quantities.NamedPicture` says it
        pa.field("image", pa.binary(), nullable=False),  # PNG
    ]
)
