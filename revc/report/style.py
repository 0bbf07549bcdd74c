"""How pages and charts look, in dark and in light.

What has the class of a colour, ``c1`` to ``c4``, is drawn in it: lines, bars and keys alike.
"""

PALETTE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --rule: #d8dde3;
  --page: #ffffff; --good: #1a7f37; --bad: #cf222e;
  --c1: #0b62d6; --c2: #c2410c; --c3: #5b7a12; --c4: #7c3aed; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaee; --soft: #98a3ae; --rule: #323a42;
  --page: #14181c; --good: #4ac26b; --bad: #ff7b72;
  --c1: #6ea8ff; --c2: #ff9d5c; --c3: #a8cf4d; --c4: #b794ff; } }
.c1 { --c: var(--c1) } .c2 { --c: var(--c2) } .c3 { --c: var(--c3) } .c4 { --c: var(--c4) }
"""

CHART = """
.chart text { fill: var(--soft); font: 12px system-ui, sans-serif; }
.chart .paper { fill: var(--page); }
.chart .grid { stroke: var(--rule); }
.chart .even { stroke: var(--soft); stroke-dasharray: 4 4; }
.chart .line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.chart .bar, .chart .mark { fill: var(--c); }
.chart .reach { stroke: var(--c); stroke-width: 1.5; }
.chart .agree { fill: var(--good); }
.chart .differ { fill: var(--bad); }
"""

PAGE = """
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2.5rem; }
.lead { color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .75rem; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
th:first-child, td:first-child { padding-left: 0; }
.numbers :is(th, td):not(:first-child) { text-align: right; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
.none { color: var(--soft); }
figure { margin: 1.5rem 0; } figcaption { font-size: .85rem; margin: .5rem 0; }
figure svg { width: 100%; height: auto; display: block; }
.key { margin-left: 1.25rem; }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px;
  margin-right: .4rem; vertical-align: -1px; background: var(--c); }
.scroll { overflow-x: auto; } .scroll svg { border-radius: 10px; }
"""
