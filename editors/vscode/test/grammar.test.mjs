// Every word of the language has the scope of a word, and no spec leaves text without a scope.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";

import { loadGrammar, scopes } from "./scopes.mjs";

const ROOT = new URL("../../../", import.meta.url);
const grammar = await loadGrammar();

test("every word of the language is shown as one", async () => {
  const table = JSON.parse(await readFile(new URL("grammar/rev.table.json", ROOT), "utf8"));
  for (const word of Object.keys(table.words)) {
    const [[, , text, scope]] = scopes(grammar, word);
    assert.equal(text, word);
    assert.match(scope, /^(keyword\.(declaration|control|other)|constant\.language|storage\.type)\.rev$/);
  }
});

test("every spec is shown to its last character", async () => {
  const folder = new URL("specs/", ROOT);
  const specs = (await readdir(folder)).filter((name) => name.endsWith(".rev"));
  assert.ok(specs.length > 0);
  for (const name of specs) {
    const text = await readFile(new URL(name, folder), "utf8");
    const bare = scopes(grammar, text).filter(([, , , scope]) => scope === "source.rev");
    assert.deepEqual(bare, [], name);
  }
});

test("a comment that is not ASCII ends with its line", () => {
  const found = scopes(grammar, 'a += tanh(b)  # Größe 𝔊 "\nlet v = a');
  assert.deepEqual(found.filter(([line]) => line === 2)[0], [2, 1, "let", "keyword.control.rev"]);
});
