import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSampler, samplerNames } from '../../../../lib/search/samplers/create.ts';

test('every name gives a sampler of that name', () => {
  assert.deepEqual(samplerNames.toSorted(), ['cma-es', 'gp', 'grid', 'nsga2', 'random', 'sobol', 'tpe']);
  for (const name of samplerNames) assert.equal(createSampler(name).name, name);
});

test('what a sampler says it was made with makes the same again', () => {
  for (const name of samplerNames) {
    const { settings } = createSampler(name);
    assert.deepEqual(createSampler(name, settings).settings, settings);
  }
  assert.deepEqual(createSampler('tpe', { nStartupTrials: 3 }).settings, { nStartupTrials: 3, nEiCandidates: 24 });
});

test('an unknown name is refused with the nearest, a setting with those there are', () => {
  assert.throws(() => createSampler('tpp'), { code: 'ERR_INVALID_OPTION', remedy: 'Did you mean tpe?' });
  assert.throws(() => createSampler('annealing'), { code: 'ERR_INVALID_OPTION', remedy: /random, grid, sobol/ });
  assert.throws(() => createSampler('toString'), { code: 'ERR_INVALID_OPTION' });
  assert.throws(() => createSampler('tpe', { gamma: 0.1 }), { code: 'ERR_UNKNOWN_OPTION', remedy: /nStartupTrials/ });
  assert.throws(() => createSampler('tpe', { nStartupTrials: -1 }), {
    code: 'ERR_INVALID_OPTION',
    message: /^sampler tpe: nStartupTrials: .* \(received -1\)$/,
  });
});
