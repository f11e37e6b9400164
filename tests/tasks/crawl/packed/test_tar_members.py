"""Tars are read as they come: what stands before damage is complete, nothing is unpacked, memory stays small."""

import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tars import samples, tar

from tasks.crawl.packed.tar_members import MAX_HEADER_BYTES, Member, Refusal, members


def read(path: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Names of the members, and reason and detail of what is refused."""
    with path.open("rb") as file:
        found = list(members(file))
    refused = [(each.reason, each.detail) for each in found if isinstance(each, Refusal)]
    return [each.name for each in found if isinstance(each, Member)], refused


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_found_where_their_bytes_are(tmp_path: Path, form: int) -> None:
    contents = {"a.txt": b"first", "folder/" + "long" * 50 + ".txt": b"second" * 200, "ünïcode.txt": b""}
    with tarfile.open(tmp_path / "a.tar", "w", format=form, encoding="utf-8") as archive:
        for name, content in contents.items():
            if form == tarfile.USTAR_FORMAT and len(name) > 100:
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with (tmp_path / "a.tar").open("rb") as file:
        for member in members(file):
            assert isinstance(member, Member)
            file.seek(member.start)
            assert file.read(member.size) == contents[member.name]


def of_kind(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def test_links_devices_and_names_that_lead_out_are_refused_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tar(
        tmp_path / "a.tar",
        of_kind("folder", tarfile.DIRTYPE),
        of_kind("a.jpg", tarfile.SYMTYPE, "/etc/passwd"),
        of_kind("b.jpg", tarfile.LNKTYPE, "a.jpg"),
        of_kind("c.jpg", tarfile.CHRTYPE),
        ("../d.jpg", b"x"),
        ("/e.jpg", b"x"),
        ("folder/../../f.jpg", b"x"),
        ("folder\\..\\..\\g.jpg", b"x"),
        ("folder/good.jpg", b"x"),
    )
    names, refused = read(path)
    assert names == ["folder/good.jpg"]
    assert [detail for _, detail in refused] == [
        *["a link"] * 2, "no regular file", *["its name leads out of the archive"] * 4
    ]  # fmt: skip
    assert {reason for reason, _ in refused} == {"unsafe_member"}


def test_what_stands_before_damage_is_read(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", *samples("one", "two", "three"))
    whole, none = read(path)
    assert none == []
    data = path.read_bytes()
    with path.open("rb") as file:
        starts = [each.start for each in members(file) if isinstance(each, Member)]
    for cut, kept in ((starts[4] + 10, 4), (starts[2], 2), (starts[2] - 100, 2), (starts[5] + 512, 6)):
        path.write_bytes(data[:cut])
        names, [(reason, _)] = read(path)
        assert (names, reason) == (whole[:kept], "damaged_record")
    overwritten = bytearray(data)
    overwritten[starts[3] - 512 : starts[3] - 400] = b"\xff" * 112
    path.write_bytes(overwritten)
    names, [(reason, detail)] = read(path)
    assert (names, reason) == (whole[:3], "damaged_record")
    assert f"behind byte {starts[3] - 512}" in detail


@pytest.mark.parametrize("data", [b"", b"no tar", b"x" * 5000, bytes(10_240), b"\x1f\x8b\x08" + bytes(600)])
def test_what_is_no_tar_holds_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    names, refused = read(tmp_path / "a.tar")
    assert names == []
    assert bool(refused) == any(data) or not data


def test_a_header_of_any_size_is_not_read_into_memory(tmp_path: Path) -> None:
    name = tarfile.TarInfo("././@LongLink")
    name.type = tarfile.GNUTYPE_LONGNAME
    name.size = 200 * MAX_HEADER_BYTES
    path = tmp_path / "a.tar"
    with path.open("wb") as file:
        file.write(name.tobuf())
        file.truncate(name.size + 2048)
    tracemalloc.start()
    names, [(reason, detail)] = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (names, reason) == ([], "damaged_record")
    assert "a header of" in detail
    assert peak < 2**20


def test_a_size_below_zero_ends_the_reading(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.jpg")
    info.size = -1024
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    names, [(reason, _)] = read(path)
    assert (names, reason) == ([], "damaged_record")


def test_memory_does_not_grow_with_the_number_of_members(tmp_path: Path) -> None:
    peaks = []
    for count in (200, 1000):
        path = tar(tmp_path / "a.tar", *((f"{number}.txt", "x") for number in range(count)))
        with path.open("rb") as file:
            tracemalloc.start()
            assert sum(1 for _ in members(file)) == count
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("tars")
    return tar(folder / "a.tar", ("a.txt", "one"), ("long" * 50 + ".txt", "two"), ("b.txt", "three")).read_bytes()


@given(changes=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_bytes_end_in_an_error_of_another_kind(small: bytes, changes: list[tuple[int, int]]) -> None:
    content = bytearray(small)
    for place, value in changes:
        content[place] = value
    for member in members(io.BytesIO(bytes(content))):
        if isinstance(member, Member):
            assert 0 <= member.start <= member.start + member.size <= len(content)
