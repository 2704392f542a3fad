import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What each folder of lib/ may import from, besides itself, errors.ts, env.ts, random.ts and phase.ts. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  metrics: [],
  rates: [],
  native: [],
  search: [],
  report: ['metrics', 'rates'],
  data: ['metrics'],
  train: ['rates', 'data', 'metrics', 'native', 'report'],
  forgetting: ['train', 'rates', 'data', 'metrics', 'native', 'report'],
  'pair-search': ['search', 'forgetting', 'train', 'rates', 'data', 'metrics', 'native', 'report'],
  demo: ['pair-search', 'search', 'forgetting', 'train', 'rates', 'data', 'metrics', 'report'],
  'index.ts': ['pair-search', 'forgetting', 'train', 'rates', 'data', 'metrics', 'native', 'report', 'search'],
  cli: [
    'index.ts',
    'demo',
    'pair-search',
    'forgetting',
    'train',
    'rates',
    'data',
    'metrics',
    'native',
    'report',
    'search',
  ],
  'errors.ts': [],
  'env.ts': [],
  'random.ts': [],
  'phase.ts': [],
};

const everywhere = new Set(['errors.ts', 'env.ts', 'random.ts', 'phase.ts']);

/** Folders that work without the addon: of native/ they see the types in boundary.ts and nothing that runs. */
const withoutAddon = new Set(['rates', 'data', 'metrics', 'search', 'report']);

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

function filesBelow(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith('native/build/'));
}

function importsOf(path: string): Import[] {
  const text = readFileSync(join(root, path), 'utf8');
  const statement = /(?:^|\n)\s*(import|export)(\s+type)?\b[^;'"]*?from\s*'(\.[^']+)'|import\(\s*'(\.[^']+)'\s*\)/g;
  return Array.from(text.matchAll(statement), (match) => ({
    from: path,
    to: join(dirname(path), match[3] ?? match[4]!),
    typeOnly: match[2] !== undefined,
  }));
}

/** `lib/rates/file.ts` -> `rates`, `lib/index.ts` -> `index.ts`. */
function layerOf(path: string): string {
  return path.split('/')[1]!;
}

const sources = filesBelow('lib', /\.ts$/);
const imports = sources.flatMap(importsOf);

test('the reader of imports sees them', () => {
  assert.ok(imports.length > sources.length);
  assert.ok(
    imports.some(
      ({ from, to, typeOnly }) => from === 'lib/native/load.ts' && to === 'lib/native/boundary.ts' && !typeOnly,
    ),
  );
  assert.ok(imports.some(({ from, to }) => from === 'lib/cli/registry.ts' && to === 'lib/cli/commands/setup.ts'));
});

test('every folder of lib/ has its place in the order', () => {
  assert.deepEqual(
    [...new Set(sources.map(layerOf))].filter((layer) => allowed[layer] === undefined),
    [],
  );
});

test('imports point downwards only', () => {
  const wrong = imports.filter(({ from, to, typeOnly }) => {
    const [own, other] = [layerOf(from), layerOf(to)];
    if (own === other || everywhere.has(other)) return false;
    // The shape of a record, without the code that makes it.
    if (own === 'report' && other === 'forgetting' && typeOnly) return false;
    if (withoutAddon.has(own) && to === 'lib/native/boundary.ts' && typeOnly) return false;
    return !(allowed[own] ?? []).includes(other);
  });
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
});

test('the boundary imports nothing', () => {
  assert.deepEqual(importsOf('lib/native/boundary.ts'), []);
  assert.doesNotMatch(readFileSync(join(root, 'lib/native/boundary.ts'), 'utf8'), /^import /m);
});

test('everything is imported with its .ts ending', () => {
  assert.deepEqual(
    imports.filter(({ to }) => !to.endsWith('.ts')),
    [],
  );
});

const native = filesBelow('native', /\.(cc|cu|h)$/).map((path) => ({
  path,
  includes: Array.from(
    readFileSync(join(root, path), 'utf8').matchAll(/^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm),
    (match) => match[1]!,
  ),
}));

/** Path below native/ of an include in quotes, whether written from the file's folder or from native/. */
function included(path: string, name: string): string {
  const candidates = [relative('native', join(dirname(path), name)), name];
  return candidates.find((candidate) => native.some((file) => file.path === join('native', candidate))) ?? name;
}

test('only napi_setup.h includes napi.h', () => {
  assert.ok(native.length > 10);
  const users = native.filter(({ includes }) =>
    includes.some((name) => /(^|\/)(napi|node_api|js_native_api)\.h$/.test(name)),
  );
  assert.deepEqual(
    users.map(({ path }) => path),
    ['native/napi_setup.h'],
  );
});

test('the core sees neither Node-API nor the shell', () => {
  const wrong = native
    .filter(({ path }) => path.startsWith('native/core/'))
    .flatMap(({ path, includes }) => includes.map((name) => ({ path, name: included(path, name) })))
    .filter(
      ({ name }) =>
        /napi|node_api/.test(name) ||
        native.some((file) => file.path === join('native', name) && !/^native\/(core|kernels)\//.test(file.path)),
    );
  assert.deepEqual(wrong, []);
});

test('the kernels see neither the core nor the shell, and those for CUDA no torch', () => {
  const wrong = native
    .filter(({ path }) => path.startsWith('native/kernels/'))
    .flatMap(({ path, includes }) => includes.map((name) => ({ path, name: included(path, name) })))
    .filter(
      ({ path, name }) =>
        /napi|node_api/.test(name) ||
        (path.endsWith('.cu') && /^(ATen|c10|torch)\//.test(name)) ||
        native.some((file) => file.path === join('native', name) && !file.path.startsWith('native/kernels/')),
    );
  assert.deepEqual(wrong, []);
});
