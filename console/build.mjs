// Makes the console's files: node build.mjs OUT
//
// One folder per page becomes one chunk. Style sheets are not imported at run time: whatever style
// sheet a used component names goes once into one file, in the order in which it was met, so that
// the policy of the page may forbid inline styles and no page waits for a second sheet.
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.resolve(process.argv[2] ?? path.join(here, "dist"));
const place = "/assets/console/";

const sheets = new Set();
const collectSheets = {
  name: "collect-sheets",
  setup(b) {
    b.onLoad({ filter: /\.css$/ }, (args) => {
      sheets.add(args.path);
      return { contents: "", loader: "js" };
    });
  },
};

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 12);

// No font is brought along: the system's is there at once, and 200 KiB less have to be fetched.
const withoutFonts = (css) => css.replace(/@font-face\s*\{[^}]*\}/g, "");

const result = await build({
  absWorkingDir: here,
  entryPoints: { main: "src/main.tsx" },
  outdir: out,
  publicPath: place,
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2021",
  minify: true,
  legalComments: "none",
  define: { "process.env.NODE_ENV": '"production"' },
  entryNames: "[name]-[hash]",
  chunkNames: "c-[hash]",
  metafile: true,
  write: false,
  plugins: [collectSheets],
});

const base = path.join(here, "node_modules/@patternfly/react-core/dist/styles/base.css");
const own = path.join(here, "src/console.css");
const ours = path.join(here, "src") + path.sep;
// Importing one component of a library names the sheets of all; those are kept whose table of class
// names has bytes in the result. Our own sheets have no such table.
const used = new Set();
for (const o of Object.values(result.metafile.outputs))
  for (const [file, { bytesInOutput }] of Object.entries(o.inputs))
    if (bytesInOutput > 0) used.add(path.resolve(here, file).replace(/\.m?js$/, ".css"));
const order = [base, ...[...sheets].filter((f) => used.has(f) || f.startsWith(ours)).filter((f) => f !== base && f !== own).sort(), own];
const parts = await Promise.all(order.map((f) => readFile(f, "utf8")));
const style = await transform(withoutFonts(parts.join("\n")), { loader: "css", minify: true, legalComments: "none" });
const styleName = `style-${hash(style.code)}.css`;

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
for (const file of result.outputFiles) await writeFile(path.join(out, path.basename(file.path)), file.contents);
await writeFile(path.join(out, styleName), style.code);

const main = Object.entries(result.metafile.outputs).find(([, o]) => o.entryPoint === "src/main.tsx");
const first = [main[0], ...main[1].imports.filter((i) => i.kind === "import-statement").map((i) => i.path)].map((f) =>
  path.basename(f),
);
const index = (await readFile(path.join(here, "src/index.html"), "utf8"))
  .replace("{style}", place + styleName)
  .replace("{main}", place + first[0])
  .replace("{preload}", first.slice(1).map((f) => `<link rel="modulepreload" href="${place}${f}">`).join("\n"));
await writeFile(path.join(out, "index.html"), index);
