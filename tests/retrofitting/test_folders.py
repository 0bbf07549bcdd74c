"""Retrofitted models of transformers on disk: folders, and commands that write and audit them."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import revc
from revc.cli.app import app
from revc.retrofitting import folder
from revc.retrofitting.model import Retrofitted

transformers = pytest.importorskip("transformers")
from tests.retrofitting.test_transformers import FORMS, llama, tokens  # noqa: E402


@pytest.mark.parametrize("form", FORMS)
def test_folders(form: Any, tmp_path: Path) -> None:
    plain = llama(tie_word_embeddings=True)
    model = revc.retrofit(copy.deepcopy(plain), form, calibration={"input_ids": tokens()})
    folder.save(model, tmp_path)
    ordinary = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(ordinary) is transformers.LlamaForCausalLM
    state = plain.state_dict()
    assert ordinary.state_dict().keys() == state.keys()
    assert all(torch.equal(ordinary.state_dict()[name], value) for name, value in state.items())
    again = folder.load(tmp_path)
    assert isinstance(again, Retrofitted)
    assert again.spec == model.spec == (tmp_path / "model.rev").read_text()
    assert again.lm_head.weight is again.model.embed_tokens.weight
    assert torch.equal(again(input_ids=tokens()).logits, model(input_ids=tokens()).logits)


def test_folders_that_hold_something_else(tmp_path: Path) -> None:
    with pytest.raises(revc.BindError, match="holds no retrofitted model"):
        folder.load(tmp_path)
    with pytest.raises(revc.BindError, match="cannot load a model"):
        folder.pretrained(tmp_path)
    llama().save_pretrained(tmp_path)
    (tmp_path / "retrofit.json").write_text(json.dumps({"form": "momentum"}))
    with pytest.raises(revc.BindError, match="lacks 'lattice'"):
        folder.load(tmp_path)


def test_the_command(tmp_path: Path) -> None:
    llama().save_pretrained(tmp_path / "plain")
    torch.save({"input_ids": tokens()}, tmp_path / "batch.pt")
    words = ["retrofit", tmp_path / "plain", "-o", tmp_path / "made", "--momentum", "1/16"]
    words += ["--calibration", tmp_path / "batch.pt"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert "3 layers, momentum, lattice(Q8.24)" in result.stdout
    assert "scale v by 1/16" in (tmp_path / "made" / "model.rev").read_text()
    out = folder.load(tmp_path / "made")(input_ids=tokens())
    assert out.logits.shape == (2, 16, 97)


def with_tokenizer(folder: Path) -> Path:
    """Write a model to a folder, with a tokenizer that knows every word of `TEXT`."""
    tokenizers = pytest.importorskip("tokenizers")
    words = {"?": 0} | {word: at for at, word in enumerate(sorted(set(TEXT.split())), 1)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made, unk_token="?")
    llama().save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


TEXT = "what is put on the tape comes back from the tape and the state is what it was " * 40


def run(*words: Any) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("form", FORMS)
def test_from_a_text_to_a_model_that_its_audit_passes(form: str, tmp_path: Path) -> None:
    plain, text, made = with_tokenizer(tmp_path / "plain"), tmp_path / "text.txt", tmp_path / "made"
    text.write_text(TEXT)
    result = run("retrofit", plain, "-o", made, "--calibration", text, "--form", form)
    assert result.exit_code == 0, result.output
    assert (
        folder.tokenizer(made)("the tape").input_ids
        == folder.tokenizer(plain)("the tape").input_ids
    )
    audited = run("audit", made, "--data", text, "--batch", 2, "-D", "T=256", "--json")
    assert audited.exit_code == 0, audited.output
    rows = {row["name"]: row for row in json.loads(audited.stdout)}
    assert rows["bit cycle"]["met"] is True
    ((name, budget),) = [(name, row) for name, row in rows.items() if name.startswith("budget")]
    assert name.startswith("budget put(kept)")
    assert budget["value"] > 256 * 32 * 2


def test_what_a_folder_cannot_be_audited_on(tmp_path: Path) -> None:
    plain, text, made = with_tokenizer(tmp_path / "plain"), tmp_path / "text.txt", tmp_path / "made"
    text.write_text(TEXT)
    run("retrofit", plain, "-o", made, "--calibration", text)
    short = tmp_path / "short.txt"
    short.write_text("the tape")
    cases = {
        "say --data text.txt": [],
        "2 tokens, too few for --batch 4 of -D T=512": ["--data", short],
        "cannot read": ["--data", tmp_path / "none.txt"],
        "720 tokens, too few for --batch 1 of -D T=1000": [
            "--data",
            text,
            "--batch",
            1,
            "-D",
            "T=1000",
        ],
        "drop --model, --weights": ["--data", text, "--weights", "w.pt"],
    }
    for words, options in cases.items():
        result = run("audit", made, *options)
        assert result.exit_code == 2, result.output
        assert words in result.output
    empty = tmp_path / "empty.txt"
    empty.write_text(" ")
    result = run("retrofit", plain, "-o", made, "--calibration", empty)
    assert "holds no text" in str(result.exception)
