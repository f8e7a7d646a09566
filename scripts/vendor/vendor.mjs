// Copies the pinned browser and script files into the project and records version, licence, size and SHA-256.
// Run: cd scripts/vendor && npm ci && node vendor.mjs
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SHIPPED = path.join(ROOT, 'static/vendor');
const TESTS = path.join(ROOT, 'tests/browser/vendor');
const SCRIPTS = path.join(ROOT, 'workflows/scripts/js/vendor');

const FILES = [
  ['@tabler/core', 'dist/css/tabler.min.css', SHIPPED],
  ['htmx.org', 'dist/htmx.min.js', SHIPPED],
  ['htmx.org', 'dist/ext/hx-ws.min.js', SHIPPED],
  ['axe-core', 'axe.min.js', TESTS],
  ['luxon', 'build/global/luxon.min.js', SCRIPTS],
  ['jmespath', 'jmespath.js', SCRIPTS],
];
const ICONS = `
  activity alert-circle alert-triangle archive arrow-back-up arrow-left arrow-right arrow-up arrows-exchange
  arrows-join arrows-left-right arrows-sort arrows-split bolt box braces brain bug calculator calendar calendar-time
  check checklist chevron-left chevron-right circle-check circle-x clock code copy copy-minus cpu database download
  external-link file file-code file-export file-import file-text file-zip files filter folder gauge git-branch
  git-compare git-merge hand-stop help-circle history hourglass html info-circle key list list-numbers lock login
  logout mail markdown menu-2 message message-circle moon note paperclip pencil player-pause player-play player-stop
  plug-connected plug-connected-x plus power puzzle refresh repeat robot route rss scissors search send server
  settings shield sitemap stack-2 sum sun table tag timeline tool trash upload user users variable webhook world x
`.trim().split(/\s+/);

const manifest = (name) => JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`, 'utf8'));

function record(rows, folder, file, name) {
  const bytes = fs.readFileSync(path.join(folder, file));
  const { version, license } = manifest(name);
  const sha256 = crypto.createHash('sha256').update(bytes).digest('hex');
  rows.push({ file, package: name, version, licence: license ?? '0BSD', bytes: bytes.length, sha256 });
}

function sprite() {
  const symbols = ICONS.map((icon) => {
    const source = fs.readFileSync(`node_modules/@tabler/icons/icons/outline/${icon}.svg`, 'utf8');
    const drawing = source
      .replace(/^[\s\S]*?<svg[\s\S]*?>/, '')
      .replace('</svg>', '')
      .replace(/<path stroke="none"[^>]*>/, '')
      .replace(/\s+/g, ' ')
      .trim();
    return `<symbol id="${icon}" viewBox="0 0 24 24" fill="none" stroke="currentColor" `
      + `stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${drawing}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('\n')}</svg>\n`;
}

const rows = { [SHIPPED]: [], [TESTS]: [], [SCRIPTS]: [] };
for (const folder of Object.keys(rows)) fs.mkdirSync(path.join(folder, 'LICENSES'), { recursive: true });
for (const [name, from, folder] of FILES) {
  const text = fs.readFileSync(`node_modules/${name}/${from}`, 'utf8');
  // Source maps are not shipped; a reference to one would be a request to nowhere.
  const file = path.basename(from);
  fs.writeFileSync(path.join(folder, file), text.replace(/\n?(\/\/|\/\*)# sourceMappingURL=.*$/m, ''));
  record(rows[folder], folder, file, name);
}
fs.writeFileSync(path.join(SHIPPED, 'icons.svg'), sprite());
record(rows[SHIPPED], SHIPPED, 'icons.svg', '@tabler/icons');
for (const [folder, found] of Object.entries(rows)) {
  fs.writeFileSync(path.join(folder, 'VENDOR.json'), `${JSON.stringify(found, null, 2)}\n`);
  for (const name of new Set(found.map((row) => row.package))) {
    const licence = fs.readdirSync(`node_modules/${name}`).find((file) => /^licen[cs]e/i.test(file));
    const to = path.join(folder, 'LICENSES', `${name.replace(/[@/]/g, '_').replace(/^_/, '')}.txt`);
    if (licence) fs.copyFileSync(`node_modules/${name}/${licence}`, to);
  }
}
