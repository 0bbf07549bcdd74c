"""What an editor shows of the thing below the pointer, as Markdown."""

from collections.abc import Iterator

from revc.grammar import ast
from revc.grammar.printer import print_stmt
from revc.grammar.signatures import Option, Signature, builtin_signatures
from revc.grammar.span import Span
from revc.ir.program import StackDecl
from revc.lsp.costs import cost_text
from revc.lsp.facts import bits, encloses
from revc.lsp.symbols import Symbol
from revc.lsp.workspace import Document
from revc.passes.analysis.proof import Proof
from revc.passes.analysis.sites import metered
from revc.passes.loading import STD
from revc.passes.recursion_limit import recursion_limit

_MOST_STEPS = 12


def hover(document: Document, line: int, column: int) -> tuple[str, Span] | None:
    """Return what is known at a place, and of which stretch of text; None for nothing."""
    with recursion_limit():
        return _hover(document, line, column)


def _hover(document: Document, line: int, column: int) -> tuple[str, Span] | None:
    found = document.names.at(line, column)
    if found is not None:
        symbol, at = found
        shown = _symbol(document, symbol, at)
        if shown:
            return "\n\n".join(shown), at
    return _statement(document, line, column)


def _symbol(document: Document, symbol: Symbol, at: Span) -> list[str]:
    match symbol.kind:
        case "block" | "model":
            return [_code(f"{symbol.kind} {symbol.name}"), *_verdict(document, symbol.name)]
        case "register" | "given" | "let":
            return _value(document, symbol, at)
        case "dim":
            return _dim(document, symbol)
        case "meter":
            return _meter(document, symbol)
        case "import" if symbol.module == STD:
            known = builtin_signatures().get(symbol.name)
            return [_code(signature_text(known))] if known is not None else []
        case "import":
            return [_code(f"use {symbol.module}: {symbol.name}")]
        case "reservoir" | "tape":
            return [_code(f"{symbol.kind} {symbol.name}"), *_stack(document, symbol)]
        case "net":
            return [_code(_net(document, symbol))]
    return [_code(f"{symbol.kind} {symbol.name}")]


def _net(document: Document, symbol: Symbol) -> str:
    """Return a net as it is declared."""
    tree = document.spec.main.file if document.spec is not None else ()
    for node in ast.walk(tree):
        if isinstance(node, ast.NetDecl) and any(encloses(node.span, at) for at in symbol.made):
            return print_stmt(node)
    return f"net {symbol.name}"


def _value(document: Document, symbol: Symbol, at: Span) -> list[str]:
    body = document.body_at(at)
    kind = body.type_at(symbol.name, at) if body is not None else None
    if kind is None:
        return [_code(f"{symbol.kind} {symbol.name}")]
    shown = [_code(f"{symbol.kind} {symbol.name}: {kind}")]
    if symbol.kind == "register":
        shown.append(f"State: {bits(kind)}.")
    return shown


def _dim(document: Document, symbol: Symbol) -> list[str]:
    checked = document.checked
    if checked is None:
        return [_code(f"dim {symbol.name}")]
    names = checked.elaboration.names(checked.elaboration.main)
    size = names[symbol.name].integer if symbol.name in names else None
    if size is None:
        return [_code(f"dim {symbol.name}"), "Free: inputs say its size."]
    return [_code(f"dim {symbol.name} = {size}")]


def _meter(document: Document, symbol: Symbol) -> list[str]:
    shown = [_code(f"meter {symbol.name}")]
    checked = document.checked
    for built in checked.roots if checked is not None else ():
        sites = [s for s in metered(built.block) if s.meter == symbol.name] if built.whole else []
        shown += [f"`{built.decl.name}`: {text}" for text in dict.fromkeys(map(cost_text, sites))]
    return shown


def _stack(document: Document, symbol: Symbol) -> Iterator[str]:
    checked = document.checked
    programs = checked.programs.values() if checked is not None else ()
    found: list[StackDecl] = [s for one in programs for s in one.stacks if s.name == symbol.name]
    for stack in found[:1]:
        if stack.bits is not None:
            yield f"A sequence may draw {stack.bits} bits."


def _verdict(document: Document, name: str) -> Iterator[str]:
    proof = document.proofs.get(name)
    if proof is not None:
        yield f"**{proof.verdict}**: {proof.reason}."
        steps = [f"- {_step(step)}" for step in proof.steps[:_MOST_STEPS]]
        if len(proof.steps) > _MOST_STEPS:
            steps.append(f"- and {len(proof.steps) - _MOST_STEPS} more")
        yield "\n".join(steps)
        yield from proof.notes


def _step(step: Proof) -> str:
    return f"{step.verdict} `{step.subject}`, line {step.span.line}: {step.reason}"


def _statement(document: Document, line: int, column: int) -> tuple[str, Span] | None:
    """Return why the statement at a place can be undone."""
    at = Span(document.file, line, column, line, column)
    found = [step for step in _steps(document, at) if encloses(step.span, at)]
    if not found:
        return None
    step = next(one for one in found if one.span == found[-1].span)  # a loop before its body
    return f"**{step.verdict}** `{step.subject}`: {step.reason}.", step.span


def _steps(document: Document, at: Span) -> Iterator[Proof]:
    """Yield the steps of proofs around a place, inner ones behind what holds them."""
    body = document.body_at(at)
    waiting = [document.proofs[body.built.decl.name]] if body is not None else []
    while waiting:
        proof = waiting.pop()
        for step in proof.steps:
            if step.span.file == at.file and encloses(step.span, at):
                yield step
                waiting.append(step)


def signature_text(signature: Signature) -> str:
    """Return a built-in net as it is declared, ``norm(x: [.., n]) -> [.., n]``."""
    leading = [o for o in signature.options if o.name in signature.leading]
    other = [o for o in signature.options if o.name not in signature.leading]
    inputs = [
        f"{one.name}{'..' if one.many else ''}: {'label' if one.label else ''}"
        f"[{', '.join(one.shape)}]"
        for one in signature.inputs
    ]
    inside = [*map(_option, leading), *inputs, *map(_option, other)]
    return f"net {signature.name}({', '.join(inside)}) -> [{', '.join(signature.result)}]"


def _option(option: Option) -> str:
    kind = " | ".join(option.choices) if option.choices else option.kind
    if option.default is None:
        return f"{option.name}: {kind}"
    value = option.default.value if option.default.value is not None else option.default.kind
    shown = str(value).lower() if isinstance(value, bool) else value
    return f"{option.name}: {kind} = {shown}"


def _code(text: str) -> str:
    return f"```rev\n{text}\n```"
