"""Drive the parser over a text: push tokens, and where one does not fit, report and repair."""

from revc.grammar import ast
from revc.grammar.diagnostics import Diagnostic, syntax_error
from revc.grammar.engine import Engine, TooDeepError
from revc.grammar.foreign import is_bare_loop
from revc.grammar.lexer import MAX_NESTING, Lexer, Place, Token
from revc.grammar.recovery import Repair, Wrong, drop_statement, find_repair, open_now
from revc.grammar.span import Span
from revc.grammar.table import END

MAX_FINDINGS = 20
_MAX_REPAIRS = 100
_STAND_INS = {
    "BAD_NUMBER": ("NUMBER", "1"),
    "BIG_NUMBER": ("NUMBER", "1"),
    "BAD_STRING": ("STRING", '""'),
}


class Reader:
    """One reading of one text; after `run`, `file` and `findings` hold what came of it."""

    def __init__(self, text: str, file: str) -> None:
        self.findings: list[Diagnostic] = []
        self.file: ast.File = ast.File(span=Span(file, 1, 1, 1, 1), items=(), comments=())
        self._name = file
        self._lexer = Lexer(text)
        self._engine = Engine(file)
        self._previous: Token | None = None
        self._repairs = 0
        self._quiet = False

    def run(self) -> None:
        """Read the text to its end, or until there are too many errors."""
        try:
            while not self._step():
                pass
        except TooDeepError as error:
            self._too_deep(error.span)

    def _step(self) -> bool:
        """Take one token, wrong or not; say whether reading is over."""
        token = self._lexer.next()
        if token.type == "TOO_DEEP":
            raise TooDeepError(self._span(token))
        kind = self._engine.kind(token)
        if not self._engine.push(kind, token):
            self._amend(token, kind, self._lexer.before)
            return self._repairs > _MAX_REPAIRS or len(self.findings) >= MAX_FINDINGS
        self._quiet = False
        if kind != "_NL":
            self._previous = token
        if kind == END:
            self.file = self._engine.result
        return kind == END

    def _amend(self, token: Token, kind: str, before: Place) -> None:
        """Report a token that does not fit, and make the parse ready to go on."""
        self._repairs += 1
        wrong = self._wrong(token, kind, before)
        if kind == "BAD_TEXT":
            repair: Repair | None = Repair((), True, ())
        elif kind in _STAND_INS:
            repair = self._stand_in(wrong)
        elif is_bare_loop(self._engine, wrong) and not self._closes_on_line(wrong):
            repair = None
        else:
            repair = find_repair(self._engine, wrong)
        self._report(wrong, repair)
        if repair is None:
            drop_statement(self._engine, self._lexer, wrong)
            self._quiet = True
            self._previous = None
        else:
            self._apply(wrong, repair)

    def _wrong(self, token: Token, kind: str, before: Place) -> Wrong:
        after = self._lexer.mark()
        ahead = [token]
        while len(ahead) < 3 and ahead[-1].type != END:
            ahead.append(self._lexer.next())
        self._lexer.go_back(after)
        return Wrong(token, kind, before, after, self._previous, tuple(ahead))

    def _closes_on_line(self, wrong: Wrong) -> bool:
        """Say whether more braces close than open on the rest of a token's line."""
        depth, token, back = 0, wrong.token, self._lexer.mark()
        while token.type not in (END, "TOO_DEEP") and token.line == wrong.token.line:
            depth += (token.type == "LBRACE") - (token.type == "RBRACE")
            token = self._lexer.next()
        self._lexer.go_back(back)
        return depth < 0

    def _stand_in(self, wrong: Wrong) -> Repair | None:
        """Take a broken number or string for a good one, if there may be one."""
        kind, text = _STAND_INS[wrong.kind]
        good = wrong.token._replace(type=kind, text=text)
        return Repair((good,), True, ()) if self._engine.follow([good]) else None

    def _report(self, wrong: Wrong, repair: Repair | None) -> None:
        """Note a finding, unless it is an echo: on the same line, or just behind a dropped one."""
        from revc.grammar.wording import diagnose  # right specs start faster without it

        last = self.findings[-1].span.line if self.findings else 0
        if not self.findings or not (self._quiet or last == wrong.token.line):
            self.findings.append(diagnose(self._name, self._engine, wrong, repair))

    def _apply(self, wrong: Wrong, repair: Repair) -> None:
        for token in repair.push:
            self._engine.push(token.type, token)
        last = repair.push[-1] if repair.push else wrong.before.last
        place = wrong.after if repair.drops else wrong.before
        self._lexer.resume(place, open_now(self._engine), last)

    def _too_deep(self, at: Span) -> None:
        message = f"this nests more than {MAX_NESTING} levels deep"
        self.findings.append(
            syntax_error(message, at, helps=["name parts of it with `let`, or use blocks"])
        )

    def _span(self, token: Token) -> Span:
        return Span(self._name, token.line, token.column, token.line, token.end_column)
