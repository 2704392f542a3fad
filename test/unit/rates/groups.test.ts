import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assign } from '../../../lib/rates/groups.ts';
import { bertParameterNames } from '../../../lib/rates/names.ts';

const names = bertParameterNames({ layers: 12, heads: ['mrpc'], maskedLm: true });

test('the first group that matches wins, and every parameter gets a group', () => {
  const groupOf = assign(names, [
    { name: 'first', match: ['bert.encoder.layer.1.*'] },
    { name: 'biases', match: ['*.bias'] },
    { name: 'rest', match: ['*'] },
  ]);
  const of = (name: string): number | undefined => groupOf[names.indexOf(name)];
  assert.equal(groupOf.length, names.length);
  assert.equal(of('bert.encoder.layer.1.output.dense.bias'), 0);
  assert.equal(of('bert.encoder.layer.11.output.dense.bias'), 1, 'layer.1 does not match layer.11');
  assert.equal(of('bert.encoder.layer.11.output.dense.weight'), 2);
  assert.equal(of('classifier.mrpc.bias'), 1);
});

test('a glob takes dots literally and matches the whole name', () => {
  const groups = [
    { name: 'pooler', match: ['bert.pooler'] },
    { name: 'rest', match: ['*'] },
  ];
  assert.deepEqual(
    [...assign(['bert.pooler', 'bertXpooler', 'bert.pooler.dense', 'xbert.pooler'], groups)],
    [0, 1, 1, 1],
  );
});

test('a pattern between slashes is a regular expression', () => {
  const groupOf = assign(names, [
    { name: 'low', match: ['/\\.layer\\.[0-2]\\./'] },
    { name: 'rest', match: ['*'] },
  ]);
  assert.equal(groupOf.filter((group) => group === 0).length, 48);
  assert.throws(() => assign(names, [{ name: 'bad', match: ['/(/'] }]), {
    code: 'ERR_INVALID_OPTION',
    message: /"\/\(\/" is not a regular expression/,
  });
});

test('an empty group names its pattern and near parameter names', () => {
  const groups = [
    { name: 'last', match: ['bert.encoder.layer.12.*'] },
    { name: 'rest', match: ['*'] },
  ];
  assert.throws(() => assign(names, groups), {
    code: 'ERR_GROUP_EMPTY',
    message: /"last".*"bert\.encoder\.layer\.12\.\*".*bert\.encoder\.layer\.1/,
  });
});

test('a group emptied by an earlier one says which', () => {
  const groups = [
    { name: 'rest', match: ['*'] },
    { name: 'heads', match: ['classifier.*'] },
  ];
  assert.throws(() => assign(names, groups), {
    code: 'ERR_GROUP_EMPTY',
    message: /"heads".*classifier\.mrpc\.weight.*"rest"/,
  });
});

test('an unclaimed parameter is named', () => {
  const groups = [{ name: 'body', match: ['bert.*'] }];
  assert.throws(() => assign(names, groups), { code: 'ERR_PARAMETER_UNCLAIMED', message: /classifier\.mrpc\.weight/ });
});
