"""The roots of revc's errors: a leaf module that everything may import and that imports nothing."""


class RevcError(Exception):
    """Root of every error that a user can cause.

    RevcError
    +-- SpecError                a spec that does not parse or check: carries located diagnostics
    |   +-- UnsupportedError     the language has the statement, this version cannot compile it
    +-- BindError                a net, dim or input from Python that does not fit the program
    +-- ArtifactError            a compiled artifact whose files are not what was written
    +-- OutputError              a file or folder that cannot be written, or is not ours to write
    +-- ReconstructionError      a backward pass whose rebuilt state differs from the forward's
    +-- DoubleBackwardError      a gradient of a gradient was asked for
    +-- NonFiniteError           an increment that is infinite or NaN
    +-- SingularMixError         a mix by a matrix without inverse
    +-- SoftsignError            a lattice on which softsign has no exact integer form
    +-- ScheduleError            a chain, a plan or a budget: see revc.passes.schedule.errors
    |   +-- BudgetError          no plan fits a memory budget: carries the least that one fits
    +-- BitsError                a stack, tape or ledger: the tree is in revc.runtime.bits.errors

    An error of ours is an `InternalError`, which is no RevcError.
    """


class BindError(RevcError):
    """Something given from Python (a net, a dim, an input) does not fit the program."""


class ArtifactError(RevcError):
    """A compiled artifact's files are missing, or are not what revc wrote."""


class OutputError(RevcError):
    """A file or folder cannot be written, or holds what is not ours to overwrite."""


class ReconstructionError(RevcError):
    """A rebuilt state is not the forward's, bit for bit; the message names the segment."""


class DoubleBackwardError(RevcError):
    """A gradient of a gradient was asked for; a reversible backward pass has none."""


class ScheduleError(RevcError):
    """A chain, a plan or a memory budget is wrong, or no plan fits."""


class BudgetError(ScheduleError):
    """No plan fits a memory budget; the message says what sets the least that one fits.

    Attributes:
        memory: the budget, in bytes.
        least: the least budget that a plan fits, in bytes.
    """

    memory: int
    least: int


class InternalError(Exception):
    """A bug in revc, never the user's doing; the verifiers raise it."""
