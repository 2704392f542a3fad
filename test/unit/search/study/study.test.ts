import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LrdistError } from '../../../../lib/errors.ts';
import { loadStudy, openStudy } from '../../../../lib/search/open-study.ts';
import { randomSampler } from '../../../../lib/search/samplers/random.ts';
import { openMemoryStorage } from '../../../../lib/search/storage/memory.ts';
import { open, space } from './helpers.ts';

function code(expected: string, message: RegExp = /./) {
  return (error: unknown) => {
    assert.ok(error instanceof LrdistError, String(error));
    assert.equal(error.code, expected, error.message);
    assert.match(error.message, message);
    return true;
  };
}

test('ask and tell: trials get numbers, parameters within the space, and values', async () => {
  await using study = await open();
  for (let i = 0; i < 5; i++) {
    const trial = await study.ask();
    assert.equal(trial.number, i);
    assert.equal(trial.attempt, 1);
    assert.ok(trial.parameters.x >= 0 && trial.parameters.rate >= 1e-6);
    await study.tell(trial, trial.parameters.x);
  }
  const trials = await study.trials();
  assert.deepEqual(
    trials.map(({ state, origin }) => [state, origin]),
    Array.from({ length: 5 }, () => ['complete', 'sampled']),
  );
  const best = Math.max(...trials.map(({ parameters }) => parameters.x));
  assert.deepEqual((await study.best())?.values, [best]);
});

test('the same seed asks for the same points, whether one by one or after opening again; another seed for others', async () => {
  const points = async (seed: number, reopen = false) => {
    const storage = openMemoryStorage();
    const asked: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      const study = await open({ storage, seed, resume: 'auto' });
      const { parameters, ...trial } = await study.ask();
      asked.push(parameters);
      await study.tell({ ...trial }, 1);
      if (reopen) await study.close();
    }
    return asked;
  };
  const once = await points(3);
  assert.equal(new Set(once.map((point) => JSON.stringify(point))).size, 4);
  assert.deepEqual(await points(3, true), once);
  assert.notDeepEqual(await points(4), once);
});

test('what was asked for is held as long as it is not told, each trial by itself', async () => {
  await using study = await open({ lease: 100 });
  const asked = await study.ask(3);
  await study.tell(asked[1]!, 1);
  await sleep(400);
  const claim = { count: 9, worker: 'other', lease: 1000 };
  assert.deepEqual(await study.storage.claim(study.stored.id, claim), []);
  for (const trial of [asked[0]!, asked[2]!]) await study.tell(trial, 1);
  assert.ok((await study.trials()).every(({ state }) => state === 'complete'));
});

test('several at once are one batch, and different points', async () => {
  await using study = await open();
  const asked = await study.ask(4);
  assert.deepEqual(
    asked.map(({ number, trial }) => [number, trial.attributes.batch]),
    [0, 1, 2, 3].map((number) => [number, 0]),
  );
  assert.equal(new Set(asked.map(({ parameters }) => parameters.x)).size, 4);
  assert.equal((await study.ask()).trial.attributes.batch, 1);
  await assert.rejects(study.ask(0), code('ERR_INVALID_OPTION', /count/));
});

test('enqueued points come first and in order', async () => {
  await using study = await open();
  await study.enqueue({ x: 0.5, rate: 1e-5 });
  await study.enqueue([
    { x: 0.25, rate: 1e-4 },
    { x: 0.75, rate: 1e-3 },
  ]);
  const asked = await study.ask(4);
  assert.deepEqual(asked.map(({ parameters }) => parameters.x).slice(0, 3), [0.5, 0.25, 0.75]);
  assert.deepEqual(
    asked.map(({ trial }) => trial.origin),
    ['enqueued', 'enqueued', 'enqueued', 'sampled'],
  );
  await assert.rejects(study.enqueue({ x: 2, rate: 1e-5 }), code('ERR_INVALID_OPTION', /x/));
});

test('what is left by a closed study is asked for again, with its reports', async () => {
  const storage = openMemoryStorage();
  const first = await open({ storage, maxStep: 3 });
  const left = await first.ask();
  await first.report(left, 1, 0.5);
  await first.close();
  await using second = await open({ storage, maxStep: 3, resume: 'must' });
  const again = await second.ask();
  assert.deepEqual([again.number, again.attempt, again.parameters], [left.number, 2, left.parameters]);
  assert.deepEqual(again.trial.reports, [{ step: 1, values: [0.5] }]);
  await assert.rejects(first.tell(left, 1), code('ERR_TRIAL_FINISHED', /trial 0/));
  await second.tell(again, 1);
  await assert.rejects(second.tell(again, 2), code('ERR_TRIAL_FINISHED'));
  assert.deepEqual((await second.trials())[0]?.values, [1]);
});

test('a trial that is asked for stays ours beyond its lease', async () => {
  const storage = openMemoryStorage();
  await using study = await open({ storage, lease: 60 });
  await using rival = await open({ storage, resume: 'must' });
  const trial = await study.ask();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal((await rival.ask()).number, 1);
  await study.tell(trial, 1);
});

test('values that are not finite make a failed trial that says so; a wrong number of values is refused', async () => {
  await using study = await open({ objectives: { p_s: 'maximize', p_o: 'maximize' } });
  const trial = await study.ask();
  await assert.rejects(study.tell(trial, 1), code('ERR_INVALID_OPTION', /expected 2 numbers \(p_s, p_o\)/));
  await study.tell(trial, [0.5, NaN]);
  const [recorded] = await study.trials();
  assert.deepEqual([recorded?.state, recorded?.values, recorded?.error], ['failed', null, 'not finite: p_o is NaN']);
  assert.deepEqual(await study.front(), []);
  await study.tell(await study.ask(), { state: 'complete', values: [1, 1], constraints: [Infinity] });
  assert.equal((await study.trials())[1]?.error, 'not finite: constraint 0 is Infinity');
});

test('reports decide by the pruner; a pruned trial keeps the values of its last report', async () => {
  await using study = await open({ pruner: 'asha', maxStep: 9 });
  const [good, bad, broken] = await study.ask(3);
  assert.equal(await study.report(good!, 1, 0.9), true);
  assert.equal(await study.report(bad!, 1, 0.1), false);
  assert.equal(await study.report(broken!, 1, NaN), false);
  await study.tell(bad!, { state: 'pruned' });
  await study.tell(broken!, { state: 'pruned', attributes: { why: 'diverged' } });
  // No rung: nothing to decide.
  assert.equal(await study.report(good!, 2, 0), true);
  const trials = await study.trials();
  assert.deepEqual([trials[1]?.state, trials[1]?.values], ['pruned', [0.1]]);
  assert.deepEqual([trials[2]?.state, trials[2]?.values, trials[2]?.attributes.why], ['pruned', null, 'diverged']);
  await assert.rejects(study.report(good!, 10, 1), code('ERR_INVALID_OPTION', /step: expected an integer from 1 to 9/));
  await assert.rejects(study.report(good!, 1, [1, 2]), code('ERR_INVALID_OPTION', /values/));
  await assert.rejects(study.report(bad!, 3, 1), code('ERR_TRIAL_FINISHED'));
});

test('a report that was not a number still counts as the worst of all later', async () => {
  await using study = await open({ pruner: 'successive-halving', maxStep: 9 });
  const asked = await study.ask(4);
  for (const [i, value] of [NaN, NaN, 0.2, 0.1].entries()) await study.report(asked[i]!, 1, value);
  // ceil(4 / 3) = 2 go on; of those with a number alone it would be one.
  assert.equal(await study.report(asked[3]!, 1, 0.1), true);
  assert.equal(await study.report(asked[0]!, 1, NaN), false);
});

test('attached trials teach the sampler and are not run; the baseline is marked', async () => {
  await using study = await open();
  const baseline = await study.attachBaseline({ parameters: { x: 0.1, rate: 1e-5 }, values: 0.3 });
  assert.deepEqual([baseline.number, baseline.origin, baseline.attributes.baseline], [0, 'attached', true]);
  await study.attach([{ parameters: { x: 0.2, rate: 1e-5 }, state: 'failed', values: null, error: 'elsewhere' }]);
  assert.equal((await study.ask()).number, 2);
  assert.equal((await study.best())?.number, 0);
});

test('the best keeps the constraints; several objectives have a front', async () => {
  await using study = await open();
  const tell = async (values: number, constraints: number[]) =>
    study.tell(await study.ask(), { state: 'complete', values, constraints });
  await tell(3, [0.1]);
  await tell(2, [0]);
  await tell(1, [-1]);
  assert.equal((await study.best())?.number, 1);
  await using two = await open({ objectives: { p_s: 'maximize', loss: 'minimize' } });
  for (const values of [
    [1, 1],
    [2, 2],
    [0, 3],
    [1, 2],
  ])
    await two.tell(await two.ask(), values);
  assert.deepEqual(
    (await two.front()).map(({ number }) => number),
    [0, 1],
  );
  await assert.rejects(two.best(), code('ERR_INVALID_OPTION', /front/));
});

test('a study of the same name: never, auto, must', async () => {
  const storage = openMemoryStorage();
  await assert.rejects(open({ storage, resume: 'must' }), code('ERR_STUDY_NOT_FOUND', /"test"/));
  await open({ storage, resume: 'auto' });
  await assert.rejects(open({ storage }), code('ERR_STUDY_EXISTS'));
  await open({ storage, resume: 'auto' });
  await open({ storage, resume: 'must' });
  const both = openMemoryStorage();
  await Promise.all([1, 2, 3].map(() => open({ storage: both, resume: 'auto' })));
  assert.equal((await both.listStudies()).length, 1);
});

test('another study under the same name is refused, with everything that differs', async () => {
  const storage = openMemoryStorage();
  await open({ storage, protocol: { model: 'bert-tiny', rows: 4000 }, maxStep: 3 });
  await assert.rejects(
    openStudy({
      name: 'test',
      storage,
      space: { rate: space.rate, x: { kind: 'float', low: 0, high: 2 } },
      directions: 'minimize',
      sampler: randomSampler(),
      pruner: 'median',
      seed: 2,
      protocol: { model: 'bert-base', rows: 4000 },
      resume: 'auto',
    }),
    code(
      'ERR_PROTOCOL_MISMATCH',
      /space\.x: was \{.*\}, now \{.*\}\norder of the dimensions: was x, rate, now rate, x\nobjectives\.value: was "maximize", now "minimize"\nseed: was 1, now 2\nmaxStep: was 3, now 1\nprotocol\.model: was "bert-tiny", now "bert-base"\nprotocol\.pruner: .*"none".*"median"/,
    ),
  );
});

test('a study is loaded with the sampler and pruner it was begun with', async () => {
  const storage = openMemoryStorage();
  await open({ storage, pruner: 'hyperband' });
  await using loaded = await loadStudy({ storage, name: 'test' });
  assert.deepEqual(
    [loaded.sampler.name, loaded.pruner.name, loaded.pruner.settings],
    ['random', 'hyperband', { reduction: 3, grace: 1 }],
  );
  await assert.rejects(loadStudy({ storage, name: 'tset' }), (error: LrdistError) => {
    assert.equal(error.code, 'ERR_STUDY_NOT_FOUND');
    assert.match(error.remedy!, /test/);
    return true;
  });
});

test('options are checked', async () => {
  const cases: [object, RegExp][] = [
    [{ name: '' }, /name/],
    [{ seed: -1 }, /seed/],
    [{ maxStep: 0 }, /maxStep/],
    [{ objectives: { a: 'maximize' }, directions: 'maximize' }, /directions: expected either/],
    [{ objectives: {} }, /objectives/],
    [{ directions: 'up' }, /directions/],
    [{ lease: 0 }, /lease/],
    [{ resume: 'maybe' }, /resume/],
    [{ sampler: 'tpp' }, /sampler/],
    [{ pruner: 'haste' }, /pruner/],
    [{ protocol: { seen: undefined } }, /protocol/],
  ];
  for (const [change, message] of cases) await assert.rejects(open(change), code('ERR_INVALID_OPTION', message));
});

test('attributes that the study keeps itself are refused', async () => {
  await using study = await open();
  const trial = await study.ask();
  await assert.rejects(
    study.tell(trial, { state: 'pruned', attributes: { batch: 7 } }),
    code('ERR_INVALID_OPTION', /attributes\.batch/),
  );
});
