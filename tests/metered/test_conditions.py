"""Keys of archives, and conditions that they are read under."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

import revc
from revc.errors import BindError
from revc.runtime.bits.errors import DamagedTapeError, KeyMismatchError, TapeMismatchError
from revc.runtime.bits.header import encode
from revc.runtime.metered import seal
from revc.runtime.model import ReversibleModel
from tests.metered.archives import KEY, archive, packed, small, taken


def test_keys_have_to_be_the_one_that_was_used() -> None:
    model, c, data = packed(KEY)
    plain = packed()[2]
    assert data[40:] == plain, "nothing is encrypted"
    for value, other in zip(
        model.decompress(data, c, key=KEY), model.decompress(plain, c), strict=True
    ):
        assert torch.equal(value, other)
    with pytest.raises(KeyMismatchError, match="written with a key"):
        model.decompress(data, c)
    with pytest.raises(KeyMismatchError, match="not written with this key"):
        model.decompress(data, c, key=KEY + b"x")
    with pytest.raises(KeyMismatchError, match="written without one"):
        model.decompress(plain, c, key=KEY)
    with pytest.raises(KeyMismatchError, match="not written with this key"):
        model.decompress(
            data[:40] + archive(*map(bytes, (encode(taken(plain)[0]), b"x"))), c, key=KEY
        )


@pytest.mark.parametrize("key", ["k" * 32, b"short", torch.zeros(3), 7])
def test_keys_that_are_none(key: Any) -> None:
    model, c, data = packed()
    a, b, _ = small()[1]
    for call in (
        lambda: model.compress(a, b, c, key=key),
        lambda: model.decompress(data, c, key=key),
    ):
        with pytest.raises(BindError, match="key"):
            call()


def test_the_tag_is_that_of_the_standard_library() -> None:
    import hashlib
    import hmac

    data = seal.seal(b"archive", KEY)
    assert data[8:40] == hmac.new(KEY, seal.MARK + b"archive", hashlib.sha256).digest()


# --- conditions ----------------------------------------------------------------------------------

VALVE = """
use std.nets: linear, parameter
dim B, d = 6
state lattice(Q12.20)
model M(a, b: [B, d]) {
  valve a by logistic(linear(b), step = 1/16) as va
  DROP
  put a by logistic(linear(b), step = 1/16) as ca
  put b by logistic(parameter([12]), step = 1/16) as cb
}
budget net(M.va) <= 1000 bits/example
"""


def throttled(model: ReversibleModel) -> None:
    model.throttle["va"] = 0.25


def resting(model: ReversibleModel) -> None:
    model.eval()


CHANGES = [
    (throttled, r"throttle\['va'\] = 1, and it is 0.25 here"),
    (resting, r"written in training, where dropout draws.*call train\(\) first"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES, ids=["throttle", "training"])
def test_what_decoding_depends_on_is_refused_by_name(
    change: Callable[[ReversibleModel], None], words: str
) -> None:
    torch.manual_seed(0)
    spec = VALVE.replace("DROP", "a += dropout(linear(b), p = 0.25)")
    model = revc.compile(spec.replace("linear, ", "linear, dropout, "))
    a, b = torch.randn(2, 4, 6)
    data = model.compress(a, b)
    back = model.decompress(data)
    change(model)
    with pytest.raises(TapeMismatchError, match=words):
        model.decompress(data)
    again = model.compress(a, b)
    for value, was in zip(model.decompress(again), back, strict=True):
        assert torch.equal(value, was)


def test_autocast_is_part_of_an_archive() -> None:
    model, c, data = packed()
    with torch.autocast("cpu", torch.bfloat16):
        with pytest.raises(
            TapeMismatchError, match=r"torch\.float32, and they are in torch\.bfloat16"
        ):
            model.decompress(data, c)
        a, b, _ = small()[1]
        other = model.compress(a, b, c)
        model.decompress(other, c)
    with pytest.raises(TapeMismatchError, match="use the same autocast"):
        model.decompress(other, c)


def test_what_may_matter_is_named_when_decoding_fails() -> None:
    model, c, data = packed()
    header, body = taken(data)
    around = {**header["around"], "number of threads": "977"}
    assert len(model.decompress(archive(encode({**header, "around": around}), body), c)) == 2
    check = [header["check"][0] ^ 1, *header["check"][1:]]
    with pytest.raises(DamagedTapeError, match=r"another number of threads \(977, here 1\)"):
        model.decompress(archive(encode({**header, "around": around, "check": check}), body), c)


@pytest.mark.parametrize("mode", ["audit", "deployed"])
def test_modes_that_read_no_archive(mode: Any) -> None:
    model, c, data = packed()
    model.bits.mode = mode
    with pytest.raises(BindError, match="decompress needs the mode lossless"):
        model.decompress(data, c)
