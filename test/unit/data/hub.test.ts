import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type HubOptions, resolveModel } from '../../../lib/data/hub.ts';
import { COMMIT, FakeHub, refuse } from '../../helpers/fake-hub.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

const root = temporaryFolder();
const weights = randomBytes(300_000);
const fast: HubOptions = { retries: 2, retryDelayMs: 1, timeoutMs: 400 };
let hub: FakeHub;
let cache: string;

beforeEach(async () => {
  hub = await new FakeHub({
    'README.md': Buffer.from('# A model'),
    'config.json': Buffer.from('{"model_type":"bert"}'),
    'vocab.txt': Buffer.from('[PAD]\n'),
    'tokenizer_config.json': Buffer.from('{}'),
    'model.safetensors': weights,
    'pytorch_model.bin': Buffer.from('a pickle'),
  }).start();
  cache = mkdtempSync(join(root, 'cache-'));
  for (const name of ['HF_HOME', 'HF_TOKEN', 'HF_TOKEN_PATH', 'HF_HUB_OFFLINE', 'XDG_CACHE_HOME'])
    delete process.env[name];
  process.env['HF_HOME'] = join(cache, 'home');
  process.env['HF_HUB_CACHE'] = cache;
  process.env['HF_ENDPOINT'] = `${hub.endpoint}/`;
});

afterEach(() => hub.stop());

const repository = () => join(cache, 'models--owner--name');
const blobs = () => readdirSync(join(repository(), 'blobs')).sort();

test('a folder is itself, without a question to the hub', async () => {
  assert.equal(await resolveModel(cache), cache);
  assert.deepEqual(hub.seen, []);
});

test("downloads what is needed into huggingface_hub's layout, and nothing a second time", async () => {
  const folder = await resolveModel('owner/name', fast);
  assert.equal(folder, join(repository(), 'snapshots', COMMIT));
  assert.deepEqual(readdirSync(folder).sort(), [
    'config.json',
    'model.safetensors',
    'tokenizer_config.json',
    'vocab.txt',
  ]);
  assert.equal(readFileSync(join(repository(), 'refs/main'), 'utf8'), COMMIT);
  assert.deepEqual(
    blobs(),
    ['config.json', 'model.safetensors', 'tokenizer_config.json', 'vocab.txt'].map((name) => hub.etag(name)).sort(),
  );
  for (const name of readdirSync(folder)) {
    assert.ok(lstatSync(join(folder, name)).isSymbolicLink());
    assert.equal(readlinkSync(join(folder, name)), `../../blobs/${hub.etag(name)}`);
    assert.deepEqual(readFileSync(join(folder, name)), hub.files[name]);
  }
  hub.seen.length = 0;
  assert.equal(await resolveModel('owner/name', fast), folder);
  assert.deepEqual(hub.paths(), ['/api/models/owner/name/revision/main']);
  hub.seen.length = 0;
  assert.equal(await resolveModel('owner/name', { ...fast, revision: COMMIT }), folder);
  assert.deepEqual(hub.seen, [], 'a commit does not change');
});

test('progress is told for each file', async () => {
  const last = new Map<string, number>();
  await resolveModel('owner/name', {
    ...fast,
    onProgress: ({ file, done, total }) => (assert.equal(total, hub.files[file]!.length), last.set(file, done)),
  });
  assert.equal(last.get('model.safetensors'), weights.length);
  assert.equal(last.get('config.json'), 21);
});

test('shards are taken from the index', async () => {
  hub.files['model.safetensors.index.json'] = Buffer.from(
    '{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors","c":"model-00001-of-00002.safetensors"}}',
  );
  hub.files['model-00001-of-00002.safetensors'] = Buffer.from('one');
  hub.files['model-00002-of-00002.safetensors'] = Buffer.from('two');
  delete hub.files['model.safetensors'];
  const folder = await resolveModel('owner/name', fast);
  assert.equal(readFileSync(join(folder, 'model-00002-of-00002.safetensors'), 'utf8'), 'two');
  assert.ok(!readdirSync(folder).includes('pytorch_model.bin'));
});

test('an index that leads out of the folder is refused', async () => {
  hub.files['model.safetensors.index.json'] = Buffer.from('{"weight_map":{"a":"../../evil.safetensors"}}');
  delete hub.files['model.safetensors'];
  await assert.rejects(resolveModel('owner/name', fast), { code: 'ERR_SAFETENSORS' });
});

test('pickled weights alone are refused', async () => {
  delete hub.files['model.safetensors'];
  await assert.rejects(resolveModel('owner/name', fast), {
    code: 'ERR_MODEL_UNSUPPORTED',
    remedy: /pytorch_model.bin, a pickle/,
  });
});

test('an id that was renamed, another revision', async () => {
  assert.match(await resolveModel('old-name', fast), /models--old-name/);
  await resolveModel('owner/name', { ...fast, revision: 'refs/pr/1' });
  assert.equal(readFileSync(join(repository(), 'refs/refs/pr/1'), 'utf8'), COMMIT);
});

test('after a cut the download goes on where it stopped', async () => {
  let cuts = 0;
  hub.intercept = (request, response, server) => {
    if (server !== 'cdn' || cuts === 2) return false;
    const start = Number(/\d+/.exec(request.headers.range ?? '0')![0]);
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': weights.length - start,
      'content-range': `bytes ${start}-${weights.length - 1}/${weights.length}`,
    });
    response.write(weights.subarray(start, start + 100_000), () => setTimeout(() => response.destroy(), 20));
    cuts++;
    return true;
  };
  const folder = await resolveModel('owner/name', fast);
  assert.deepEqual(readFileSync(join(folder, 'model.safetensors')), weights);
  assert.deepEqual(
    hub.seen.filter(({ server }) => server === 'cdn').map(({ range }) => range),
    [undefined, 'bytes=100000-', 'bytes=200000-'],
  );
});

test('a later run goes on as well', async () => {
  hub.intercept = (_, response, server) => {
    if (server !== 'cdn') return false;
    response.writeHead(200, { 'content-length': weights.length });
    response.write(weights.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
  await assert.rejects(resolveModel('owner/name', { ...fast, retries: 0 }), {
    code: 'ERR_HUB',
    message: /connection broke/,
  });
  assert.ok(!blobs().includes(hub.etag('model.safetensors')));
  assert.ok(!readdirSync(repository()).includes('refs'), 'no revision names a snapshot that is not complete');
  hub.intercept = () => false;
  hub.seen.length = 0;
  const folder = await resolveModel('owner/name', fast);
  assert.deepEqual(readFileSync(join(folder, 'model.safetensors')), weights);
  assert.equal(hub.seen.find(({ server }) => server === 'cdn')!.range, 'bytes=50000-');
  assert.equal(blobs().length, 4, 'nothing is left over');
});

test('a server that ignores Range starts anew', async () => {
  mkdirSync(join(repository(), 'blobs'), { recursive: true });
  writeFileSync(
    join(repository(), 'blobs', `${hub.etag('model.safetensors')}.lrdist.incomplete`),
    weights.subarray(0, 1000),
  );
  hub.intercept = (_, response, server) => {
    if (server !== 'cdn') return false;
    response.writeHead(200, { 'content-length': weights.length }).end(weights);
    return true;
  };
  assert.deepEqual(readFileSync(join(await resolveModel('owner/name', fast), 'model.safetensors')), weights);
});

for (const [what, wrong] of [
  ['size', weights.subarray(0, 200_000)],
  ['content', randomBytes(weights.length)],
  ['surplus', Buffer.concat([weights, weights])],
] as const) {
  test(`a file of wrong ${what} is not kept`, async () => {
    hub.intercept = (_, response, server) => {
      if (server !== 'cdn') return false;
      response.writeHead(200, { 'content-length': wrong.length }).end(wrong);
      return true;
    };
    await assert.rejects(resolveModel('owner/name', fast), { code: what === 'size' ? 'ERR_HUB' : 'ERR_DOWNLOAD' });
    assert.ok(!blobs().includes(hub.etag('model.safetensors')));
    hub.intercept = () => false;
    assert.deepEqual(readFileSync(join(await resolveModel('owner/name', fast), 'model.safetensors')), weights);
  });
}

test('the token goes to the hub, not to where it redirects', async () => {
  process.env['HF_TOKEN'] = 'hf_secret';
  await resolveModel('owner/name', fast);
  assert.ok(hub.seen.some(({ server }) => server === 'cdn'));
  for (const { server, authorization } of hub.seen)
    assert.equal(authorization, server === 'hub' ? 'Bearer hf_secret' : undefined);
});

test('the token file is read where HF_TOKEN is not set', async () => {
  mkdirSync(process.env['HF_HOME']!, { recursive: true });
  writeFileSync(join(process.env['HF_HOME']!, 'token'), 'hf_from_file\n');
  await resolveModel('owner/name', fast);
  assert.equal(hub.seen[0]!.authorization, 'Bearer hf_from_file');
});

test('HF_HOME holds the cache where HF_HUB_CACHE is not set', async () => {
  delete process.env['HF_HUB_CACHE'];
  assert.equal(
    await resolveModel('owner/name', fast),
    join(process.env['HF_HOME']!, 'hub/models--owner--name/snapshots', COMMIT),
  );
});

const refusals: [number, string | undefined, string, RegExp][] = [
  [401, 'RepoNotFound', 'ERR_MODEL_NOT_FOUND', /set HF_TOKEN/],
  [401, 'GatedRepo', 'ERR_HUB', /Accept its terms/],
  [403, undefined, 'ERR_HUB', /Accept its terms/],
  [404, 'RepoNotFound', 'ERR_MODEL_NOT_FOUND', /Check the name/],
  [404, 'RevisionNotFound', 'ERR_MODEL_NOT_FOUND', /model_revision/],
  [418, undefined, 'ERR_HUB', /HF_ENDPOINT/],
];
for (const [status, code, expected, remedy] of refusals) {
  test(`${status} ${code ?? ''}: ${expected}, asked once`, async () => {
    hub.intercept = (_, response) => (refuse(response, status, code), true);
    await assert.rejects(resolveModel('owner/name', fast), { name: 'LrdistError', code: expected, remedy });
    assert.equal(hub.seen.length, 1);
  });
}

test('a server error is tried again, with success', async () => {
  let failures = 2;
  hub.intercept = (_, response) => failures-- > 0 && (refuse(response, 503), true);
  await resolveModel('owner/name', fast);
});

test('a server that keeps failing, says nothing or is not there: ERR_HUB after the tries', async () => {
  hub.intercept = (_, response) => (refuse(response, 500), true);
  await assert.rejects(resolveModel('owner/name', fast), {
    code: 'ERR_HUB',
    message: /answered 500 \(tried 3 times\)/,
  });
  assert.equal(hub.seen.length, 3);
  hub.intercept = () => true;
  await assert.rejects(resolveModel('owner/name', { ...fast, timeoutMs: 50 }), {
    code: 'ERR_HUB',
    message: /no answer within 0.05 s/,
  });
  process.env['HF_ENDPOINT'] = 'http://127.0.0.1:9';
  await assert.rejects(resolveModel('owner/name', fast), { code: 'ERR_HUB', message: /not reachable/ });
});

test('a silent body runs into the time limit', async () => {
  hub.intercept = (_, response, server) =>
    server === 'cdn' && (response.writeHead(200, { 'content-length': weights.length }).write('x'), true);
  await assert.rejects(resolveModel('owner/name', { ...fast, timeoutMs: 60, retries: 0 }), {
    code: 'ERR_HUB',
    message: /nothing received for 0.06 s/,
  });
});

test('something that is no hub: ERR_HUB', async () => {
  hub.intercept = (_, response) => (response.end('<html>'), true);
  await assert.rejects(resolveModel('owner/name', fast), { code: 'ERR_HUB', message: /as a model hub does/ });
});

test('offline: the copy in the cache, else ERR_HUB_OFFLINE; no request in either case', async () => {
  process.env['HF_HUB_OFFLINE'] = '1';
  await assert.rejects(resolveModel('owner/name'), { code: 'ERR_HUB_OFFLINE', message: /config.json is missing/ });
  // As Python's huggingface_hub leaves it.
  const snapshot = join(repository(), 'snapshots', COMMIT);
  for (const folder of [snapshot, join(repository(), 'blobs'), join(repository(), 'refs')])
    mkdirSync(folder, { recursive: true });
  writeFileSync(join(repository(), 'refs/main'), COMMIT);
  writeFileSync(join(repository(), 'blobs/aa'), '{}');
  symlinkSync('../../blobs/aa', join(snapshot, 'config.json'));
  await assert.rejects(resolveModel('owner/name'), {
    code: 'ERR_HUB_OFFLINE',
    message: /model.safetensors is missing/,
  });
  symlinkSync('../../blobs/bb', join(snapshot, 'model.safetensors'));
  await assert.rejects(resolveModel('owner/name'), { code: 'ERR_HUB_OFFLINE' }, 'a link that leads nowhere');
  writeFileSync(join(repository(), 'blobs/bb'), 'weights');
  assert.equal(await resolveModel('owner/name'), snapshot);
  assert.deepEqual(hub.seen, []);
});

test('where the hub cannot be reached a complete copy is used, with a warning; a refusal is not overlooked', async () => {
  const folder = await resolveModel('owner/name', fast);
  hub.intercept = (_, response) => (refuse(response, 503), true);
  const warnings: string[] = [];
  assert.equal(
    await resolveModel('owner/name', { ...fast, retries: 0, onWarning: (message) => warnings.push(message) }),
    folder,
  );
  assert.match(warnings.join(), /answered 503.*is used/);
  hub.intercept = (_, response) => (refuse(response, 404, 'RepoNotFound'), true);
  await assert.rejects(resolveModel('owner/name', fast), { code: 'ERR_MODEL_NOT_FOUND' });
});

test('two at once download once', async () => {
  const [a, b] = await Promise.all([resolveModel('owner/name', fast), resolveModel('owner/name', fast)]);
  assert.equal(a, b);
  assert.equal(hub.seen.filter(({ server }) => server === 'cdn').length, 1);
  assert.equal(blobs().length, 4);
});

test('a lock left by a process that is gone does not hold up', async () => {
  mkdirSync(join(repository(), 'blobs'), { recursive: true });
  const { hostname } = await import('node:os');
  writeFileSync(join(repository(), 'blobs', `${hub.etag('config.json')}.lrdist.lock`), `${hostname()} 999999999`);
  await resolveModel('owner/name', fast);
});

test('abort stops a download at once and leaves what can be gone on with', async () => {
  const controller = new AbortController();
  hub.intercept = (_, response, server) => {
    if (server !== 'cdn') return false;
    response.writeHead(200, { 'content-length': weights.length });
    response.write(weights.subarray(0, 1000), () => setTimeout(() => controller.abort(new Error('enough')), 20));
    return true;
  };
  await assert.rejects(resolveModel('owner/name', { ...fast, timeoutMs: 60_000, signal: controller.signal }), {
    message: 'enough',
  });
  assert.ok(blobs().some((name) => name.endsWith('.lrdist.incomplete')));
  assert.ok(!blobs().some((name) => name.endsWith('.lock')));
});

test('a cache that cannot be written: ERR_WRITE', async () => {
  writeFileSync(join(root, 'not-a-folder'), '');
  process.env['HF_HUB_CACHE'] = join(root, 'not-a-folder');
  await assert.rejects(resolveModel('owner/name', fast), { code: 'ERR_WRITE', remedy: /HF_HUB_CACHE/ });
});

test('paths and files that are no model: ERR_MODEL_NOT_FOUND, with the nearest name', async () => {
  mkdirSync(join(root, 'bert-base'), { recursive: true });
  await assert.rejects(resolveModel(join(root, 'bert-bace')), {
    code: 'ERR_MODEL_NOT_FOUND',
    remedy: /Did you mean .*bert-base\?/,
  });
  await assert.rejects(resolveModel('./nowhere'), { code: 'ERR_MODEL_NOT_FOUND' });
  writeFileSync(join(root, 'model.bin'), '');
  await assert.rejects(resolveModel(join(root, 'model.bin')), { code: 'ERR_MODEL_NOT_FOUND', message: /is a file/ });
  for (const name of ['a/b/c', '../x', 'a--b', '-x', 'owner/', '', 'a b'])
    await assert.rejects(resolveModel(name), { code: 'ERR_MODEL_NOT_FOUND' });
  assert.deepEqual(hub.seen, []);
});
