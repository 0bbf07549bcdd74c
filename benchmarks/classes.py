"""Classes of modules that people bring, from torch.nn, transformers and x-transformers, judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from revc.runtime.nets.capture import calls
from revc.runtime.nets.capture.cache import capture, why
from revc.runtime.nets.capture.graphs import Captured
from revc.runtime.nets.capture.trace import Sample
from revc.runtime.nets.leaf import Leaf

B, T, D = 2, 8, 32
Make = Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]


class Verdict(NamedTuple):
    """Whether a class is captured, why not, and whether its graphs are not the module."""

    name: str
    captured: bool
    why: str
    wrong: bool


class Around(nn.Module):
    """A function of modules."""

    def __init__(self, function: Callable[..., Any], *parts: nn.Module) -> None:
        super().__init__()
        self.parts, self.function = nn.ModuleList(parts), function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*self.parts, *inputs)


def judge(name: str, make: Make) -> Verdict:
    """Compare the graphs of a module with the module and with autograd.

    Those of one that draws have numbers of their own, and are compared with their own slope.
    """
    torch.manual_seed(0)
    net, inputs = make()
    inputs = tuple(x.requires_grad_() for x in inputs)
    leaf = Leaf(net, tuple(net.parameters()), name, None)
    graphs = capture(net, Sample(leaf.params, inputs, None))
    if not isinstance(graphs, Captured) or why(graphs):
        return Verdict(name, captured=False, why=why(graphs), wrong=False)
    if graphs.random:
        return Verdict(name, True, "", not _follows(net.double(), inputs))
    value = calls.value(leaf, graphs, inputs)
    out, handle = calls.run(leaf, graphs, inputs)
    wanted = net(*inputs)
    wanted = wanted[0] if isinstance(wanted, tuple) else wanted
    cotangent = torch.randn_like(wanted)
    leaves = [x for x in (*leaf.params, *inputs) if x.requires_grad]
    theirs = torch.autograd.grad(wanted, leaves, cotangent, allow_unused=True)
    by_params, *by_inputs = calls.pull(leaf, handle, cotangent)
    pairs = zip((*by_params, *by_inputs), (*leaf.params, *inputs), strict=True)
    mine = [gradient for gradient, x in pairs if x.requires_grad]
    same = all(map(_close, mine, theirs)) and torch.equal(value, out)
    return Verdict(name, True, "", not (same and torch.allclose(value, wanted, atol=1e-5)))


def _follows(net: nn.Module, inputs: tuple[Tensor, ...]) -> bool:
    """Say whether what a module that draws pulls back is the slope of what it computes."""
    inputs = tuple(x.detach().double().requires_grad_() for x in inputs)
    leaf = Leaf(net, tuple(net.parameters()), "F", None)
    graphs = capture(net, Sample(leaf.params, inputs, None))
    if not isinstance(graphs, Captured):
        return False
    out, handle = calls.run(leaf, graphs, inputs)
    ways = [torch.randn_like(x) for x in (*leaf.params, *inputs)]

    def moved(step: float) -> Tensor:
        count = len(leaf.params)
        ends = [
            x.detach() + step * way for x, way in zip((*leaf.params, *inputs), ways, strict=True)
        ]
        return calls.value(leaf._replace(params=tuple(ends[:count])), graphs, tuple(ends[count:]))

    cotangent = torch.randn_like(out)
    by_params, *by_inputs = calls.pull(leaf, handle, cotangent)
    pairs = zip((*by_params, *by_inputs), ways, strict=True)
    found = sum((grad * way).sum() for grad, way in pairs if grad is not None)
    slope = ((moved(1e-6) - moved(-1e-6)) / 2e-6 * cotangent).sum()
    return torch.equal(out, moved(0.0)) and torch.allclose(torch.as_tensor(found), slope, 1e-5)


def _close(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return (one is None) == (other is None)
    return torch.allclose(one, other, atol=1e-4, rtol=1e-4)


def every() -> Iterator[tuple[str, Make]]:
    """Yield the classes by name."""
    yield from torchs()
    yield from transformers()
    yield from x_transformers()


def _on(shape: tuple[int, ...], net: Callable[[], nn.Module]) -> Make:
    return lambda: (net(), (torch.randn(shape),))


def torchs() -> Iterator[tuple[str, Make]]:
    """Yield classes of torch.nn."""
    seq, image = (B, T, D), (B, D, 8, 8)
    encoder = nn.TransformerEncoderLayer
    rows: dict[str, tuple[tuple[int, ...], Callable[[], nn.Module]]] = {
        "Linear": (seq, lambda: nn.Linear(D, D)),
        "Conv1d": ((B, D, T), lambda: nn.Conv1d(D, D, 3, padding=1)),
        "Conv2d": (image, lambda: nn.Conv2d(D, D, 3, padding=1)),
        "ConvTranspose2d": (image, lambda: nn.ConvTranspose2d(D, D, 3, padding=1)),
        "LayerNorm": (seq, lambda: nn.LayerNorm(D)),
        "RMSNorm": (seq, lambda: nn.RMSNorm(D)),
        "GroupNorm": (image, lambda: nn.GroupNorm(4, D)),
        "BatchNorm2d, eval": (image, lambda: nn.BatchNorm2d(D).eval()),
        "BatchNorm2d, training": (image, lambda: nn.BatchNorm2d(D)),
        "InstanceNorm2d": (image, lambda: nn.InstanceNorm2d(D)),
        "PReLU": (seq, nn.PReLU),
        "GLU": (seq, lambda: nn.Sequential(nn.Linear(D, 2 * D), nn.GLU())),
        "Upsample": (image, lambda: nn.Upsample(scale_factor=2)),
        "MultiheadAttention": (
            seq,
            lambda: Around(
                lambda net, x: net(x, x, x, need_weights=False)[0],
                nn.MultiheadAttention(D, 4, batch_first=True),
            ),
        ),
        "TransformerEncoderLayer": (seq, lambda: encoder(D, 4, 64, 0.0, batch_first=True)),
        "TransformerEncoderLayer, dropout": (seq, lambda: encoder(D, 4, 64, batch_first=True)),
        "LSTM": (seq, lambda: nn.LSTM(D, D, batch_first=True)),
        "GRU": (seq, lambda: nn.GRU(D, D, batch_first=True)),
        "Sequential": (seq, lambda: nn.Sequential(nn.Linear(D, D), nn.ReLU(inplace=True))),
    }
    for name, (shape, net) in rows.items():
        yield f"torch.nn {name}", _on(shape, net)


def transformers() -> Iterator[tuple[str, Make]]:
    """Yield layers of transformers."""
    import transformers as hf
    from transformers.models import bert, gemma, gpt2, llama, mistral, qwen3, roberta, t5, vit

    heads = {"hidden_size": D, "num_attention_heads": 4, "intermediate_size": 64}
    rotary = {**heads, "num_key_value_heads": 2, "head_dim": 8}
    for kind, module in (
        ("Llama", llama.modeling_llama),
        ("Mistral", mistral.modeling_mistral),
        ("Qwen3", qwen3.modeling_qwen3),
        ("Gemma", gemma.modeling_gemma),
    ):
        for way in ("sdpa", "eager"):
            config = _config(hf, kind, way, **rotary)
            yield f"transformers {kind}DecoderLayer, {way}", _decoder(module, kind, config)
    small = _config(hf, "GPT2", "sdpa", n_embd=D, n_head=4)
    yield (
        "transformers GPT2Block",
        _on((B, T, D), lambda: gpt2.modeling_gpt2.GPT2Block(small, 0).eval()),
    )
    for kind, module in (
        ("Bert", bert.modeling_bert),
        ("Roberta", roberta.modeling_roberta),
        ("ViT", vit.modeling_vit),
    ):
        config = _config(hf, kind, "sdpa", **heads)
        layer = getattr(module, f"{kind}Layer")
        yield f"transformers {kind}Layer", _on((B, T, D), partial(_evaluating, layer, config))
    config = _config(hf, "T5", "eager", d_model=D, d_kv=8, num_heads=4, d_ff=64)
    parts = t5.modeling_t5
    yield "transformers T5LayerFF", _on((B, T, D), lambda: parts.T5LayerFF(config).eval())
    yield (
        "transformers T5LayerSelfAttention",
        _on((B, T, D), lambda: parts.T5LayerSelfAttention(config, True, 0).eval()),
    )


def _config(library: Any, kind: str, way: str, **sizes: int) -> Any:
    config = getattr(library, f"{kind}Config")(**sizes)
    config._attn_implementation = way
    return config


def _evaluating(layer: Callable[..., nn.Module], *args: Any) -> nn.Module:
    return layer(*args).eval()


def _decoder(module: Any, kind: str, config: Any) -> Make:
    def called(layer: nn.Module, turn: nn.Module, x: Tensor) -> Any:
        return layer(x, position_embeddings=turn(x, torch.arange(x.shape[1])[None]))

    def made() -> nn.Module:
        layer = getattr(module, f"{kind}DecoderLayer")(config, 0)
        return Around(called, layer, getattr(module, f"{kind}RotaryEmbedding")(config)).eval()

    return _on((B, T, D), made)


def x_transformers() -> Iterator[tuple[str, Make]]:
    """Yield layers of x-transformers."""
    from x_transformers import Decoder, Encoder
    from x_transformers.x_transformers import Attention, FeedForward, RMSNorm

    for name, net in {
        "Encoder": lambda: Encoder(dim=D, depth=1, heads=4),
        "Decoder, rotary": lambda: Decoder(dim=D, depth=1, heads=4, rotary_pos_emb=True),
        "Decoder, alibi": lambda: Decoder(dim=D, depth=1, heads=4, alibi_pos_bias=True),
        "FeedForward": lambda: FeedForward(D),
        "FeedForward, glu": lambda: FeedForward(D, glu=True),
        "Attention": lambda: Attention(D, heads=4),
        "Attention, qk norm": lambda: Attention(D, heads=4, qk_norm=True),
        "RMSNorm": lambda: RMSNorm(D),
    }.items():
        yield f"x-transformers {name}", _on((B, T, D), net)
