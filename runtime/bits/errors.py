"""Errors of the bit runtime.

BitsError (a RevcError)      root of everything a caller can provoke
├── SymbolError              symbols of a wrong dtype, shape or range
├── ParameterError           distribution parameters that are not usable
├── LaneError                lanes, devices or stacks that do not belong together
├── ScaleOverflowError       an exact scaling leaves int32
├── ReservoirExhaustedError  more is drawn than a reservoir holds
├── BackendError             the back end asked for is not installed
├── LedgerError              a booking that does not fit the ledger
├── SpillError               a tape that was streamed out and cannot be written or read back
└── ContainerError           bytes that cannot be read as what was written
    ├── DamagedTapeError     bytes that are not what was written
    │   ├── TruncatedTapeError  that end before their last chunk
    │   └── FloorError       with a word at the floor that no push leaves there
    ├── MemoryLimitError     sound bytes whose contents would take more memory than is allowed
    ├── KeyMismatchError     bytes with another key than the one given, without one, or needing one
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


class ScaleOverflowError(BitsError):
    """An exact scaling would leave the range of int32, where it is no bijection."""


class ReservoirExhaustedError(BitsError):
    """More bits are drawn than a reservoir was declared to hold."""


class BackendError(BitsError):
    """The back end asked for cannot run here."""


class LedgerError(BitsError):
    """A booking has a wrong shape, dtype or meter."""


class SpillError(BitsError):
    """A tape that was streamed out cannot be written, read back, or reached from this process."""


class ContainerError(BitsError):
    """Root of everything that can be wrong with an archive, a tape file or a flat buffer."""


class DamagedTapeError(ContainerError):
    """Bytes do not match their checksum or their format: they are not what was written."""


class TruncatedTapeError(DamagedTapeError):
    """A tape file ends before its closing chunk."""


class FloorError(DamagedTapeError):
    """Flat or stored state breaks the rule for words at the floor of a stack."""


class MemoryLimitError(ContainerError):
    """What sound bytes hold would take more memory than the caller allows."""


class KeyMismatchError(ContainerError):
    """A key is missing, is another one, or was given for bytes that have none."""


class TapeMismatchError(ContainerError):
    """A sound tape file was written by another program, shape, seed or layout."""
