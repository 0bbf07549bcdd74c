"""Small models shaped as those of transformers are: where layers lie, and how they are called."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH, HEADS, VOCABULARY, LAYERS = 16, 2, 31, 3


class Attention(nn.Module):
    """Self-attention, with rotary tables or without."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.v_proj, self.o_proj = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, mask: Tensor | None, tables: Any, causal: bool) -> Tensor:
        shape = (*x.shape[:-1], HEADS, WIDTH // HEADS)
        q, k, v = (
            net(x).view(shape).transpose(1, 2) for net in (self.q_proj, self.k_proj, self.v_proj)
        )
        if tables is not None:
            cos, sin = (table[:, None] for table in tables)
            q, k = (y * cos + y.flip(-1) * sin for y in (q, k))
        out = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=causal and mask is None
        )
        return self.o_proj(out.transpose(1, 2).flatten(2))


class PreNorm(nn.Module):
    """A layer of Llama: tensors in, a tensor out."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = nn.LayerNorm(WIDTH), nn.RMSNorm(WIDTH)
        self.self_attn = Attention()
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 32), nn.SiLU(), nn.Linear(32, WIDTH))

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        past_key_values: Any = None,
        **kwargs: Any,
    ) -> Tensor:
        normed = self.input_layernorm(hidden_states)
        x = hidden_states + self.self_attn(normed, attention_mask, position_embeddings, True)
        return x + self.mlp(self.post_attention_layernorm(x))


class Block(PreNorm):
    """A layer of GPT-2: a tuple out."""

    def forward(  # type: ignore[override]
        self, hidden_states: Tensor, layer_past: Any = None, attention_mask: Tensor | None = None
    ) -> tuple[Tensor]:
        return (super().forward(hidden_states, attention_mask),)


class PostNorm(nn.Module):
    """A layer of BERT: what it adds is not small beside what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.first = Attention(), nn.LayerNorm(WIDTH)
        self.dense, self.second = nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        x = self.first(hidden_states + self.attention(hidden_states, attention_mask, None, False))
        return self.second(x + functional.gelu(self.dense(x)))


class Model(nn.Module):
    """Embedding and layers; `config` says what it is."""

    def __init__(self, kind: str, layers: int = LAYERS) -> None:
        super().__init__()
        self.config = SimpleNamespace(model_type=kind, hidden_size=WIDTH)
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        made = {"llama": PreNorm, "gpt2": Block, "vit": PreNorm, "bert": PostNorm}[kind]
        self._place(kind, nn.ModuleList(made() for _ in range(layers)))

    def _place(self, kind: str, layers: nn.ModuleList) -> None:
        if kind == "bert":
            self.encoder = Encoder(layers)
        else:
            setattr(self, "h" if kind == "gpt2" else "layers", layers)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return what is behind the last norm, [B, T, d]; the mask is bool [B, T]."""
        x = self.embed(input_ids)
        mask = None if attention_mask is None else attention_mask[:, None, None, :].bool()
        if mask is not None:
            mask = mask.expand(-1, 1, x.shape[1], -1)
        if self.config.model_type == "llama":
            angles = torch.arange(x.shape[1])[:, None] * torch.tensor([1.0, 0.1] * 4)
            tables = tuple(table[None].to(x.dtype) for table in (angles.cos(), angles.sin()))
            for layer in self.layers[: len(self.layers)]:
                x = layer(x, attention_mask=mask, position_embeddings=tables, past_key_values=None)
        elif self.config.model_type == "gpt2":
            for block in self.h:
                x = block(x, None, mask)
                x = x[0] if isinstance(x, tuple) else x
        elif self.config.model_type == "bert":
            x = self.encoder(x, mask)
        else:
            for layer in self.layers:
                x = layer(x)
        return self.norm(x)


class Encoder(nn.Module):
    """Runs the layers of a model below the model itself."""

    def __init__(self, layers: nn.ModuleList) -> None:
        super().__init__()
        self.layer = layers

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Return what the last layer gives."""
        for layer in self.layer:
            hidden_states = layer(hidden_states, attention_mask)
        return hidden_states


class WithHead(nn.Module):
    """A model below a head, as `transformers` has them."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.base_model = Model(kind)
        self.config = self.base_model.config
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.head.weight = self.base_model.embed.weight

    def forward(self, input_ids: Tensor) -> Tensor:
        """Return logits."""
        return self.head(self.base_model(input_ids))


KINDS = ("llama", "gpt2", "vit", "bert")


def made(kind: str, seed: int = 0) -> tuple[Model, Tensor]:
    """Return a model and a batch."""
    torch.manual_seed(seed)
    return Model(kind), torch.randint(0, VOCABULARY, (2, 6))
