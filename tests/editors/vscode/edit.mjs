// node edit.mjs URL PICTURE: edits net.rev in VS Code at URL as a person does, and prints what it then
// shows, as JSON; PICTURE is where pictures go.

import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const [url, picture] = process.argv.slice(2);
const browser = await puppeteer.launch({
  args: [...chromium.args, "--no-sandbox"],
  executablePath: await chromium.executablePath(),
  headless: "shell",
});
const page = await browser.newPage();
await page.setViewport({ width: 1440, height: 900 });
page.setDefaultTimeout(60_000);

async function press(...keys) {
  const held = keys.slice(0, -1);
  for (const key of held) await page.keyboard.down(key);
  await page.keyboard.press(keys.at(-1));
  for (const key of held.reverse()) await page.keyboard.up(key);
}

// The texts of what a selector finds, as soon as there are some that `words` stand in.
async function shown(selector, words = "") {
  const texts = (query, want) => {
    const found = [...document.querySelectorAll(query)].map((node) => node.innerText);
    return found.some((text) => text.includes(want)) && found;
  };
  return (await page.waitForFunction(texts, {}, selector, words)).jsonValue();
}

// The middle of a word of the text, as soon as it stands by itself.
async function word(text) {
  const middle = (want) => {
    const spans = [...document.querySelectorAll(".monaco-editor .view-line span span")];
    const box = spans.find((node) => node.textContent.trim() === want)?.getBoundingClientRect();
    return box && [box.x + box.width / 2, box.y + box.height / 2];
  };
  return (await page.waitForFunction(middle, {}, text)).jsonValue();
}

const lines = async () => {
  const rows = await page.$$eval(".monaco-editor .view-line", (nodes) =>
    nodes.map((node) => [parseInt(node.style.top), node.textContent.replaceAll("\u00a0", " ")]),
  );
  return rows.sort(([one], [other]) => one - other).map(([, text]) => text);
};
const clean = () => page.waitForFunction(() => !document.querySelector(".squiggly-error"));
const snap = (name) => page.screenshot({ path: `${picture}-${name}.png` });
const found = {};

try {
  await page.goto(url, { waitUntil: "domcontentloaded" });
  await shown(".explorer-folders-view .monaco-list-row", "net.rev");
  await page.click("::-p-text(net.rev)", { count: 2 });
  await page.waitForSelector(".squiggly-error");

  await page.mouse.move(...(await word("nomr")));
  found.finding = await shown(".monaco-hover:not(.hidden)", "nomr");
  await snap("finding");

  await page.mouse.click(...(await word("nomr")));
  await press("Control", "Period");
  found.repairs = await shown(".action-widget .monaco-list-row", "norm");
  await snap("repairs");
  await press("Enter");
  await clean();
  found.repaired = await lines();

  await page.mouse.move(...(await word("Layer")));
  found.proof = await shown(".monaco-hover:not(.hidden)", "PROVED");
  await snap("proof");

  await page.mouse.click(...(await word("Layer")));
  await press("F2");
  await page.waitForFunction(() => document.activeElement?.closest(".rename-box"));
  await press("Control", "KeyA");
  await page.keyboard.type("Turn");
  await press("Enter");
  await shown(".monaco-editor .view-line", "Turn");
  await word("Turn");
  found.renamed = await lines();

  await press("Control", "End");
  await page.keyboard.type("dim ");
  await page.waitForSelector(".squiggly-error");
  await page.keyboard.type("h = 4");
  await clean();

  await press("Control", "Shift", "KeyO");
  found.outline = await shown(".quick-input-list .monaco-list-row", "Turn");
  await snap("outline");
  await press("Escape");
} finally {
  await snap("last");
  await browser.close();
}
process.stdout.write(JSON.stringify(found));
