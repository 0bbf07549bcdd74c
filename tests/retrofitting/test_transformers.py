"""Models of transformers themselves: interface, trainers, adapters."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import revc
from revc.retrofitting.loss import next_token_loss

transformers = pytest.importorskip("transformers")
FORMS = ("momentum", "coarse")
SIZES = {"num_hidden_layers": 3, "num_attention_heads": 4, "hidden_size": 32}


def llama(**more: Any) -> Any:
    torch.manual_seed(0)
    rest = {"vocab_size": 97, "intermediate_size": 64, "num_key_value_heads": 2}
    config = transformers.LlamaConfig(**SIZES, **rest, pad_token_id=0, **more)
    return transformers.LlamaForCausalLM(config)


def tokens(count: int = 16) -> Tensor:
    return torch.randint(1, 97, (2, count), generator=torch.Generator().manual_seed(1))


def gpt2() -> Any:
    torch.manual_seed(0)
    rates = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    sizes = {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 32}
    ends = {"bos_token_id": 1, "eos_token_id": 1}
    config = transformers.GPT2Config(vocab_size=97, **sizes, **rates, **ends)
    return transformers.GPT2LMHeadModel(config)


RATES = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "intermediate_size": 64}


def vit() -> Any:
    torch.manual_seed(0)
    config = transformers.ViTConfig(**SIZES, **RATES, image_size=16, patch_size=4, num_labels=5)
    return transformers.ViTForImageClassification(config)


def bert() -> Any:
    torch.manual_seed(0)
    return transformers.BertForMaskedLM(transformers.BertConfig(**SIZES, **RATES, vocab_size=97))


CASES = {
    "llama": (llama, lambda: {"input_ids": tokens()}),
    "gpt2": (gpt2, lambda: {"input_ids": tokens()}),
    "vit": (vit, lambda: {"pixel_values": torch.ones(2, 3, 16, 16).cumsum(-1) / 16}),
    "bert": (bert, lambda: {"input_ids": tokens()}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CASES)
def test_every_architecture(name: str, form: Any) -> None:
    make, batch = CASES[name]
    plain, values = make().eval(), batch()
    near = {"momentum": {"momentum": 1 / 1024}, "coarse": {"grid": 1 / 512}}[form]
    model = revc.retrofit(copy.deepcopy(plain), form, calibration=values, **near)
    out = model.train()(**values).logits
    wanted = plain(**values).logits
    assert (out - wanted).abs().max() < 2e-3 * wanted.abs().max()
    out.square().sum().backward()
    wanted.square().sum().backward()
    theirs = {n: p.grad for n, p in plain.named_parameters() if p.grad is not None}
    mine = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert mine.keys() == theirs.keys()
    for key in theirs:
        assert (mine[key] - theirs[key]).norm() < 0.05 * theirs[key].norm() + 1e-5, key
    program, inputs = model.program(**values)
    assert (program.inverse(program(**inputs)) - inputs["x"]).abs().max() <= 2.0**-24
    assert {report.how for report in program.nets_report()} == {"captured"}


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_what_the_head_reads_is_computed_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, batch = CASES[name]
    model = revc.retrofit(make(), calibration=batch()).train()
    sources = []

    def noting(*args: Any) -> Tensor:
        sources.append(args[-1])
        return next_token_loss(*args)

    monkeypatch.setattr("revc.retrofitting.model.next_token_loss", noting)
    ids = tokens()
    model(input_ids=ids, labels=ids).loss.backward()
    with torch.autocast("cpu", torch.bfloat16):
        model(input_ids=ids, labels=ids)
    found = [source is not None for source in sources]
    assert found == [True, False]


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_losses_of_training_and_evaluation_agree(name: str) -> None:
    make, batch = CASES[name]
    ids = batch()["input_ids"]
    model = revc.retrofit(make(), calibration=batch(), loss_chunk=5)
    trained = model.train()(input_ids=ids, labels=ids)
    assert trained.logits is None
    evaluated = model.eval()(input_ids=ids, labels=ids)
    assert evaluated.logits.shape == (2, 16, 97)
    torch.testing.assert_close(trained.loss, evaluated.loss, rtol=1e-4, atol=1e-4)
    counted = model.train()(input_ids=ids, labels=ids, num_items_in_batch=torch.tensor(60))
    torch.testing.assert_close(counted.loss, trained.loss * 30 / 60)


def test_padding_counts_for_nothing() -> None:
    model = revc.retrofit(llama(), calibration={"input_ids": tokens()}).eval()
    ids, mask = tokens(), torch.ones(2, 16, dtype=torch.long)
    mask[:, 12:] = 0
    out = model(input_ids=ids, attention_mask=mask).logits
    alone = model(input_ids=ids[:, :12]).logits
    torch.testing.assert_close(out[:, :12], alone, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("form", FORMS)
def test_generation_with_a_cache_is_that_without(form: Any) -> None:
    model = revc.retrofit(llama(), form, calibration={"input_ids": tokens()}).eval()
    how = {"max_new_tokens": 6, "do_sample": False}
    with_cache = model.generate(tokens(), use_cache=True, **how)
    assert torch.equal(with_cache, model.generate(tokens(), use_cache=False, **how))


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft asks for it
def test_adapters_train() -> None:
    peft = pytest.importorskip("peft")
    for form in FORMS:
        model = revc.retrofit(llama(), form, calibration={"input_ids": tokens()})
        config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], lora_dropout=0.0)
        adapted = peft.get_peft_model(model, config).train()
        optimizer = torch.optim.AdamW([p for p in adapted.parameters() if p.requires_grad], 3e-2)
        losses = []
        for _ in range(12):
            loss = adapted(input_ids=tokens(), labels=tokens()).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0] - 0.2
        assert all((p.grad is None) != p.requires_grad for p in adapted.parameters())


def test_a_trainer_runs(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    model = revc.retrofit(llama(), calibration={"input_ids": tokens()})
    data = [{"input_ids": row, "labels": row} for row in tokens().repeat(4, 1)]
    settings = transformers.TrainingArguments(
        output_dir=str(tmp_path), max_steps=8, per_device_train_batch_size=2, learning_rate=5e-3,
        logging_steps=1, report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    trainer = transformers.Trainer(model=model, args=settings, train_dataset=data)
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert losses[0] == pytest.approx(4.6, abs=0.3)
    assert losses[-1] < losses[0] - 0.2
    trainer.save_model(str(tmp_path / "saved"))
    saved = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "saved")
    assert torch.equal(saved.lm_head.weight, model.lm_head.weight)


def test_accelerate_runs() -> None:
    accelerate = pytest.importorskip("accelerate")
    model = revc.retrofit(llama(), calibration={"input_ids": tokens()}).train()
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    run = accelerate.Accelerator(cpu=True)
    model, optimizer = run.prepare(model, optimizer)
    losses = []
    for _ in range(6):
        loss = model(input_ids=tokens(), labels=tokens()).loss
        optimizer.zero_grad()
        run.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.2


def test_records_between_layers_are_refused() -> None:
    model = revc.retrofit(llama(), calibration={"input_ids": tokens()})
    with pytest.raises(revc.BindError, match="output_hidden_states"):
        model(input_ids=tokens(), output_hidden_states=True)
