// The scopes that the grammar gives to every stretch of a text.

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");

export const GRAMMAR = fileURLToPath(new URL("../syntaxes/rev.tmLanguage.json", import.meta.url));

export async function loadGrammar() {
  const wasm = await readFile(require.resolve("vscode-oniguruma/release/onig.wasm"));
  await oniguruma.loadWASM(wasm.buffer);
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => textmate.parseRawGrammar(await readFile(GRAMMAR, "utf8"), GRAMMAR),
  });
  return registry.loadGrammar("source.rev");
}

/** Returns [line, column, text, scope] for each stretch with a scope of its own, from 1. */
export function scopes(grammar, text) {
  const found = [];
  let stack = textmate.INITIAL;
  for (const [number, line] of text.split("\n").entries()) {
    const { tokens, ruleStack } = grammar.tokenizeLine(line, stack);
    stack = ruleStack;
    for (const { startIndex, endIndex, scopes } of tokens) {
      const shown = line.slice(startIndex, endIndex);
      if (shown.trim() !== "") {
        found.push([number + 1, startIndex + 1, shown, scopes[scopes.length - 1]]);
      }
    }
  }
  return found;
}

// node test/scopes.mjs < JSON of texts: prints the scopes of each as JSON.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const texts = JSON.parse(readFileSync(0, "utf8"));
  const grammar = await loadGrammar();
  process.stdout.write(JSON.stringify(texts.map((text) => scopes(grammar, text))));
}
