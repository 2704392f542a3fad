import assert from 'node:assert/strict';
import { test } from 'node:test';
import { otherRows } from '../../../../lib/forgetting/measure/index.ts';
import { chooseRows } from '../../../../lib/forgetting/measure/rows.ts';
import { tinySplit } from '../../../helpers/tiny-task.ts';

test('chosen and other rows together are all rows, each once', () => {
  const split = tinySplit(30, 1);
  for (const count of [0, 7, 30, 50]) {
    const chosen = chooseRows(split, count, 3, 'text');
    const others = otherRows(split, count, 3, 'text');
    assert.equal(chosen.length, Math.min(count, 30));
    assert.deepEqual(
      [...chosen, ...others].sort((a, b) => a - b),
      Array.from({ length: 30 }, (_, row) => row),
    );
  }
});
