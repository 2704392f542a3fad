// Wrong arguments: an error with a code that names the field, never a crash and never an index that the engine would trust.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { NativeSession } from '../../lib/native/boundary.ts';
import { loadNative } from '../../lib/native/load.ts';
import { tinyData, tinyModel, tinyPlan, tinySegment, tinySession, tinySpec } from '../helpers/native.ts';
import { refuses } from '../helpers/refuses.ts';

let session: NativeSession;
let dataset: number;
before(async () => {
  ({ session, dataset } = await tinySession());
});
after(() => session.closeSync());

const [first, score, words] = tinySpec.heads;

test('session specification', async () => {
  const model = (change: object) => ({ model: { ...tinyModel, ...change } });
  const Session = loadNative().Session;
  await refuses(
    tinySpec,
    [
      [/^spec\.model: expected an object, received nothing/, { model: undefined }],
      [/^spec\.model\.vocab: expected an integer from 1 .*received 0/, model({ vocab: 0 })],
      [/^spec\.model\.vocab: .*received '50'/, model({ vocab: '50' })],
      [/^spec\.model\.hidden: .*received 16\.5/, model({ hidden: 16.5 })],
      [/^spec\.model\.heads: 3 heads do not divide/, model({ heads: 3 })],
      [/^spec\.model\.layers: .*received NaN/, model({ layers: Number.NaN })],
      [/^spec\.model\.layers: /, model({ layers: 1e9 })],
      [/^spec\.model\.hiddenDropout: expected a number from 0 to below 1, received 1/, model({ hiddenDropout: 1 })],
      [/^spec\.model\.layerNormEps: /, model({ layerNormEps: -1 })],
      [/^spec\.model\.pooler: expected true or false, received 1/, model({ pooler: 1 })],
      [/^spec\.heads: .*needs the pooler/, model({ pooler: false })],
      [/^spec\.heads: expected an array, received an object/, { heads: {} }],
      [/^spec\.heads\[0\]: expected an object, received null/, { heads: [null] }],
      [
        /^spec\.heads\[1\]\.kind: expected one of 'classification', 'masked-lm', received 'lm'/,
        { heads: [first, { ...score, kind: 'lm' }] },
      ],
      [/^spec\.heads\[0\]\.outputs: /, { heads: [{ ...first, outputs: -2 }] }],
      [/^spec\.heads\[0\]\.pool: /, { heads: [{ ...first, pool: 'mean' }] }],
      [/^spec\.heads\[0\]\.name: /, { heads: [{ ...first, name: '' }] }],
      [/^spec\.heads: there are two heads of the name 'first'/, { heads: [first, first] }],
      [/^spec\.heads: there can be only one 'masked-lm' head/, { heads: [words, { ...words, name: 'more' }] }],
      [/^spec\.replicas: /, { replicas: 0 }],
      [/^spec\.replicas: expected 1 to 64 /, { ...model({ vocab: 2 ** 22 }), replicas: 65 }],
      [/^spec\.precision: expected one of 'fp32', 'tf32', 'bf16', received 'fp8'/, { precision: 'fp8' }],
      [/^spec\.precision: 'tf32' is a type of GPUs/, { device: 'cpu', matmul: 'mkl', precision: 'tf32' }],
      [/^spec\.threads: /, { threads: 0 }],
      [/^spec\.seed: /, { seed: 2 ** 53 }],
      [/^spec\.seed: .*a bigint/, { seed: 1n }],
      [/^spec\.matmul: /, { matmul: 'blis' }],
      [/^spec\.matmul: .*'cublas' on this device, received 'mkl'/, { device: 'emulated', matmul: 'mkl' }],
    ],
    (spec) => new Session(spec),
  );
  assert.throws(() => new Session({ ...tinySpec, device: 'cuda:7', matmul: 'auto' }), {
    code: 'ERR_DEVICE_UNAVAILABLE',
    message: /cuda:7/,
  });
  assert.throws(() => new Session(undefined as never), { code: 'ERR_INVALID_OPTION', message: /^spec: / });
});

test('addHead', async () => {
  await refuses(
    { ...first, name: 'new' },
    [
      [/^head: there are two heads/, { name: 'first' }],
      [/^head: there can be only one/, { kind: 'masked-lm' }],
      [/^head\.outputs/, { outputs: 1.5 }],
      [/^head\.dropout/, { dropout: Number.POSITIVE_INFINITY }],
    ],
    (head) => session.addHead(head),
  );
});

test('addDataset', async () => {
  const right = tinyData(2);
  const ids = (at: number, value: number) => ({ inputIds: right.inputIds.with(at, value) });
  await refuses(
    right,
    [
      [/^data\.inputIds: expected an Int32Array, received an array/, { inputIds: [1, 2] }],
      [/^data\.inputIds: expected an Int32Array, received a Float64Array/, { inputIds: new Float64Array(8) }],
      [/^data\.inputIds: expected an Int32Array, received an object/, { inputIds: new DataView(new ArrayBuffer(8)) }],
      [/^data\.inputIds\[3\]: .*0 to 49, received 50/, ids(3, 50)],
      [/^data\.inputIds\[0\]: .*received -1/, ids(0, -1)],
      [/^data\.typeIds: expected 8 numbers/, { typeIds: new Uint8Array(7) }],
      [/^data\.typeIds\[7\]: expected less than 2/, { typeIds: right.typeIds.with(7, 2) }],
      [/^data\.offsets: expected at least two/, { offsets: Int32Array.of(0) }],
      [/^data\.offsets\[0\]: expected 0/, { offsets: Int32Array.of(1, 4, 8) }],
      [/^data\.offsets\[2\]: expected more than 4 \(no row may be empty\)/, { offsets: Int32Array.of(0, 4, 4) }],
      [/^data\.offsets\[2\]: /, { offsets: Int32Array.of(0, 9, 8) }],
      [/^data\.offsets: expected to end at 8, received 12/, { offsets: Int32Array.of(0, 4, 12) }],
      [/^data\.labels: expected 2 numbers/, { labels: new Float32Array(3) }],
      [/^data\.labels\[1\]: /, { labels: Float32Array.of(0, Number.NEGATIVE_INFINITY) }],
    ],
    (data) => session.addDataset(data),
  );
  const long = {
    inputIds: new Int32Array(17),
    typeIds: new Uint8Array(17),
    offsets: Int32Array.of(0, 17),
    labels: new Float32Array(1),
  };
  assert.throws(() => session.addDataset(long), {
    code: 'ERR_INVALID_OPTION',
    message: /row 0 has 17 tokens, the model has 16 positions/,
  });
});

test('a detached array counts as empty', () => {
  const data = tinyData(2);
  structuredClone(data.inputIds, { transfer: [data.inputIds.buffer as ArrayBuffer] });
  assert.throws(() => session.addDataset(data), { code: 'ERR_INVALID_OPTION' });
});

test('setPlan', async () => {
  const right = tinyPlan(session);
  const parameters = right.groupOf.length;
  await refuses(
    right,
    [
      [/^plan\.groupOf: expected \d+ numbers \(one for each parameter\)/, { groupOf: new Int32Array(parameters + 1) }],
      [/^plan\.groupOf\[2\]: expected an integer from -1 to 0, received 1/, { groupOf: right.groupOf.with(2, 1) }],
      [/^plan\.groupOf\[0\]: /, { groupOf: right.groupOf.with(0, -2) }],
      [/^plan\.groups: /, { groups: 0 }],
      [/^plan\.rates: expected 1 numbers/, { rates: new Float64Array(2) }],
      [/^plan\.rates\[0\]: expected a finite number of at least 0/, { rates: Float64Array.of(-1) }],
      [/^plan\.rates\[0\]: /, { rates: Float64Array.of(Number.NaN) }],
      [/^plan\.rates\[0\]: /, { rates: Float64Array.of(Number.POSITIVE_INFINITY) }],
      [/^plan\.decay\[0\]: /, { decay: Float64Array.of(Number.NaN) }],
      [/^plan\.optimizer: /, { optimizer: 'adam' }],
      [/^plan\.optimizer\.name: expected one of 'adam', 'adamw'/, { optimizer: { ...right.optimizer, name: 'sgd' } }],
      [/^plan\.optimizer\.beta1: /, { optimizer: { ...right.optimizer, beta1: 1 } }],
      [/^plan\.optimizer\.eps: /, { optimizer: { ...right.optimizer, eps: -1 } }],
      [/^plan\.moments: /, { moments: 'old' }],
    ],
    (plan) => session.setPlan(plan),
  );
});

test('train', async () => {
  const right = tinySegment(dataset, 3);
  const part = (change: object) => ({ parts: [{ ...right.parts[0], ...change }] });
  const masking = { probability: 0.15, maskId: 4, special: Int32Array.of(0, 1, 2, 3, 4) };
  const masked = (change: object) => part({ head: 2, loss: 'masked-lm', masking: { ...masking, ...change } });
  const unlabelled = session.addDataset({ ...tinyData(8), labels: new Float32Array(8).fill(Number.NaN) });
  const scored = session.addDataset({ ...tinyData(8), labels: new Float32Array(8).fill(1.5) });
  const third = session.addDataset({ ...tinyData(8), labels: new Float32Array(8).fill(2) });
  await refuses(
    right,
    [
      [/^segment\.steps: /, { steps: 0 }],
      [/^segment\.batchStep: expected to end at step 3, received 2/, { steps: 4 }],
      [/^segment\.parts: expected an array/, { parts: undefined }],
      [/^segment\.batchPart\[0\]: /, { parts: [] }],
      [/^segment\.parts\[0\]\.head: there are 3 heads, number 3/, part({ head: 3 })],
      [/^segment\.parts\[0\]\.dataset: there is no dataset/, part({ dataset: 999 })],
      [/^segment\.parts\[0\]\.loss: expected one of/, part({ loss: 'hinge' })],
      [/^segment\.parts\[0\]\.loss: does not go with the kind of head 'first'/, part({ loss: 'masked-lm', masking })],
      [/^segment\.parts\[0\]\.loss: does not go with the kind of head 'words'/, part({ head: 2 })],
      [/^segment\.parts\[0\]\.loss: 'mse' needs a head with one output/, part({ loss: 'mse' })],
      [/^segment\.parts\[0\]\.masking: expected an object, received nothing/, part({ head: 2, loss: 'masked-lm' })],
      [/^segment\.parts\[0\]\.masking: goes with/, part({ masking })],
      [/^segment\.parts\[0\]\.masking\.probability: /, masked({ probability: 1.1 })],
      [/^segment\.parts\[0\]\.masking\.maskId: /, masked({ maskId: 50 })],
      [/^segment\.parts\[0\]\.masking\.special\[0\]: /, masked({ special: Int32Array.of(50) })],
      [
        /^segment\.parts\[0\]\.masking\.special: leaves no id/,
        masked({ special: Int32Array.from({ length: 50 }, (_, i) => i) }),
      ],
      [/^segment\.parts\[0\]\.labelSmoothing: /, part({ labelSmoothing: 1 })],
      [/^segment\.parts\[0\]\.labelSmoothing: goes with/, part({ head: 1, loss: 'mse', labelSmoothing: 0.1 })],
      [/^segment\.rows\[0\]: row 0 of the dataset has no label/, part({ dataset: unlabelled })],
      [/^segment\.rows\[0\]: row 0 of the dataset has no label/, part({ dataset: unlabelled, head: 1, loss: 'mse' })],
      [/^segment\.rows\[0\]: .*classes 0 to 1/, part({ dataset: scored })],
      [/^segment\.rows\[0\]: .*classes 0 to 1/, part({ dataset: third, loss: 'double-softmax' })],
      [/^segment\.batchPart\[1\]: /, { batchPart: Int32Array.of(0, 1, 0) }],
      [/^segment\.batchPart: expected 3 numbers/, { batchPart: new Int32Array(2) }],
      [/^segment\.batchStep\[0\]: /, { batchStep: Int32Array.of(1, 1, 2) }],
      [/^segment\.batchStep\[2\]: /, { batchStep: Int32Array.of(0, 1, 0) }],
      [/^segment\.batchStep\[1\]: /, { batchStep: Int32Array.of(0, 2, 2) }],
      [/^segment\.rows\[4\]: there are 8 rows, number 8/, { rows: right.rows.with(4, 8) }],
      [/^segment\.rows\[0\]: /, { rows: right.rows.with(0, -1) }],
      [/^segment\.rowOffsets\[2\]: .*no batch may be empty/, { rowOffsets: Int32Array.of(0, 2, 2, 6) }],
      [/^segment\.rowOffsets: expected to end at 6/, { rowOffsets: Int32Array.of(0, 2, 4, 5) }],
      [/^segment\.weights\[1\]: /, { weights: Float64Array.of(1, Number.NaN, 1) }],
      [/^segment\.factors: expected 3 numbers \(replicas x steps\)/, { factors: new Float64Array(4) }],
      [/^segment\.factors\[0\]: /, { factors: Float64Array.of(-0.5, 1, 1) }],
      [/^segment\.factorsPerGroup: /, { factorsPerGroup: undefined }],
      [/^segment\.clipNorm: /, { clipNorm: Number.NaN }],
      [/^segment\.stepOffset: /, { stepOffset: -1 }],
      [/^segment\.dropout: /, { dropout: null }],
      [/^segment\.reportMs: /, { reportMs: -1 }],
    ],
    (segment) => session.train(segment, () => {}),
  );
  await assert.rejects(session.train(right, undefined as never), {
    code: 'ERR_INVALID_OPTION',
    message: /^onEvent: expected a function/,
  });
});

test('training needs a plan, and a new one when replicas or parameters have changed', async () => {
  const other = new (loadNative().Session)(tinySpec);
  const data = other.addDataset(tinyData());
  const train = () => other.train(tinySegment(data, 1, other.replicas()), () => {});
  const noPlan = { code: 'ERR_INVALID_OPTION', message: /setPlan/ };
  await assert.rejects(train(), noPlan);
  other.setPlan(tinyPlan(other));
  await train();
  await other.setReplicas(Int32Array.of(0, 0));
  await assert.rejects(train(), noPlan);
  other.setPlan(tinyPlan(other));
  await train();
  await other.setReplicas(Int32Array.of(1, 0));
  await assert.rejects(train(), noPlan);
  other.setPlan(tinyPlan(other));
  const slot = await other.snapshot('all');
  assert.equal(await other.addHead({ ...first, name: 'late' }), 3);
  await assert.rejects(train(), noPlan);
  await other.restore(slot);
  other.closeSync();
});

test('evaluate', async () => {
  const right = { head: 0, dataset, want: 'losses', loss: 'cross-entropy', batchTokens: 64 } as const;
  const unlabelled = session.addDataset({ ...tinyData(8), labels: new Float32Array(8).fill(Number.NaN) });
  await refuses(
    right,
    [
      [/^evaluation\.head: /, { head: 3 }],
      [/^evaluation\.head: /, { head: -1 }],
      [/^evaluation\.head: /, { head: 3, want: 'cls' }],
      [/^evaluation\.dataset: /, { dataset: 999 }],
      [/^evaluation\.rows\[0\]: /, { rows: Int32Array.of(8) }],
      [/^evaluation\.rows: expected at least one row/, { rows: new Int32Array(0) }],
      [/^evaluation\.rows: .*an array/, { rows: [0] }],
      [/^evaluation\.want: /, { want: 'loss' }],
      [/^evaluation\.loss: expected one of .*received nothing/, { loss: undefined }],
      [/^evaluation\.loss: /, { loss: 'mse' }],
      [/^evaluation\.rows\[0\]: row 0 of the dataset has no label/, { dataset: unlabelled }],
      [/^evaluation\.masking: /, { head: 2, loss: 'masked-lm' }],
      [/^evaluation\.want: /, { head: 2, want: 'logits' }],
      [/^evaluation\.batchTokens: /, { batchTokens: 0 }],
    ],
    (evaluation) => session.evaluate(evaluation),
  );
  const logits = await session.evaluate({ head: 0, dataset: unlabelled, want: 'logits', batchTokens: 64 });
  assert.equal(logits.length, 16);
});

test('fisher, initialize, setReplicas, slots', async () => {
  const right = { head: 0, dataset, rows: Int32Array.of(0, 1), loss: 'cross-entropy', labels: 'data' } as const;
  await refuses(
    right,
    [
      [/^fisher\.head: /, { head: 9 }],
      [/^fisher\.rows: expected at least one row/, { rows: new Int32Array(0) }],
      [/^fisher\.rows\[1\]: /, { rows: Int32Array.of(0, 8) }],
      [/^fisher\.loss: expected one of/, { loss: 'double-softmax' }],
      [/^fisher\.labels: /, { labels: 'true' }],
      [/^fisher\.masking: /, { head: 2, loss: 'masked-lm' }],
    ],
    (fisher) => session.fisher(fisher),
  );
  const invalid = { code: 'ERR_INVALID_OPTION' };
  const parameters = session.parameters().length;
  await assert.rejects(session.initialize(Int32Array.of(parameters), 0.02, 1), {
    ...invalid,
    message: /^parameters\[0\]/,
  });
  await assert.rejects(session.initialize(Int32Array.of(0), -1, 1), { ...invalid, message: /^std/ });
  await assert.rejects(session.initialize(Int32Array.of(0), 1, 0.5), { ...invalid, message: /^seed/ });
  await assert.rejects(session.setReplicas(new Int32Array(0)), { ...invalid, message: /^order/ });
  await assert.rejects(session.setReplicas(Int32Array.of(1)), { ...invalid, message: /^order\[0\]/ });
  await assert.rejects(session.snapshot('moments' as never), {
    ...invalid,
    message: /^what: expected one of 'weights', 'all'/,
  });
  await assert.rejects(session.restore(12), { ...invalid, message: /^slot: there is no slot 12/ });
  const slot = await session.snapshot('weights');
  session.release(slot);
  assert.throws(() => session.release(slot), { ...invalid, message: /^slot/ });
  await assert.rejects(session.restore(slot), invalid);
  const fisher = await session.fisher(right);
  await assert.rejects(session.restore(fisher), { ...invalid, message: /is not a snapshot/ });
  assert.throws(() => session.removeDataset(999), { ...invalid, message: /^dataset/ });
});

test('gradient', async () => {
  const unlabelled = session.addDataset({ ...tinyData(8), labels: new Float32Array(8).fill(Number.NaN) });
  const right = { head: 0, dataset, rows: Int32Array.of(0, 1), loss: 'cross-entropy', batchTokens: 64 } as const;
  await refuses(
    right,
    [
      [/^gradient\.head: /, { head: 9 }],
      [/^gradient\.dataset: /, { dataset: 999 }],
      [/^gradient\.rows: expected at least one row/, { rows: new Int32Array(0) }],
      [/^gradient\.rows\[0\]: row 0 of the dataset has no label/, { dataset: unlabelled }],
      [/^gradient\.loss: expected one of/, { loss: 'distillation' }],
      [/^gradient\.masking: /, { head: 2, loss: 'masked-lm' }],
      [/^gradient\.batchTokens: /, { batchTokens: 1.5 }],
    ],
    (gradient) => session.gradient(gradient),
  );
  const slot = await session.gradient(right);
  await assert.rejects(session.restore(slot), { code: 'ERR_INVALID_OPTION', message: /is not a snapshot/ });
});

test('fit', async () => {
  await refuses(
    { replicas: 4, tokens: 64, rows: 2, slots: 0 },
    [
      [/^fit\.replicas: expected an integer from 1 to 4096, received 0/, { replicas: 0 }],
      [/^fit\.tokens: /, { tokens: 0.5 }],
      [/^fit\.rows: .*received nothing/, { rows: undefined }],
      [/^fit\.slots: /, { slots: -1 }],
    ],
    (fit) => session.fit(fit),
  );
});

test('load, read and write', async () => {
  const tensor = { path: '/nonexistent/file', offset: 0, dtype: 'F32', buffer: 'weights', parameter: 0, replica: -1 };
  const invalid = { code: 'ERR_INVALID_OPTION' };
  await refuses(
    tensor,
    [
      [/^tensors\[0\]\.path: /, { path: '' }],
      [/^tensors\[0\]\.path: .*zero byte/, { path: 'a\0b' }],
      [/^tensors\[0\]\.offset: /, { offset: -8 }],
      [/^tensors\[0\]\.dtype: /, { dtype: 'F8' }],
      [/^tensors\[0\]\.dtype: /, { dtype: 'I64' }],
      [/^tensors\[0\]\.buffer: /, { buffer: 'gradients' }],
      [/^tensors\[0\]\.parameter: /, { parameter: 9999 }],
      [/^tensors\[0\]\.replica: /, { replica: 1 }],
    ],
    (changed) => session.load([changed]),
  );
  await assert.rejects(session.load([tensor as never]), { code: 'ERR_READ' });
  const source = { buffer: 'weights', parameter: 0, replica: 0 };
  await refuses(
    source,
    [
      [/^source\.buffer: /, { buffer: 'weight' }],
      [/^source\.parameter: /, { parameter: -1 }],
      [/^source\.replica: /, { replica: 1 }],
      [/^source\.slot: expected an integer .*received nothing/, { buffer: 'slot' }],
      [/^source\.slot: there is no slot 77/, { buffer: 'slot', slot: 77 }],
      [/^source\.buffer: only the word embeddings/, { buffer: 'touched', parameter: 1 }],
    ],
    (changed) => session.read(changed),
  );
  await assert.rejects(session.write('', '{}', []), { ...invalid, message: /^path/ });
  await assert.rejects(session.write('x', 5 as never, []), { ...invalid, message: /^header: expected a string/ });
  await assert.rejects(session.write('x', '{}', [{ ...source, replica: 3 } as never]), {
    ...invalid,
    message: /^sources\[0\]\.replica/,
  });
  await assert.rejects(session.write('/nonexistent/folder/file', '{}', [source as never]), { code: 'ERR_WRITE' });
});

test('a getter that throws, or that closes the session, among the arguments', async () => {
  const { session: other, dataset: data } = await tinySession();
  const thrown = new RangeError('from the getter');
  const throwing = {
    ...tinySegment(data, 1),
    get steps(): number {
      throw thrown;
    },
  };
  await assert.rejects(
    other.train(throwing, () => {}),
    thrown,
  );
  const closing = {
    ...tinySegment(data, 1),
    get stepOffset() {
      other.closeSync();
      return 0;
    },
  };
  await assert.rejects(
    other.train(closing, () => {}),
    { code: 'ERR_DISPOSED' },
  );
});

test('methods refuse a foreign `this`, and the class a call without new', () => {
  const { Session } = loadNative();
  const prototype = Session.prototype as NativeSession;
  assert.throws(() => prototype.memory.call({} as never), TypeError);
  assert.throws(() => (Session as unknown as (spec: unknown) => void)(tinySpec), TypeError);
});
