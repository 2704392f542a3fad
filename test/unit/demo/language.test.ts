import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { drawCorpus } from '../../../lib/demo/corpus.ts';
import { drawClause, isPositive } from '../../../lib/demo/language/clause.ts';
import { addS } from '../../../lib/demo/language/inflect.ts';
import { adverbs, blame, plain, praise, topics, verdicts } from '../../../lib/demo/language/lexicon.ts';
import { speak } from '../../../lib/demo/language/speak.ts';
import { Random } from '../../../lib/demo/random.ts';
import { specialTokens, vocabulary, words } from '../../../lib/demo/vocabulary.ts';

test('the vocabulary has some hundred whole words, each once, after the special tokens', () => {
  const list = vocabulary();
  assert.deepEqual(list.slice(0, 5), [...specialTokens]);
  assert.equal(new Set(list).size, list.length);
  assert.ok(list.length >= 300 && list.length <= 600, `${list.length} words`);
  for (const word of words()) assert.match(word, /^([a-z]+|[,.])$/);
});

test('no word belongs to two concepts', () => {
  const concepts = [
    ...topics.flatMap((topic) => [...topic.agents, ...topic.things, ...topic.places, ...topic.verbs]),
    ...praise,
    ...blame,
    ...verdicts.good,
    ...verdicts.bad,
    ...plain,
    ...adverbs,
  ];
  const seen = new Map<string, number>();
  for (const [i, concept] of concepts.entries()) {
    for (const word of concept) {
      assert.equal(seen.get(word), undefined, word);
      seen.set(word, i);
    }
  }
  assert.equal(praise.length, blame.length);
});

test('every word of what is said is in the vocabulary, and every word is said', () => {
  const known = new Set(words());
  const said = new Set(drawCorpus(20_000, 5).flatMap((passage) => passage.flatMap((text) => text.split(' '))));
  for (const word of said) assert.ok(known.has(word), word);
  for (const word of known) assert.ok(said.has(word), `"${word}" never occurs`);
});

test('the same seed gives the same text, another seed another', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => {
      assert.deepEqual(drawCorpus(5, seed), drawCorpus(5, seed));
      assert.notDeepEqual(drawCorpus(5, seed), drawCorpus(5, seed + 1));
    }),
    { numRuns: 50 },
  );
});

test('spelling of the -s form', () => {
  assert.deepEqual(['boat', 'mesh', 'study', 'play', 'mix', 'pass'].map(addS), [
    'boats',
    'meshes',
    'studies',
    'plays',
    'mixes',
    'passes',
  ]);
});

test('the verdict follows from the opinion, negation counted', () => {
  const random = new Random(3);
  const good = new Set(verdicts.good.flat());
  const bad = new Set(verdicts.bad.flat());
  for (let i = 0; i < 200; i++) {
    const clause = drawClause(random);
    const said = speak(clause, random, { verdict: true }).split(' ');
    assert.equal(
      said.some((word) => good.has(word)),
      isPositive(clause.opinion),
    );
    assert.equal(
      said.some((word) => bad.has(word)),
      !isPositive(clause.opinion),
    );
    assert.ok(!speak(clause, random).includes(', so we '));
  }
});
