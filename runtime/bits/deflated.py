"""Headers deflated: raw DEFLATE (RFC 1951) that starts from the words which headers are made of.

Bytes from somebody else inflate to no more than a bound that their own length sets.
"""

import zlib

from revc.runtime.bits.errors import DamagedTapeError

SPARE = 1 << 20
"""Bytes that any header may inflate to."""
TIMES = 8
"""Bytes that each further byte of one may."""

WORDS = (
    b'"lanes":1,"mode":"WIDE","program":"","seed":0,"sequences":1,"shapes":{}}'
    b'"torch.float64","torch.int64","torch.int16","torch.bfloat16","torch.float16"'
    b'"cuda","number of threads":"2","precision of float32":"matmul tf32, conv tf32, rnn tf32"'
    b'"reservoir":"0x1.0000000000000p-1"true,null'
    b'{"around":{"device":"cpu","number of threads":"1","precision of float32":'
    b'"matmul ieee, conv ieee, rnn ieee","torch":"2.13.0+cpu","training mode of nets":"none"},'
    b'"check":[],"dropout":false,"givens":"","lanes":1,"low":"torch.float32","program":"",'
    b'"sizes":{"B":1},"stacks":{"tape":},"state":{"0":["torch.int32",[1,]]},"throttle":{},'
    b'"weights":""}'
)
"""What the first header is taken to follow; part of the format, and the likeliest stand last."""


def deflate(header: bytes) -> bytes:
    """Return a header's bytes deflated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zdict=WORDS)
    return packer.compress(header) + packer.flush()


def inflate(data: bytes) -> bytes:
    """Return the header that was deflated to `data`.

    Raises:
        DamagedTapeError: nothing was, or it is longer than such a header may be.
    """
    most = SPARE + TIMES * len(data)
    packer = zlib.decompressobj(-zlib.MAX_WBITS, zdict=WORDS)
    try:
        header = packer.decompress(data, most)
    except zlib.error as error:
        raise DamagedTapeError(f"the header cannot be read: {error}") from error
    if not packer.eof or packer.unused_data:
        raise DamagedTapeError("the header ends too early, too late, or nowhere in sight")
    return header
