"""What is known of torch's own layers and functions: which of them draw random numbers.

Layers that are in neither table are not judged. That includes those that keep statistics, and those
that are made of modules which a spec cannot pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

UNKNOWN = object()
"""A value that the text alone does not tell."""


class Seen(NamedTuple):
    """Something that a net does besides reading: the code of its rule, and a clause that says it.

    `certain` says that it was seen, or follows; else it may be, and is a warning.
    """

    code: str
    what: str
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Looked:
    """What is known of a net: it draws random numbers, draws none, or was not looked into.

    One that is "charged" draws by torch's operators alone: captured, it draws from a key. `seen` is
    what else is known of it.
    """

    verdict: Literal["random", "charged", "silent", "unknown"]
    why: str = ""
    seen: tuple[Seen, ...] = ()


SILENT = Looked("silent")

RATES: dict[str, tuple[str, int, float]] = {
    # layer: the argument that is its rate, where it stands, what it is if not given
    **dict.fromkeys(
        ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"),
        ("p", 0, 0.5),
    ),
    "LSTM": ("dropout", 5, 0.0),
    "GRU": ("dropout", 5, 0.0),
    "RNN": ("dropout", 6, 0.0),
    "MultiheadAttention": ("dropout", 2, 0.0),
    "TransformerEncoderLayer": ("dropout", 3, 0.1),
    "TransformerDecoderLayer": ("dropout", 3, 0.1),
    "Transformer": ("dropout", 5, 0.1),
}
ALWAYS = ("RReLU", "FractionalMaxPool2d", "FractionalMaxPool3d")
_QUIET = """
    Identity Linear Bilinear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d
    Unfold Fold MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d LPPool1d LPPool2d
    AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d AdaptiveAvgPool1d AdaptiveAvgPool2d
    AdaptiveAvgPool3d ReflectionPad1d ReflectionPad2d ReplicationPad1d ReplicationPad2d ZeroPad1d
    ZeroPad2d ConstantPad1d ConstantPad2d ELU Hardshrink Hardsigmoid Hardtanh Hardswish LeakyReLU
    LogSigmoid PReLU ReLU ReLU6 SELU CELU GELU Sigmoid SiLU Mish Softplus Softshrink Softsign Tanh
    Tanhshrink Threshold GLU Softmin Softmax Softmax2d LogSoftmax LayerNorm RMSNorm GroupNorm
    LocalResponseNorm Flatten Unflatten PixelShuffle PixelUnshuffle Upsample UpsamplingNearest2d
    UpsamplingBilinear2d ChannelShuffle CosineSimilarity LSTMCell GRUCell RNNCell
"""
QUIET = frozenset(_QUIET.split())
KEEPS: dict[str, bool] = {
    # layer: whether it keeps running statistics if `track_running_stats` is not given
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"), True),
    **dict.fromkeys(("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"), False),
}
_TRACKS, _TRACKS_AT = "track_running_stats", 4
_DRAWS = """
    rand randn randint randperm rand_like randn_like randint_like bernoulli multinomial normal
    poisson nn.functional.gumbel_softmax nn.functional.fractional_max_pool2d
    nn.functional.fractional_max_pool3d
"""
DRAWS = frozenset(f"torch.{name}" for name in _DRAWS.split())
_RATED = """
    dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout rrelu
"""
RATED = frozenset(
    f"torch.{place}{name}" for name in _RATED.split() for place in ("", "nn.functional.")
)
_MODULES = ("random.", "numpy.random.", "secrets.")
_CLOCK = """
    os.urandom uuid.uuid1 uuid.uuid4 time.time time.time_ns time.perf_counter time.perf_counter_ns
    time.monotonic time.monotonic_ns time.process_time
"""
OTHERS = frozenset(_CLOCK.split())
_FILLING = "uniform_ normal_ bernoulli_ random_ exponential_ log_normal_ cauchy_ geometric_"
FILLING = frozenset(_FILLING.split())
"""Methods that fill a tensor with random numbers."""


def is_torchs(drawn: str) -> bool:
    """Say whether what something draws by, as `function` tells it, is torch's own."""
    name = drawn.strip("`")
    return name not in OTHERS and not name.startswith(_MODULES)


def layer(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> Looked:
    """Judge the layer ``torch.nn.name(*args, **kwargs)``."""
    if name in ALWAYS:
        return Looked("random", f"`{name}`")
    if name in QUIET:
        return SILENT
    if name not in RATES:
        return Looked("unknown", f"nothing is known of `{name}`")
    option, place, default = RATES[name]
    rate = kwargs.get(option, args[place] if len(args) > place else default)
    if not isinstance(rate, int | float):
        return Looked("unknown", f"`{name}` has a rate that is not known")
    return Looked("random", f"`{name}` with {option} = {rate:g}") if rate > 0 else SILENT


def statistics(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> str | None:
    """Return what the layer ``torch.nn.name(*args, **kwargs)`` keeps of its inputs, if anything."""
    if name not in KEEPS:
        return None
    given = args[_TRACKS_AT] if len(args) > _TRACKS_AT else KEEPS[name]
    kept = kwargs.get(_TRACKS, given)
    return f"`{name}` keeps running statistics" if kept is True else None


def function(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> str | None:
    """Return what a call of the function with a full name draws on, None if it is not known to."""
    if name in DRAWS or name in OTHERS or name.startswith(_MODULES):
        return f"`{name}`"
    if name not in RATED or kwargs.get("training") is False:
        return None
    rate = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
    return f"`{name}`" if isinstance(rate, int | float) and rate > 0 else None
