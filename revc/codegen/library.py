"""The graphs of a program, each made once: equal blocks share one."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.fx import GraphModule, Node

from revc.codegen.body import Options, place_keys
from revc.codegen.forward import Forward, used_slots
from revc.codegen.interface import emits_of, sizes_of
from revc.codegen.metering import Exchanging, site_of, uses_bits
from revc.codegen.pull import Needs, Pull
from revc.codegen.region import Region, build_region
from revc.ir.expr import Expr
from revc.ir.instructions import Env, Repeat
from revc.ir.invert import invert_block
from revc.ir.program import Block
from revc.runtime.loop import Layout, Loop, VjpLoop
from revc.runtime.metered.plan import Site

if TYPE_CHECKING:
    from collections.abc import Hashable


@dataclass
class Library:
    """Caches the graphs by what they are made of; `sites` are the program's that exchange bits."""

    sites: tuple[Site, ...] = ()
    made: "dict[Hashable, Any]" = field(default_factory=dict)
    bits: dict[int, tuple[Block, bool]] = field(default_factory=dict)
    keys: dict[int, tuple[Block, str]] = field(default_factory=dict)

    def key(self, block: Block) -> str:
        """Return what a block's code depends on: all of it but its name and its slots' names."""
        if id(block) not in self.keys:
            named: Any = {"name": True, "nets": {"__all__": {"name"}}}
            text = block.model_dump_json(exclude=named)
            self.keys[id(block)] = (block, text)  # the block is kept, so that its id stays its own
        return self.keys[id(block)][1]

    def metered(self, block: Block) -> bool:
        """Say whether a block exchanges bits."""
        return uses_bits(block, self.bits)

    def site(self, step: Exchanging, env: Env) -> int:
        """Return the number of a statement that exchanges bits, with the types around it."""
        rows = list(dict.fromkeys((site.meter, site.side) for site in self.sites))
        return self.sites.index(site_of(step, env, rows))

    def oriented(self, block: Block, undo: bool) -> Block:
        """Return the block, or its inverse."""
        if not undo:
            return block
        key = ("inverse", self.key(block))
        if key not in self.made:
            self.made[key] = invert_block(block)
        return self.made[key]

    def forward(self, block: Block, options: Options) -> GraphModule:
        """Return the graph of a block."""
        key = ("forward", self.key(block), options)
        if key not in self.made:
            self.made[key] = Forward(block, self, options).build()
            self.made[key].meta["block"] = block
        return self.made[key]

    def vjp(self, block: Block, needs: Needs, options: Options) -> GraphModule:
        """Return the VJP graph of a block for what wants cotangents."""
        key = ("vjp", self.key(block), needs, options)
        if key not in self.made:
            self.made[key] = Pull(block, needs, self, options).build()
            self.made[key].meta["block"] = block
        return self.made[key]

    def forward_loop(self, step: Repeat, options: Options, checked: bool = False) -> nn.Module:
        """Return the loop of a repeat."""
        return Loop(self.forward(step.body, options), self.layout(step, checked))

    def vjp_loop(
        self, step: Repeat, needs: Needs, options: Options, checked: bool = False
    ) -> nn.Module:
        """Return the VJP loop of a repeat."""
        return VjpLoop(self.vjp(step.body, needs, options), self.layout(step, checked))

    def layout(self, step: Repeat, checked: bool) -> Layout:
        """Return how a repeat passes its values to its body."""
        used = used_slots(step)
        names = (*sizes_of(step.body), *step.body.turns)
        turn = names.index(step.index) if step.index in names else None
        return Layout(
            registers=len(step.registers),
            givens=len(step.givens),
            emits=len(emits_of(step.body)),
            nets=len(used),
            sizes=len(names) - (turn is not None),
            rows=tuple(tuple(used.index(slot) for slot in row) for row in step.nets) or ((),),
            turn=turn,
            backwards=step.reversed,
            checked=checked,
        )

    def size_arguments(
        self, callee: Block, index: str | None, sizes: dict[str, Node]
    ) -> list[Node]:
        """Return the sizes and turns that a callee takes, but for a loop's own turn."""
        names = (*sizes_of(callee), *callee.turns)
        return [sizes[name] for name in names if name != index]

    def region(self, value: Expr, body: Forward) -> Region:
        """Return the region of an expression of a block."""
        numerics = {key: body.whole(place.name)[1] for key, place in place_keys(value).items()}
        slots = tuple(slot.model_dump_json(exclude={"name"}) for slot in body.block.nets)
        texts = tuple((key, kind.model_dump_json()) for key, kind in numerics.items())
        key = ("region", value.model_dump_json(), texts, slots)
        if key not in self.made:
            self.made[key] = build_region(value, body.block.nets, numerics)
        return self.made[key]
