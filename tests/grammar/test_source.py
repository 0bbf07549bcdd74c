"""Files that cannot be specs are refused at once, with a place and without a traceback."""

import time

import pytest

from revc.grammar.diagnostics import SpecError
from revc.grammar.parser import parse, read
from revc.grammar.source import MAX_BYTES


def refusal(path):
    with pytest.raises(SpecError) as caught:
        read(path)
    (found,) = caught.value.diagnostics
    assert (found.code, found.name, found.level) == ("S001", "syntax", "deny")
    assert found.span.file == str(path)
    return found


def test_a_missing_file(tmp_path):
    found = refusal(tmp_path / "none.rev")
    assert "cannot read" in found.message
    assert (found.span.line, found.span.column) == (1, 1)


def test_a_folder(tmp_path):
    assert "cannot read" in refusal(tmp_path).message


def test_a_name_that_no_file_can_have():
    assert "cannot read" in refusal("a\0b.rev").message


@pytest.mark.parametrize("data", [b"", b"\n  \n\t"])
def test_an_empty_file(tmp_path, data):
    path = tmp_path / "empty.rev"
    path.write_bytes(data)
    assert "empty" in refusal(path).message


def test_a_binary_file(tmp_path):
    path = tmp_path / "binary.rev"
    path.write_bytes(b"dim B\nnet \0F")
    found = refusal(path)
    assert "binary" in found.message
    assert (found.span.line, found.span.column) == (2, 5)


def test_a_file_that_is_not_utf8(tmp_path):
    path = tmp_path / "latin.rev"
    path.write_bytes("dim B\n# é a".encode() + b"\xe9\n")
    found = refusal(path)
    assert "UTF-8" in found.message
    assert (found.span.line, found.span.column) == (2, 6)


@pytest.mark.parametrize(
    ("data", "message", "help"),
    [
        ("dim B\n".encode("utf-16"), "the file is UTF-16, not UTF-8", "save it as UTF-8"),
        ("dim Gr\u00f6\u00dfe\n".encode("latin-1"), "the file is not UTF-8", "save it as UTF-8"),
        (
            b"dim B\rnet F = mlp\r",
            "its lines end with carriage returns alone",
            "save it with line feeds, as most editors do",
        ),
    ],
)
def test_a_file_that_was_saved_otherwise_is_told_how_to_save_it(tmp_path, data, message, help):
    path = tmp_path / "saved.rev"
    path.write_bytes(data)
    found = refusal(path)
    assert (found.message, found.helps) == (message, (help,))


def test_a_file_of_10_megabytes_is_refused_unread(tmp_path):
    path = tmp_path / "large.rev"
    path.write_bytes(b"negate a\n" * 1_200_000)
    start = time.perf_counter()
    assert "larger than 1 MiB" in refusal(path).message
    assert time.perf_counter() - start < 1


def test_a_file_of_the_largest_size_is_read(tmp_path):
    path = tmp_path / "full.rev"
    path.write_text("#" * MAX_BYTES)
    assert len(read(path)) == MAX_BYTES


def test_a_byte_order_mark_is_no_text(tmp_path):
    path = tmp_path / "mark.rev"
    path.write_bytes(b"\xef\xbb\xbfdim B\n")
    assert read(path) == "dim B\n"


@pytest.mark.parametrize("text", ["", "  \n ", "a" * (MAX_BYTES + 1)])
def test_text_is_refused_in_the_same_way(text):
    result = parse(text)
    assert [d.code for d in result.diagnostics] == ["S001"]
    assert result.file.items == ()
