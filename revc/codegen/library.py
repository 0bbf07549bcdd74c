"""The graphs of a program, each made once: equal blocks share one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.fx import GraphModule

from revc.codegen.body import Body
from revc.codegen.compile_unit import CompileUnit, build_unit
from revc.codegen.forward import Forward
from revc.codegen.interface import emits_of, sizes_of
from revc.codegen.metering import Exchanging, site_of, uses_bits
from revc.codegen.options import Asked, Needs, Options, Wants
from revc.codegen.pull import Pull
from revc.codegen.record import Record
from revc.codegen.segments import without_emits
from revc.codegen.split import Saved
from revc.codegen.statements.repeat import used_slots
from revc.codegen.values import brings_nets, place_keys
from revc.errors import InternalError
from revc.ir.expr import Expr
from revc.ir.graph_keys import graph_key, slot_key
from revc.ir.instructions import Env, Repeat
from revc.ir.keys import Key, code_key, key, nameless
from revc.ir.program import Block
from revc.runtime.loop import Layout, Loop, VjpLoop
from revc.runtime.loop_kept import TurnLoop, VjpTurnLoop
from revc.runtime.loop_saved import KeepLoop, PullLoop
from revc.runtime.metered.plan import Site

if TYPE_CHECKING:
    from collections.abc import Hashable


@dataclass
class Library:
    """Caches the graphs by what they are made of; `sites` are the program's that exchange bits."""

    sites: tuple[Site, ...] = ()
    made: "dict[Hashable, Any]" = field(default_factory=dict)

    def metered(self, block: Block) -> bool:
        """Say whether a block exchanges bits."""
        return uses_bits(block)

    def site(self, step: Exchanging, env: Env) -> int:
        """Return the number of a statement that exchanges bits, with the types around it."""
        rows = list(dict.fromkeys((site.meter, site.side) for site in self.sites))
        return self.sites.index(site_of(step, env, rows))

    def oriented(self, block: Block, undo: bool) -> Block:
        """Return the block, or its inverse."""
        if not undo:
            return block
        made = ("inverse", code_key(block))
        if made not in self.made:
            self.made[made] = block.inverse()
        return self.made[made]

    def forward(self, block: Block, options: Options, asked: Asked = None) -> GraphModule:
        """Return the graph of a block; `asked` must be what its VJP graphs are lowered with."""
        asked = _distinct(block, asked)
        made = ("forward", _code(block, options), options, asked)
        if made not in self.made:
            self.made[made] = Forward(block, self, options, asked).build()
            self.made[made].meta["block"] = block
        return self.made[made]

    def inverse(self, block: Block, options: Options, asked: Asked = None) -> GraphModule:
        """Return the graph of a block's inverse, without emits and code lengths."""
        options = replace(options, measured=False, keep=frozenset())
        made = ("inverse graph", _code(block, options), options, _distinct(block, asked))
        if made not in self.made:
            inverted = without_emits(block).inverse()
            if sizes_of(inverted) == (sizes := sizes_of(block)):
                self.made[made] = self.forward(inverted, options, asked)
            else:  # an emit alone needs a size, and a caller knows of one list of them
                self.made[made] = Forward(inverted, self, options, asked, sizes).build()
                self.made[made].meta["block"] = inverted
        return self.made[made]

    def vjp(self, block: Block, needs: Needs, options: Options, asked: Asked = None) -> GraphModule:
        """Return the VJP graph of a block for what wants cotangents.

        Raises:
            InternalError: a given wants a cotangent that is not `asked` for.
        """
        if asked is not None and any(w and not a for w, a in zip(needs.givens, asked, strict=True)):
            raise InternalError(f"{block.name}: wants {needs.givens}, asks for {asked}")
        asked = _distinct(block, asked)
        made = ("vjp", _code(block, options), needs, options, asked)
        if made not in self.made:
            self.made[made] = Pull(block, needs, self, options, asked).build()
            self.made[made].meta["block"] = block
        return self.made[made]

    def saved(self, block: Block, wants: Wants, options: Options, asked: Asked = None) -> Saved:
        """Return the graph of a block that keeps, and the one that pulls from what it kept."""
        asked = _distinct(block, asked)
        made = ("saved", _code(block, options), wants, options, asked)
        if made not in self.made:
            self.made[made] = Record(block, wants, self, options, asked).saved()
            self.made[made].keep.meta["block"] = self.made[made].pull.meta["block"] = block
        return self.made[made]

    def saved_loop(self, step: Repeat, wants: Wants, options: Options, asked: Asked) -> Saved:
        """Return the two loops of a repeat that keeps."""
        body, layout = self.saved(step.body, wants, options, asked), self.layout(step, False)
        keep, pull = KeepLoop(body.keep, layout), PullLoop(body.pull, layout)
        return replace(body, keep=keep, pull=pull)

    def forward_loop(
        self, step: Repeat, turns: Sequence[Options], asked: Asked, checked: bool = False
    ) -> nn.Module:
        """Return the loop of a repeat: the options of each turn as it runs, or one for all."""
        layout, kinds = self.layout(step, checked), list(dict.fromkeys(turns))
        bodies = [self.forward(step.body, options, asked) for options in kinds]
        if len(kinds) == 1:
            return Loop(bodies[0], layout)
        return TurnLoop(bodies, *_turns(turns, kinds), layout)

    def vjp_loop(
        self, step: Repeat, needs: Needs, turns: Sequence[Options], asked: Asked,
        checked: bool = False,
    ) -> nn.Module:  # fmt: skip
        """Return the VJP loop of a repeat; `turns` as of `forward_loop`."""
        layout, kinds = self.layout(step, checked), list(dict.fromkeys(turns))
        bodies = [self.vjp(step.body, needs, options, asked) for options in kinds]
        if len(kinds) == 1:
            return VjpLoop(bodies[0], layout)
        return VjpTurnLoop(bodies, *_turns(turns, kinds), layout)

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

    def unit(self, value: Expr, body: Body) -> CompileUnit:
        """Return the unit of compilation of an expression of a block."""
        numerics = {name: body.whole(place.name)[1] for name, place in place_keys(value).items()}
        nets = body.block.nets
        code = (key(value), tuple((name, key(kind)) for name, kind in numerics.items()))
        made = ("unit", *code, tuple(nameless(slot) for slot in nets))
        if made in self.made:
            return self.made[made]
        # A compiler keeps few versions of a unit: what differs in shapes is one of its own, but
        # its graphs are the same.
        shared = ("unit graphs", *code, tuple(slot_key(slot) for slot in nets))
        known = self.made.get(shared)
        unit = build_unit(value, nets, numerics) if known is None else known.anew()
        self.made[made] = self.made[shared] = unit
        return unit


def _turns(
    turns: Sequence[Options], kinds: Sequence[Options]
) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Return which kind each turn is of, and which kinds keep values."""
    which = tuple(kinds.index(options) for options in turns)
    return which, tuple(bool(options.keep) for options in kinds)


def _code(block: Block, options: Options) -> Key:
    """Return the key of what a block's code depends on."""
    return code_key(block) if options.traced else graph_key(block)


def _distinct(block: Block, asked: Asked) -> Asked:
    """Return what `asked` changes of a block's code: nothing without brought nets."""
    return asked if asked is not None and not all(asked) and brings_nets(block) else None
