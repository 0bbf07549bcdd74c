// node edit.mjs URL PICTURE: edits a spec in the playground as a person does, and prints what the page
// then shows, as JSON; PICTURE is where pictures of the page go.

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
const problems = [];
page.on("console", (message) => ["error", "warning"].includes(message.type()) && problems.push(message.text()));
page.on("pageerror", (error) => problems.push(String(error)));
const asked = new Set();
page.on("request", (request) => asked.add(new URL(request.url()).host));

const state = () => page.$eval("#state", (node) => node.textContent);
const waitState = (words) =>
  page.waitForFunction((want) => document.getElementById("state").textContent === want, {}, words);
const findings = () => page.$$eval("#findings button", (nodes) => nodes.map((node) => node.innerText));

await page.goto(url);
await waitState("no findings");
const drawn = await page.$eval("#picture svg", (node) => node.textContent);
await page.screenshot({ path: `${picture}-good.png` });

// A name is mistyped: `norm` becomes `nomr`, by keys.
await page.evaluate(() => {
  const text = document.getElementById("text");
  const at = text.value.indexOf("norm(b)");
  text.focus();
  text.setSelectionRange(at + 2, at + 4);
});
await page.keyboard.type("mr");
await waitState("1 denied");
const wrong = await findings();
const marked = await page.$$eval("#shown mark", (nodes) => nodes.map((node) => node.textContent).join(""));
const stale = await page.$eval("#picture", (node) => node.classList.contains("stale"));
await page.screenshot({ path: `${picture}-bad.png` });

// The finding leads to its place; typing there repairs it.
await page.click("#findings button");
const selected = await page.evaluate(() => {
  const text = document.getElementById("text");
  return text.value.slice(text.selectionStart, text.selectionEnd);
});
await page.keyboard.type("norm");
await waitState("no findings");

await page.click("[data-tab=inverse]");
const inverse = await page.$eval("#inverse", (node) => node.innerText);
await page.screenshot({ path: `${picture}-inverse.png` });
await page.click("[data-tab=verdicts]");
await page.click("#verdicts summary");
const verdicts = await page.$eval("#verdicts", (node) => node.innerText);
await page.screenshot({ path: `${picture}-verdicts.png` });

await page.select("#examples", "rnn");
await page.waitForFunction(() => document.getElementById("verdicts").innerText.includes("Rnn"));
await page.click("[data-tab=picture]");
await page.screenshot({ path: `${picture}-example.png` });
const scheme = [{ name: "prefers-color-scheme", value: "dark" }];
await page.emulateMediaFeatures(scheme);
await page.screenshot({ path: `${picture}-dark.png` });

const found = { drawn, wrong, marked, stale, selected, inverse, verdicts, problems, asked: [...asked] };
process.stdout.write(JSON.stringify({ ...found, last: await state() }));
await browser.close();
