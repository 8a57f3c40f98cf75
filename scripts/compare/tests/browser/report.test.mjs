// Opens a report from disk in a real browser, and looks at it as a reader
// does: on a phone, a laptop and a large screen, in the light and in the dark.
//
//   REPORT=target/compare/samples.html CHROMIUM=/usr/bin/chromium npm test

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const { REPORT, CHROMIUM } = process.env;
assert(REPORT, "REPORT is not set: the path of a report is needed");
assert(CHROMIUM, "CHROMIUM is not set: the path of a Chromium is needed");

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core"));
const WIDTHS = [390, 1280, 1920];
const SCHEMES = ["light", "dark"];

/** Below this, both sources stand one above the other: see style.css. */
const ABREAST = 960;

let browser;

before(async () => {
  // A container has no user namespaces for Chromium's own sandbox.
  const args = ["--no-sandbox"];
  browser = await chromium.launch({ executablePath: CHROMIUM, args });
});

after(() => browser?.close());

// Each page has a process of its own, which is busy with one thing at a time.
describe("a reader's screen", { concurrency: 2 }, () => {
  for (const width of WIDTHS) {
    for (const colorScheme of SCHEMES) {
      describe(`${width} px, ${colorScheme}`, () => {
        const seen = { errors: [], requests: [] };
        let page;
        before(async () => {
          page = await open({ width, colorScheme }, seen);
        });
        after(() => page?.context().close());
        test("nothing fails, and nothing is asked of a network", () => {
          assert.deepEqual(seen, { errors: [], requests: [] });
        });
        test("the page does not move sideways", () => noSideways(page, width));
        test("every plot can be seen", () => plotsAreVisible(page));
        test("an interval is drawn on the line of its row, and 1 below 1", () =>
          intervalsAlign(page));
        test("every text of a plot is within it", () => textsFit(page));
        test("both sources are aligned", () => sourcesAlign(page, width));
        test("every link hits its target", () => linksHit(page));
        test("paper and ink suit the scheme", () => suits(page, colorScheme));
        test("it is accessible", () => isAccessible(page, colorScheme));
      });
    }
  }
});

test("a link opens what its target is hidden in", async () => {
  const page = await open({ width: 1280, colorScheme: "light" });
  const closed = page.locator("details.listing:not([open]) .line[id]").first();
  const id = await closed.getAttribute("id");
  assert.equal(await closed.isVisible(), false);
  await page.evaluate((id) => (location.hash = id), id);
  await page.locator(`[id="${id}"]`).waitFor({ state: "visible" });
  await page.context().close();
});

test("print shows the plots, and no navigation", async () => {
  const page = await open({ width: 794, colorScheme: "light" });
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator("nav").isVisible(), false);
  assert(await page.locator("svg.forest").first().isVisible());
  await noSideways(page, 794);
  await page.context().close();
});

/** The page, with all that can be folded unfolded once it was loaded. */
async function open({ width, colorScheme }, seen) {
  const viewport = { width, height: 900 };
  const context = await browser.newContext({ viewport, colorScheme });
  const page = await context.newPage();
  const report = pathToFileURL(REPORT).href;
  page.on("pageerror", (error) => seen?.errors.push(error.message));
  page.on("console", (line) => seen?.errors.push(line.text()));
  page.on("request", (request) => {
    const url = request.url();
    if (url !== report && !url.startsWith("data:")) seen?.requests.push(url);
  });
  await page.goto(report, { waitUntil: "load" });
  if (seen) await page.evaluate(unfold);
  return page;
}

function unfold() {
  for (const part of document.querySelectorAll("details")) part.open = true;
}

async function noSideways(page, width) {
  const reach = await page.evaluate(
    () => document.documentElement.scrollWidth,
  );
  assert(reach <= width, `it is ${reach} px wide, on a screen of ${width}`);
}

async function plotsAreVisible(page) {
  const plots = await page.locator("svg.chart").evaluateAll((plots) =>
    plots.map((plot) => {
      const { width, height } = plot.getBoundingClientRect();
      const marks = plot.querySelectorAll("circle, rect").length;
      const desc = plot.querySelector("desc")?.textContent ?? "";
      return { width, height, marks, desc };
    }),
  );
  assert(plots.length > 0, "there is no plot");
  for (const plot of plots) {
    const told = JSON.stringify(plot);
    assert(plot.width >= 200 && plot.height >= 40, told);
    assert(plot.marks > 0 && /\d/.test(plot.desc), told);
  }
}

async function intervalsAlign(page) {
  const tables = await page.locator("table.forest").evaluateAll((tables) =>
    tables.map((table) =>
      [...table.querySelectorAll("tbody tr")].map((row) => {
        const { top, bottom } = row.getBoundingClientRect();
        const plot = row.querySelector("svg.forest");
        const box = plot?.getBoundingClientRect();
        const one = plot?.querySelector(".one").getBoundingClientRect().left;
        return { top, bottom, box, one };
      }),
    ),
  );
  assert(tables.flat().some(({ box }) => box), "there is no interval");
  for (const rows of tables) {
    const drawn = rows.filter(({ box }) => box);
    for (const row of drawn) {
      const told = JSON.stringify(row);
      assert(row.box.top >= row.top && row.box.bottom <= row.bottom, told);
      assert(Math.abs(row.one - drawn[0].one) < 1, told);
    }
  }
}

async function textsFit(page) {
  const cut = await page.locator("svg.chart text").evaluateAll((texts) =>
    texts.filter((text) => {
      const { left, right } = text.getBoundingClientRect();
      const plot = text.ownerSVGElement.getBoundingClientRect();
      return left < plot.left - 2 || right > plot.right + 2;
    }).map((text) => text.textContent),
  );
  assert.deepEqual(cut, []);
}

async function sourcesAlign(page, width) {
  const hunks = await page.locator(".hunk:not(.head)").evaluateAll((hunks) =>
    hunks.map((hunk) => {
      const [left, right] = [...hunk.children].map((half) => {
        const { left, top, height } = half.getBoundingClientRect();
        const lines = [...half.querySelectorAll(".line")];
        const tops = lines.map((line) => line.getBoundingClientRect().top);
        return { left, top, height, tops };
      });
      return { left, right, differs: hunk.matches(".changed") };
    }),
  );
  assert(hunks.some((hunk) => hunk.differs), "nothing differs");
  for (const { left, right, differs } of hunks) {
    const told = JSON.stringify({ left, right });
    if (width >= ABREAST) {
      assert(left.top === right.top && left.left < right.left, told);
      if (!differs) assert.deepEqual(left.tops, right.tops);
    } else if (differs) {
      assert(right.top >= left.top + left.height - 1, told);
    } else {
      assert.equal(right.height, 0, told);
    }
  }
}

async function linksHit(page) {
  const links = await page.locator("a[href]").evaluateAll((links) =>
    links.map((link) => {
      const address = link.getAttribute("href");
      const target = document.getElementById(address.slice(1));
      const height = target?.getBoundingClientRect().height ?? 0;
      return { address, hits: address.startsWith("#") && height > 0 };
    }),
  );
  assert(links.length > 0, "there is no link");
  assert.deepEqual(links.filter((link) => !link.hits), []);
}

async function suits(page, colorScheme) {
  const [paper, ink] = await page.evaluate(() => {
    const { backgroundColor, color } = getComputedStyle(document.body);
    const brightness = (text) =>
      text.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + +part, 0);
    return [brightness(backgroundColor), brightness(color)];
  });
  assert.equal(paper > ink, colorScheme === "light");
}

/** A scheme changes colours, and nothing else. */
async function isAccessible(page, colorScheme) {
  const ofColors = { runOnly: ["color-contrast", "link-in-text-block"] };
  const rules = colorScheme === "light" ? {} : ofColors;
  await page.evaluate(AXE.toString());
  const { violations } = await page.evaluate((rules) => axe.run(rules), rules);
  const told = violations.map(({ id, nodes }) => ({
    id,
    count: nodes.length,
    first: nodes[0].html.slice(0, 200),
  }));
  assert.deepEqual(told, []);
}
