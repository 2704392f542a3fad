import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStorage } from '../../../../lib/search/storage/open.ts';
import { exportOptuna } from '../../../../lib/search/storage/optuna-export.ts';
import { importOptuna } from '../../../../lib/search/storage/optuna-import.ts';
import { definition, point } from '../../../conformance/storage/data.ts';
import { temporaryFolder } from '../../../helpers/temporary.ts';

const folder = temporaryFolder();

/** A study with a trial in every state. */
async function various() {
  const storage = await openStorage('memory:');
  const { id } = await storage.createStudy(definition);
  await storage.attach(id, [
    {
      ...point(1),
      parameters: { rate: 2e-5, epochs: 2, shape: true },
      origin: 'attached',
      state: 'complete',
      values: [0.75, 0.5],
      constraints: [-0.25],
      reports: [
        { step: 1, values: [0.5, 0.25] },
        { step: 2, values: [0.75, 0.5] },
      ],
      attributes: { seed: 3, nested: { a: [1, null] } },
    },
    { ...point(2), origin: 'attached', state: 'failed', values: null, error: 'no memory' },
    {
      ...point(3),
      origin: 'attached',
      state: 'pruned',
      values: [0.1, 0.2],
      reports: [{ step: 1, values: [0.1, 0.2] }],
    },
  ]);
  await storage.locked(id, ({ add }) => add([point(4), point(5)]));
  await storage.claim(id, { count: 1, worker: 'w', lease: 60_000 });
  return { storage, id };
}

test('an exported study comes back by import, with its definition; what is not finished stays behind', async () => {
  const { storage, id } = await various();
  const path = join(folder, 'round.log');
  assert.equal(await exportOptuna(storage, 'one', path), 5);
  const other = await openStorage('memory:');
  const { study, trials, skipped } = await importOptuna(path, other, { name: 'again' });
  assert.deepEqual([trials, skipped], [3, 2]);
  const { id: newId, created } = study;
  assert.deepEqual(study, { ...definition, name: 'again', id: newId, created });
  const before = (await storage.trials(id)).slice(0, 3).map((trial) => ({ ...trial, created: 0 }));
  const after = (await other.trials(study.id)).map((trial) => ({ ...trial, created: 0 }));
  assert.deepEqual(after, before);
});

test('an export does not replace a file unless told', async () => {
  const { storage } = await various();
  const path = join(folder, 'there.log');
  writeFileSync(path, 'mine');
  await assert.rejects(exportOptuna(storage, 'one', path), { code: 'ERR_WRITE' });
  assert.equal(readFileSync(path, 'utf8'), 'mine');
  await exportOptuna(storage, 'one', path, { overwrite: true });
  await assert.rejects(exportOptuna(storage, 'two', join(folder, 'no.log')), { code: 'ERR_STUDY_NOT_FOUND' });
  assert.ok(!existsSync(join(folder, 'no.log')));
});

for (const version of [4, 5]) {
  const path = join(import.meta.dirname, 'fixtures', `optuna-${version}.journal`);

  test(`a study of Optuna ${version} with one objective is imported`, async () => {
    const storage = await openStorage('memory:');
    const { study, trials, skipped } = await importOptuna(path, storage, { study: 'single' });
    assert.deepEqual([trials, skipped], [7, 2]); // One failed early, one still runs.
    assert.deepEqual(study.directions, ['minimize']);
    assert.deepEqual(study.space, {
      rate: { kind: 'float', low: 1e-7, high: 1e-3, log: true },
      epochs: { kind: 'int', low: 1, high: 9 },
      shape: { kind: 'categorical', choices: ['flat', 'rising', 'null'] },
    });
    assert.equal(study.maxStep, 3);
    const list = await storage.trials(study.id);
    assert.deepEqual(list[0]!.parameters, { rate: 1e-5, epochs: 3, shape: 'flat' });
    assert.deepEqual(list[0]!.values, [3.0000000000000004e-5]);
    assert.deepEqual(
      list[0]!.reports.map(({ step }) => step),
      [1, 2, 3],
    );
    assert.deepEqual(list[0]!.attributes, { seed: 0 });
    assert.ok(Math.abs(list[0]!.finished! - Date.parse('2026-11-24T09:20:38Z')) < 86_400_000);
    assert.equal(list[3]!.state, 'pruned');
    // Trial 5 of the file ended with infinity.
    assert.deepEqual([list[4]!.state, list[4]!.values], ['failed', null]);
    assert.match(list[4]!.error!, /finite/);
    assert.ok('slope' in (list[1]!.attributes['optuna:params'] as object));
  });

  test(`a study of Optuna ${version} with two objectives and constraints is imported`, async () => {
    const storage = await openStorage('memory:');
    const { study, trials } = await importOptuna(path, storage, { study: 'several' });
    assert.equal(trials, 5);
    assert.deepEqual(study.objectives, ['p_s', 'p_o']);
    assert.deepEqual(study.directions, ['maximize', 'minimize']);
    for (const { parameters, values, constraints } of await storage.trials(study.id)) {
      assert.deepEqual(values, [parameters['x'], parameters['n']]);
      assert.deepEqual(constraints, [(parameters['x'] as number) - 0.5]);
    }
  });

  test(`which study of a journal of Optuna ${version} is to be said`, async () => {
    const storage = await openStorage('memory:');
    const choose = { code: 'ERR_STUDY_NOT_FOUND', remedy: /"single", "several"/ };
    await assert.rejects(importOptuna(path, storage), choose);
    await assert.rejects(importOptuna(path, storage, { study: 'gone' }), choose);
  });
}

const python = `
import json, sys, optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
storage = JournalStorage(JournalFileBackend(sys.argv[1]))
study = optuna.load_study(study_name="one", storage=storage)
print(json.dumps([{"state": t.state.name, "params": t.params, "values": t.values, "steps": t.intermediate_values,
  "attrs": t.user_attrs, "constraints": t.system_attrs.get("constraints"), "dated": t.datetime_start is not None} for t in study.trials]
  + [[d.name for d in study.directions], study.metric_names, study.user_attrs["protocol"], len(study.best_trials)]))
`;

function hasOptuna(): boolean {
  try {
    execFileSync('python3', ['-c', 'import optuna'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('Optuna reads an exported study', { skip: !hasOptuna() && 'no Python with optuna' }, async () => {
  const { storage } = await various();
  const path = join(folder, 'for-optuna.log');
  await exportOptuna(storage, 'one', path);
  const output = execFileSync('python3', ['-W', 'ignore', '-c', python, path], { encoding: 'utf8' });
  const read = JSON.parse(output) as unknown[];
  assert.deepEqual(read[0], {
    state: 'COMPLETE',
    params: { rate: 2e-5, epochs: 2, shape: true },
    values: [0.75, 0.5],
    steps: { 1: 0.5, 2: 0.75 },
    attrs: { seed: 3, nested: { a: [1, null] } },
    constraints: [-0.25],
    dated: true,
  });
  assert.deepEqual(
    read.slice(0, 5).map((trial) => (trial as { state: string }).state),
    ['COMPLETE', 'FAIL', 'PRUNED', 'RUNNING', 'WAITING'],
  );
  assert.deepEqual(read.slice(5), [['MAXIMIZE', 'MAXIMIZE'], ['p_s', 'p_o'], definition.protocol, 1]);
});

const worker = `
import sys, optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
optuna.logging.set_verbosity(optuna.logging.ERROR)
storage = JournalStorage(JournalFileBackend(sys.argv[1]))
study = optuna.load_study(study_name="one", storage=storage, sampler=optuna.samplers.RandomSampler(seed=1))
print([t.state.name for t in study.trials], study.trials[0].values, study.trials[0].intermediate_values)
def simple(trial):
  trial.suggest_float("rate", 1e-7, 1e-3, log=True); trial.suggest_categorical("shape", ["flat", "rising", True, 3])
  return 0.5, trial.suggest_int("epochs", 1, 9)
study.optimize(simple, n_trials=2)
study.ask()
`;

test('Optuna reads a journal while a search uses it, and may add to it', {
  skip: !hasOptuna() && 'no Python with optuna',
}, async () => {
  const path = join(folder, 'live.log');
  const storage = await openStorage(path);
  const { id } = await storage.createStudy(definition);
  await storage.locked(id, ({ add }) => add([point(0), point(1), point(2)]));
  const claims = await storage.claim(id, { count: 3, worker: 'w', lease: 1 });
  await storage.report(id, claims[0]!, { step: 1, values: [0.25, 0.5] });
  await storage.finish(id, claims[0]!, { state: 'complete', values: [0.75, 1], attributes: { a: 1 } });
  await storage.finish(id, claims[1]!, { state: 'failed', values: null, error: 'x' });
  const output = execFileSync('python3', ['-W', 'ignore', '-c', worker, path], { encoding: 'utf8' });
  assert.equal(output.trim(), "['COMPLETE', 'FAIL', 'RUNNING'] [0.75, 1] {1: 0.25}");
  // Ours, whose lease ran out, is claimed again. Theirs follow, and are never claimed: two are complete, one runs.
  const claimed = await storage.claim(id, { count: 9, worker: 'w', lease: 60_000 });
  assert.deepEqual(
    claimed.map(({ trial }) => [trial.number, trial.attempt]),
    [[2, 2]],
  );
  const [next] = await storage.locked(id, ({ add }) => add([point(3)]));
  assert.equal(next!.number, 6);
  const theirs = (await storage.trials(id)).slice(3, 5);
  for (const { state, values, parameters } of theirs)
    assert.deepEqual([state, values], ['complete', [0.5, parameters['epochs']]]);
});
