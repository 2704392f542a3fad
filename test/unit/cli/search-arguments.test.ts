import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedThreads } from '../../../lib/cli/search/executor.ts';
import { quoted, resumeCommand } from '../../../lib/cli/search/go-on.ts';
import { pairsOf } from '../../../lib/cli/search/pairs.ts';
import { participation } from '../../../lib/cli/search/plan.ts';
import { countOf, readRange, readRanges, readRecipe } from '../../../lib/cli/search/reading.ts';
import { checkClashes } from '../../../lib/cli/search/spec.ts';
import { knownOf, paperSpace, strategyOf } from '../../../lib/cli/search/strategy.ts';
import { refuses } from './helpers.ts';
import { studyInput } from '../../../lib/cli/combine/studies.ts';

test('ranges', () => {
  assert.deepEqual(readRange('rate_range', '1e-6:1e-3'), [1e-6, 1e-3]);
  assert.deepEqual(readRange('rate_range', ' 0 : 0 '), [0, 0]);
  for (const text of ['', ':', '1', '1:', ':1', '1:2:3', 'a:b', 'NaN:1', '0:Infinity'])
    refuses(() => readRange('rate_range', text), 'ERR_INVALID_OPTION', /--rate_range: expected LOW:HIGH/);
  refuses(() => readRange('rate_range', '1e-3:1e-6'), 'ERR_INVALID_OPTION', /LOW <= HIGH/);
  assert.deepEqual(readRanges(['lr_head=1e-5:1e-2', 'lr_layer_0=1e-7:1e-6']), {
    lr_head: [1e-5, 1e-2],
    lr_layer_0: [1e-7, 1e-6],
  });
  refuses(() => readRanges(['1e-5:1e-2']), 'ERR_INVALID_OPTION', /NAME=LOW:HIGH/);
  refuses(() => readRanges(['a=1:2', 'a=2:3']), 'ERR_INVALID_OPTION', /twice/);
});

test('recipes of samplers and pruners', () => {
  assert.deepEqual(readRecipe('pruner', 'hyperband'), { name: 'hyperband', settings: {} });
  assert.deepEqual(readRecipe('pruner', 'hyperband:reduction=2,grace=1'), {
    name: 'hyperband',
    settings: { reduction: 2, grace: 1 },
  });
  assert.deepEqual(readRecipe('pruner', 'x:a=true, b = c,d=1e-3').settings, { a: true, b: 'c', d: 1e-3 });
  for (const text of ['x:', 'x:a', 'x:a=', 'x:=1', 'x:a=1,', 'x:a=1,,b=2'])
    refuses(() => readRecipe('pruner', text), 'ERR_INVALID_OPTION', /--pruner: expected NAME:key=value/);
  refuses(() => readRecipe('pruner', 'x:a=1,a=2'), 'ERR_INVALID_OPTION', /twice/);
});

test('strategies: defaults, names, and the published search', () => {
  const plain = strategyOf({});
  assert.deepEqual([plain.sampler.name, plain.pruner.name, plain.paper], ['tpe', 'none', false]);
  assert.equal(knownOf({}, plain, 12), undefined);
  assert.deepEqual(knownOf({ known: false }, plain, 12), []);

  const paper = strategyOf({ sampler: 'paper' });
  assert.equal(paper.sampler.name, 'gp');
  assert.deepEqual([paper.pruner.name, paper.pruner.settings], ['asha', { reduction: 2, grace: 1 }]);
  assert.deepEqual(
    knownOf({}, paper, 12)!.map(({ name }) => name),
    ['flat@1e-5'],
  );
  assert.equal(knownOf({ known: true }, paper, 12), undefined);
  assert.deepEqual(paperSpace(12), { grouping: 'depth:10', rates: [1e-7, 1e-3] });
  // Ten groups need eight layers.
  assert.equal(paperSpace(2).grouping, 'depth:4');
  assert.equal(strategyOf({ sampler: 'paper', pruner: 'none' }).pruner.name, 'none');

  refuses(() => strategyOf({ sampler: 'paper:a=1' }), 'ERR_INVALID_OPTION', /no settings/);
  refuses(() => strategyOf({ sampler: 'tpee' }), 'ERR_INVALID_OPTION', /no sampler "tpee"/);
  refuses(() => strategyOf({ pruner: 'asha:reductoin=2' }), 'ERR_UNKNOWN_OPTION', /reductoin/);
});

test('pairs and the names of their studies', () => {
  assert.deepEqual(pairsOf({ tasks: 'QNLI, sst2' }), [{ study: 'qnli-sst2', tasks: ['qnli', 'sst2'] }]);
  assert.equal(pairsOf({ tasks: 'qnli,sst2', study: 'mine' })[0]!.study, 'mine');
  assert.deepEqual(
    pairsOf({ pairs: 'qnli,sst2;stsb,sst2;', study: 'mine' }).map(({ study }) => study),
    ['mine/qnli-sst2', 'mine/stsb-sst2'],
  );
  assert.deepEqual(
    pairsOf({ pairs: 'qnli,sst2;stsb,sst2' }).map(({ study }) => study),
    ['qnli-sst2', 'stsb-sst2'],
  );
  for (const args of [
    {},
    { tasks: 'a,b', pairs: 'c,d' },
    { tasks: 'a' },
    { tasks: 'a,b,c' },
    { tasks: 'a,' },
    { pairs: ';' },
  ])
    refuses(() => pairsOf(args), 'ERR_INVALID_OPTION', /--(tasks|pairs)/);
  refuses(() => pairsOf({ pairs: 'a,b;a,b' }), 'ERR_INVALID_OPTION', /twice/);
  refuses(() => pairsOf({ tasks: 'a,b', study: ' ' }), 'ERR_INVALID_OPTION', /--study/);
});

test('options that contradict one another', () => {
  const clashes = [
    { first_model: 'm', first_rates: '1e-5' },
    { weight_decay: 0.1, search_weight_decay: '0:0.1' },
    { warmup_steps: 10, search_warmup_ratio: '0:0.1' },
    { num_train_epochs: 3, search_epochs: '1:3' },
    { mode: 'paper', first_rates: '1e-5' },
    { protocol: 'paper', first_model: 'm' },
    { stages: 'own' },
    { search_penalty: '1:10' },
  ];
  for (const args of clashes) refuses(() => checkClashes(args), 'ERR_INVALID_OPTION');
  for (const args of [{}, { protocol: 'paper', mode: 'keep', first_rates: '1e-5' }, { mode: 'paper', stages: 'own' }])
    checkClashes(args);
});

test('counts and leases', () => {
  assert.equal(countOf({ trials: 3 }, 'trials'), 3);
  for (const trials of [0, -1, 1.5, Number.NaN])
    refuses(() => countOf({ trials }, 'trials'), 'ERR_INVALID_OPTION', /--trials/);
  assert.deepEqual(participation({}), {
    attempts: undefined,
    batchSize: 4,
    processes: 0,
    devices: undefined,
    mode: 'lockstep',
    lease: undefined,
  });
  assert.deepEqual(participation({ attempts: 2, trials_per_batch: 2, processes: 3, async: true, lease: 5 }), {
    attempts: 2,
    batchSize: 2,
    processes: 3,
    devices: undefined,
    mode: 'async',
    lease: 5000,
  });
  for (const lease of [0, -1, 86_401]) refuses(() => participation({ lease }), 'ERR_INVALID_OPTION', /--lease/);
});

test('threads of child processes', () => {
  assert.equal(sharedThreads(0, undefined), undefined);
  for (const devices of ['cuda', 'cuda:0,cuda:1', 'emulated,emulated'])
    assert.equal(sharedThreads(4, devices), undefined);
  assert.ok(sharedThreads(2, 'cpu')! >= 1);
});

test('the command that goes on', () => {
  assert.equal(
    resumeCommand(
      {
        tasks: 'qnli,sst2',
        trials: 7,
        known: false,
        async: true,
        range: ['a=1:2', 'b=2:3'],
        data_dir: "it's here",
        json: true,
      },
      'x.db',
    ),
    `lrdist search --tasks qnli,sst2 --trials 7 --no_known --range a=1:2 --range b=2:3 --async --data_dir 'it'\\''s here' --storage x.db --resume`,
  );
  assert.equal(quoted('$x;y'), "'$x;y'");
});

test('studies as inputs of combine', () => {
  assert.deepEqual(studyInput('trials.csv'), undefined);
  assert.deepEqual(studyInput('a->b=trials.csv'), undefined);
  assert.deepEqual(studyInput('no/such.db'), { address: 'no/such.db' });
  assert.deepEqual(studyInput('mine/a-b@no/such.db'), { address: 'no/such.db', study: 'mine/a-b' });
  assert.deepEqual(studyInput('postgres://me@host/db'), { address: 'postgres://me@host/db' });
  assert.deepEqual(studyInput('x@y@postgres://me@host/db'), { address: 'postgres://me@host/db', study: 'x@y' });
});
