"""The demo's parts: the corpus, the charts and the page, each by itself."""

import re
from xml.etree import ElementTree

import pytest
import torch

import revc
from examples.arms import SPEC
from examples.charts import Line, Scale, line_chart, thin, ticks
from examples.corpus import sample, standard_library
from examples.network import Network, cross_entropy, from_revc, rotary
from examples.report import page, table


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


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (0, 8.1, [0, 2, 4, 6, 8, 10]), (0, 0, [0])],
)
def test_ticks_are_round_and_enclose(low: float, high: float, found: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(found)


def test_a_scale_maps_its_ends() -> None:
    scale = Scale(0, 10, 300, 100)
    assert (scale(0), scale(5), scale(10)) == (300, 200, 100)


def test_thinning_keeps_the_peak_and_the_order() -> None:
    y = [0.0] * 1000
    y[617] = 5.0
    x, kept = thin(list(range(1000)), y, most=50)
    assert len(kept) <= 50
    assert max(kept) == 5.0
    assert x[kept.index(5.0)] == 617
    assert x == sorted(x)


def test_the_chart_is_xml_with_a_line_each_inside_its_box() -> None:
    lines = [Line("a < b", [0, 1, 2], [3, 1, 2], 1), Line("c", [0, 2], [0, 1], 2)]
    chart = line_chart(lines, "seconds", "bits & bytes")
    root = ElementTree.fromstring(f"<div>{chart}</div>")
    drawn = root.findall(".//polyline")
    assert [line.findtext("title") for line in drawn] == ["a < b", "c"]
    points = [float(n) for line in drawn for n in re.split("[ ,]", line.attrib["points"])]
    assert min(points) >= 0
    assert max(points[::2]) <= 720
    assert max(points[1::2]) <= 320


def test_the_page_is_closed_and_needs_nothing_else() -> None:
    text = page("T & T", "lead", [("One", table(["", "x"], [["a<b", "1"]]))])
    ElementTree.fromstring(re.sub(r"<(meta[^>]*)>", r"<\1/>", text.removeprefix("<!doctype html>")))
    assert "a&lt;b" in text
    assert "http" not in text
    assert "<script" not in text


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
