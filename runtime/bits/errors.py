"""Errors of the bit runtime.

BitsError (a RevcError)      root of everything a caller can provoke
├── SymbolError              symbols of a wrong dtype, shape or range
├── ParameterError           distribution parameters that are not usable
├── LaneError                lanes, devices or stacks that do not belong together
├── FloorError               a stack went where its seed cannot follow
├── ScaleOverflowError       an exact scaling leaves int32
├── ReservoirExhaustedError  more is drawn than a reservoir holds
├── BackendError             the back end asked for is not installed
├── LedgerError              a booking that does not fit the ledger
└── ContainerError           a tape file that cannot be read as written
    ├── DamagedTapeError     bytes that fail their checksum
    ├── TruncatedTapeError   a file that ends before its last chunk
    └── TapeMismatchError    a sound file that belongs to something else

A fault of this package is a ``revc.errors.InternalError``, which is not in the tree.
"""

from revc.errors import RevcError


class BitsError(RevcError):
    """Root of all errors that a caller of the bit runtime can provoke."""


class SymbolError(BitsError):
    """Symbols have a wrong dtype or shape, or fall outside the alphabet."""


class ParameterError(BitsError):
    """A distribution's parameters are not finite, not positive or do not fit its symbols."""


class LaneError(BitsError):
    """Sequences, lanes or devices of a stack and its arguments do not match."""


class FloorError(BitsError):
    """Flat or stored state breaks the rule for words at the floor of a stack."""


class ScaleOverflowError(BitsError):
    """An exact scaling would leave the range of int32, where it is no bijection."""


class ReservoirExhaustedError(BitsError):
    """More bits are drawn than a reservoir was declared to hold."""


class BackendError(BitsError):
    """The back end asked for cannot run here."""


class LedgerError(BitsError):
    """A booking has a wrong shape, dtype or meter."""


class ContainerError(BitsError):
    """Root of everything that can be wrong with a tape file."""


class DamagedTapeError(ContainerError):
    """Bytes of a tape file do not match their checksum or their format."""


class TruncatedTapeError(ContainerError):
    """A tape file ends before its closing chunk."""


class TapeMismatchError(ContainerError):
    """A sound tape file was written by another program, shape, seed or layout."""
