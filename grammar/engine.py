"""The LALR machine: a stack of states and values that tokens are pushed onto."""

from collections.abc import Iterable
from typing import Any

from revc.grammar.builder import NESTING, Builder, Place
from revc.grammar.lexer import BRACKETS, MAX_NESTING, Token
from revc.grammar.span import Span
from revc.grammar.table import END, Rule, table

_CLOSERS = frozenset({"RPAR", "RSQB", "RBRACE", "MORETHAN"})


class TooDeepError(Exception):
    """Expressions or statements nest too deeply; `span` is the innermost that was read."""

    def __init__(self, span: Span) -> None:
        self.span = span
        super().__init__("nested too deeply")


class Engine:
    """A parse in progress."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._builder = Builder(file)
        self._actions = table().actions
        self._rules = table().rules
        self._end = table().end
        self.states = [0]
        self._values: list[Any] = []
        self._places: list[Place] = []
        self._depths: list[int] = []

    @property
    def result(self) -> Any:
        """The value that was made last: the file, once `push` has taken the end."""
        return self._values[-1]

    def kind(self, token: Token) -> str:
        """Return the terminal that `token` is here: a word is a keyword only where one may be."""
        return self._kind(token, self.states[-1])

    def push(self, kind: str, token: Token) -> bool:
        """Take one token; return False, with what could be reduced reduced, if it is wrong here.

        Raises:
            TooDeepError: what was reduced nests more than `MAX_NESTING` levels.
        """
        states, actions = self.states, self._actions
        while (action := actions[states[-1]].get(kind)) is not None:
            if action >= 0:
                states.append(action)
                self._values.append(token)
                self._places.append((token.line, token.column, token.line, token.end_column))
                self._depths.append(0)
                return True
            rule = self._rules[-1 - action]
            if rule.is_unit:  # an operand becoming an expression: most reductions
                states[-1] = actions[states[-2]][rule.origin]
            else:
                self._reduce(rule)
        return kind == END and states[-1] == self._end

    def step(self, token: Token) -> str | None:
        """Take one token without making any value; return the terminal that it is.

        Returns:
            None if it is wrong here.
        """
        kind = self.kind(token)
        return kind if self._advance(self.states, kind) else None

    def reduce_before(self, kind: str) -> None:
        """Reduce what can be reduced before a terminal that is expected."""
        while (action := self._actions[self.states[-1]].get(kind)) is not None and action < 0:
            self._reduce(self._rules[-1 - action])

    def take(self, symbol: str, value: Any, place: Place, depth: int) -> None:
        """Take what `symbol` was made of before, where one is expected."""
        self.states.append(self._actions[self.states[-1]][symbol])
        self._values.append(value)
        self._places.append(place)
        self._depths.append(depth)

    def made(self, height: int) -> tuple[Any, Place, int]:
        """Return what was made above the first `height` states, its place and its depth."""
        return self._values[height - 1], self._places[height - 1], self._depths[height - 1]

    def follow(self, tokens: Iterable[Token]) -> bool:
        """Say whether these tokens could be pushed, one after the other; changes nothing."""
        states = list(self.states)
        return all(self._advance(states, self._kind(token, states[-1])) for token in tokens)

    def expected(self) -> frozenset[str]:
        """Return the terminals that could be pushed."""
        here = [kind for kind in self._actions[self.states[-1]] if kind.isupper()]
        return frozenset(kind for kind in here if self._advance(list(self.states), kind))

    def before(self, kind: str) -> list[int]:
        """Return the states there would be just before an expected terminal is taken."""
        states = list(self.states)
        self._advance(states, kind)
        return states[:-1]

    def open_brackets(self) -> list[Token]:
        """Return the tokens of the brackets that are open, outermost first."""
        found: list[Token] = []
        for token in self._values:
            if isinstance(token, Token) and token.text in BRACKETS:
                found.append(token)
            elif isinstance(token, Token) and token.type in _CLOSERS:
                found.pop()
        return found

    def list_height(self) -> int:
        """Return how many states there are up to the innermost list of statements or items."""
        heights = range(len(self.states), 1, -1)
        lists = (h for h in heights if self._is_list(self.states[h - 1]))
        return next(lists, 1)

    def in_body(self) -> bool:
        """Say whether a statement could come here."""
        return "stmt" in self._actions[self.states[-1]]

    def pop_to(self, height: int) -> None:
        """Drop all but the first `height` states, and what they stand for."""
        del self.states[height:]
        for stack in (self._values, self._places, self._depths):
            del stack[height - 1 :]

    def _is_list(self, state: int) -> bool:
        actions = self._actions[state]
        return "item" in actions or ("stmt" in actions and "RBRACE" in actions)

    def _kind(self, token: Token, state: int) -> str:
        if token.type != "WORD":
            return token.type
        tables = table()
        keyword = tables.words.get(token.text)
        if keyword and (token.text in tables.reserved or keyword in self._actions[state]):
            return keyword
        return "NAME"

    def _advance(self, states: list[int], kind: str) -> bool:
        while True:
            action = self._actions[states[-1]].get(kind)
            if action is None:
                return kind == END and states[-1] == self._end
            if action >= 0:
                states.append(action)
                return True
            rule = self._rules[-1 - action]
            del states[len(states) - rule.size :]
            states.append(self._actions[states[-1]][rule.origin])

    def _reduce(self, rule: Rule) -> None:
        size, values = rule.size, self._values
        start = len(values) - size
        place = self._place(start)
        depth = max(self._depths[start:], default=0) + (rule.name in NESTING)
        value = self._value(rule, values[start:], place)
        if depth > MAX_NESTING:
            raise TooDeepError(Span(self._file, *place))
        del self.states[start + 1 :]
        self.states.append(self._actions[self.states[-1]][rule.origin])
        if size == 1:
            values[-1], self._places[-1], self._depths[-1] = value, place, depth
        else:
            values[start:] = (value,)
            self._places[start:] = (place,)
            self._depths[start:] = (depth,)

    def _place(self, start: int) -> Place:
        """Return where the values from `start` stand; for none, just behind what came before."""
        places = self._places
        if start < len(places):
            first, last = places[start], places[-1]
            return first[0], first[1], last[2], last[3]
        line, column = places[-1][2:] if places else (1, 1)
        return line, column, line, column

    def _value(self, rule: Rule, values: list[Any], place: Place) -> Any:
        parts = [values[at] for at in rule.plain] if rule.plain else _spliced(rule, values)
        if rule.splice:
            return parts
        if rule.passes:
            return parts[0]
        return self._builder.make(rule.name, place, parts)


def _spliced(rule: Rule, values: list[Any]) -> list[Any]:
    """Return those of some values that a rule keeps, lists spliced and absent parts None."""
    parts: list[Any] = []
    for at, splice, absent in rule.keep:
        parts += [None] * absent
        if not splice:
            parts.append(values[at])
        elif parts:
            parts += values[at]
        else:
            parts = values[at]
    parts += [None] * rule.nones
    return parts
