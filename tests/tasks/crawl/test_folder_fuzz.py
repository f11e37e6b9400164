"""Whatever bytes a folder's caption files hold, every row is accounted for."""

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support.folders import check_rows_or_one_error

ANY_TABLE = st.one_of(
    st.binary(max_size=300),
    st.text(st.sampled_from('file,caption;\t|"\r\ndog.png#0é\0\ud800{}[]:'), max_size=200).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
    st.binary(max_size=60).map(lambda tail: b"file,caption\ndog.png,a dog\n" + tail),
    st.binary(max_size=60).map(
        lambda tail: b'{"file_name": "dog.png", "text": "a dog"}\n{"file_name": "' + tail + b'"}'
    ),
    st.text(max_size=60).map(lambda text: f"file\tcaption\n{text}\n".encode("utf-16", "surrogatepass")),
)
FILES = st.dictionaries(
    st.sampled_from(["captions.csv", "captions.tsv", "metadata.jsonl", "metadata.parquet", "dog.txt", "table.txt"]),
    ANY_TABLE, min_size=1, max_size=3,
)  # fmt: skip
ONE_FOLDER = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=ONE_FOLDER)
@given(FILES)
def test_any_bytes_in_caption_files_are_rows_or_one_error(tmp_path, files):
    check_rows_or_one_error(tmp_path, files, "dog.png")
