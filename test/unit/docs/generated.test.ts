import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { environment } from '../../../lib/env.ts';
import { errorCodes } from '../../../lib/errors.ts';
import { generated } from '../../../scripts/docs.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const pages = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

test('generated parts of the docs equal the source (node scripts/docs.ts writes them)', async () => {
  for (const { path, now, wanted } of await generated()) assert.equal(now, wanted, `${path} is out of date`);
});

test('every error code and environment variable named in the docs exists, and every one is documented', () => {
  const variables = /\b(?:LRDIST|HF|LIBTORCH)_[A-Z_]+\b|\b(?:LIBTORCH|NO_COLOR)\b/g;
  for (const page of pages) {
    const text = textOf(page);
    for (const [code] of text.matchAll(/\bERR_[A-Z_]+\b/g)) assert.ok(code in errorCodes, `${page} names ${code}`);
    // Macros and CMake variables of the build are not environment variables.
    for (const [name] of text.matchAll(variables)) assert.ok(name in environment, `${page} names ${name}`);
  }
  for (const code of Object.keys(errorCodes)) assert.ok(textOf('docs/errors.md').includes(`\`${code}\``), code);
  for (const name of Object.keys(environment)) assert.ok(textOf('docs/environment.md').includes(`\`${name}\``), name);
});

test('links between the pages lead somewhere, and files they name exist', () => {
  for (const page of pages) {
    for (const [, target] of textOf(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      assert.ok(existsSync(join(root, dirname(page), target!)), `${page} links to ${target}`);
    }
    for (const [, path] of textOf(page).matchAll(/`((?:lib|native|test|scripts|examples|docs|bench)\/[\w./-]+)`/g)) {
      assert.ok(existsSync(join(root, path!)), `${page} names ${path}`);
    }
  }
});

test("README's first screen has the two commands", () => {
  const head = textOf('README.md').split('\n').slice(0, 45).join('\n');
  assert.match(head, /^npm ci && npm start\b/m);
  assert.match(head, /^npm ci && npm test\b/m);
});
