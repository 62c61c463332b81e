// Bundle src/ into ../static. File names carry a hash of their content, so a
// browser may keep them for ever; manifest.json tells Python which name is today's.
import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const source = path.join(here, "src");
const target = path.join(here, "..", "static");

await mkdir(target, { recursive: true });
for (const old of await readdir(target)) await rm(path.join(target, old), { recursive: true });

const { metafile } = await build({
  entryPoints: { messenger: path.join(source, "main.ts"), "messenger-style": path.join(source, "css", "index.css") },
  outdir: target,
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".woff2": "file" },
  bundle: true,
  minify: true,
  metafile: true,
  format: "esm",
  target: ["chrome123", "firefox120", "safari17.5"],
  // Written flat, so that a reader (and a test) sees each selector begin with .fm.
  supported: { nesting: false },
  legalComments: "eof",
  logLevel: "warning",
});

const manifest = {};
for (const [output, { entryPoint }] of Object.entries(metafile.outputs)) {
  if (entryPoint) manifest[entryPoint.endsWith(".css") ? "messenger.css" : "messenger.js"] = path.basename(output);
}
const sprite = path.join(source, "icons.svg");
const digest = createHash("sha256").update(readFileSync(sprite)).digest("hex").slice(0, 8).toUpperCase();
manifest["icons.svg"] = `icons-${digest}.svg`;
await copyFile(sprite, path.join(target, manifest["icons.svg"]));
await copyFile(path.join(here, "node_modules", "@fontsource-variable", "inter", "LICENSE"), path.join(target, "inter-license.txt"));
await writeFile(path.join(target, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
