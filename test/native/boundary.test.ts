import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import ts from 'typescript';
import { BOUNDARY_VERSION, type NativeStepEvent } from '../../lib/native/boundary.ts';
import { addonCandidates, loadNative } from '../../lib/native/load.ts';
import { onCpu } from '../helpers/device.ts';
import { tinySegment, tinySession } from '../helpers/native.ts';

const file = new URL('../../lib/native/boundary.ts', import.meta.url);
const source = ts.createSourceFile('boundary.ts', readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);

/** Member names of an interface of boundary.ts, sorted. */
function members(name: string): string[] {
  return signatures(name)
    .map((m) => (m.name as ts.Identifier).text)
    .sort();
}

/** Those that an addon from before them may lack. */
function newer(name: string): string[] {
  return signatures(name).flatMap((m) => (m.questionToken === undefined ? [] : (m.name as ts.Identifier).text));
}

function signatures(name: string): readonly ts.TypeElement[] {
  const found = source.statements.find(
    (s): s is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(s) && s.name.text === name,
  );
  assert(found, `boundary.ts has no interface ${name}`);
  return found.members;
}

const keys = (value: object): string[] => Object.keys(value).sort();

test('the addon exports what boundary.ts says', () => {
  const addon: unknown = createRequire(import.meta.url)(addonCandidates()[0]!);
  assert.deepEqual(keys(addon as object), members('NativeModule'));
});

test('info() has the fields and the version of boundary.ts', () => {
  const info = loadNative().info();
  assert.deepEqual(keys(info), members('NativeInfo'));
  assert.equal(info.boundaryVersion, BOUNDARY_VERSION);
  assert.match(info.libtorchCompiled, /^\d+\.\d+\.\d+/);
  assert(info.threads >= 1);
  for (const device of info.devices) assert.deepEqual(keys(device), members('NativeDevice'));
  assert.deepEqual(
    keys({ ...info.cuda, ...Object.fromEntries(newer('NativeCuda').map((name) => [name, ''])) }),
    members('NativeCuda'),
  );
  assert.equal(info.devices[0]!.name, 'cpu');
  assert(info.devices[0]!.totalBytes > 2 ** 28);
});

test('Session has exactly the methods of boundary.ts', () => {
  const methods = Object.getOwnPropertyNames(loadNative().Session.prototype).filter((name) => name !== 'constructor');
  assert.deepEqual(methods.sort(), members('NativeSession'));
});

test('what a session answers has the fields of boundary.ts', async () => {
  const { session, dataset } = await tinySession({ replicas: 2 });
  assert.deepEqual(keys(session.parameters()[0]!), members('NativeParameter'));
  assert.deepEqual(keys(session.memory()), members('NativeMemory'));
  assert.match(session.matmul(), onCpu ? /^(mkl|onednn)(;|$)/ : /^cublas$/);
  assert.equal(session.replicas(), 2);
  const events: NativeStepEvent[] = [];
  const result = await session.train(tinySegment(dataset, 3, 2), (event) => events.push(event));
  assert.deepEqual(keys(result), members('NativeSegmentResult'));
  assert.deepEqual(keys(events[0]!), members('NativeStepEvent'));
  assert(events[0]!.losses instanceof Float32Array && events[0]!.gradNorms instanceof Float32Array);
  assert.equal(result.losses.length, 6);
  assert.equal(result.gradNorms.length, 6);
  assert.deepEqual(result.nonFinite, Int32Array.of(-1, -1));
  assert.equal(result.steps, 3);
  assert.equal(result.stopped, false);
  session.closeSync();
});

test('what a session measures has the fields of boundary.ts', async () => {
  const { session, dataset } = await tinySession();
  session.startProfile({ events: 1000 });
  await session.train(tinySegment(dataset, 1), () => {});
  const profile = session.takeProfile();
  assert.deepEqual(keys(profile), members('NativeProfile'));
  assert.deepEqual(keys(profile.rows[0]!), members('NativeProfileRow'));
  assert.deepEqual(keys(profile.events), ['duration', 'matrixRows', 'replica', 'row', 'start', 'step']);
  const peaks = await session.measurePeaks({ shapes: Int32Array.of(8, 4, 6), precision: 'fp32', rounds: 1 });
  assert.deepEqual(keys(peaks), members('NativePeaks'));
  assert.equal(peaks.flopsPerSecond.length, 3 * peaks.libraries.length);
  session.closeSync();
});
