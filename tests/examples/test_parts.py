"""The demo's parts: the corpus and the networks, each by itself."""

import pytest
import torch

import revc
from examples.arms import SPEC
from examples.corpus import sample, standard_library
from examples.network import Network, cross_entropy, from_revc, rotary


def test_the_corpus_is_python_source_split_by_file() -> None:
    corpus = standard_library()
    assert len(corpus.train) > 10 * len(corpus.held_out) > 1e5
    assert b"import" in corpus.held_out.numpy().tobytes()
    head = corpus.held_out[:2000].numpy().tobytes()
    assert head not in corpus.train.numpy().tobytes()


def test_a_target_is_the_byte_after_its_token() -> None:
    text = torch.arange(200, dtype=torch.uint8)
    tokens, targets = sample(text, 5, 16, torch.Generator().manual_seed(0))
    assert tokens.shape == targets.shape == (5, 16)
    assert torch.equal(targets, tokens + 1)
    again, _ = sample(text, 5, 16, torch.Generator().manual_seed(0))
    assert torch.equal(tokens, again)


def test_checkpointing_changes_nothing_but_memory() -> None:
    batch = torch.randint(11, (2, 6)), torch.randint(11, (2, 6))
    losses, gradients = [], []
    for recompute in (False, True):
        torch.manual_seed(0)
        network = Network(labels=11, width=16, layers=2, heads=2, recompute=recompute)
        loss = network(*batch)
        loss.backward()
        losses.append(loss.item())
        gradients.append([p.grad for p in network.parameters()])
    assert losses[0] == losses[1]
    for plain, recomputed in zip(*gradients, strict=True):
        assert plain is not None
        assert torch.equal(plain, recomputed)


def test_chunked_cross_entropy_is_cross_entropy() -> None:
    x, targets, weight = torch.randn(3, 7, 4), torch.randint(5, (3, 7)), torch.randn(5, 4)
    whole = torch.nn.functional.cross_entropy((x @ weight.T).flatten(0, 1), targets.flatten())
    assert cross_entropy(x, targets, weight, chunk=4).item() == pytest.approx(whole.item())


def test_rotary_positions_are_relative() -> None:
    q, k = torch.randn(8).expand(1, 1, 6, 8), torch.randn(8).expand(1, 1, 6, 8)
    scores = (rotary(q) @ rotary(k).transpose(-1, -2))[0, 0]
    for apart in range(-5, 6):
        diagonal = scores.diagonal(apart)
        assert torch.allclose(diagonal, diagonal[0].expand_as(diagonal), atol=1e-5)
    assert torch.allclose(rotary(q)[0, 0, 0], q[0, 0, 0])


def test_the_plain_network_is_the_compiled_one() -> None:
    model = revc.compile(SPEC)
    torch.manual_seed(0)
    for parameter in model.parameters():  # so that no bias is zero, no scale one
        torch.nn.init.normal_(parameter, std=0.1)
    network = Network()
    network.load_state_dict(from_revc(model.state_dict()))
    batch = torch.randint(256, (2, 40)), torch.randint(256, (2, 40))
    ours, plain = model(*batch).loss, network(*batch)
    assert ours.item() == pytest.approx(plain.item(), abs=1e-5)
    ours.backward()
    plain.backward()
    pulled = from_revc({name: p.grad for name, p in model.named_parameters()})
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        error = (pulled[name] - parameter.grad).norm() / parameter.grad.norm()
        assert error < 1e-3, name
