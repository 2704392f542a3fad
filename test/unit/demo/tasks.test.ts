import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noun, verb } from '../../../lib/demo/language/inflect.ts';
import { blame, functionWords, praise, topics } from '../../../lib/demo/language/lexicon.ts';
import { demoTask, demoTasks, drawRows, type Row } from '../../../lib/demo/tasks/index.ts';

const first = (row: Row): string[] => row.texts[0].split(' ');

for (const task of demoTasks) {
  test(`${task.name}: as many rows of each label, no text twice, the same rows again from the same seed`, () => {
    const count = 20 * task.labels.length + 1;
    const seen = new Set<string>();
    const rows = drawRows(task, count, 7, seen);
    const counts = task.labels.map((_, label) => rows.filter((row) => row.label === label).length);
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join(' '));
    assert.equal(new Set(rows.map((row) => row.texts.join('\t'))).size, count);
    assert.deepEqual(drawRows(task, count, 7), rows);
    const again = drawRows(task, count, 7, seen);
    assert.ok(
      again.every((row) => !rows.some((other) => other.texts.join('\t') === row.texts.join('\t'))),
      'texts seen are left out',
    );
    const more = drawRows(task, count, 8, seen).map((row) => row.texts.join('\t'));
    assert.ok(
      more.every((text) => !rows.some((row) => row.texts.join('\t') === text)),
      'a text is in two splits',
    );
  });
}

test('an unknown task is refused', () => {
  assert.throws(() => demoTask('weather'), /no task "weather"/);
});

test('agreement: the labels tell whether the verb has the number of the subject', () => {
  const verbs = topics.flatMap((topic) => topic.verbs.flat());
  const agents = topics.flatMap((topic) => topic.agents.flat());
  for (const row of drawRows(demoTask('agreement'), 300, 1)) {
    const said = first(row);
    const plural = said.some((word) => agents.some((agent) => noun(agent, true) === word));
    const pluralVerb = said.some((word) => verbs.some((each) => verb(each, true) === word));
    assert.equal(plural === pluralVerb, row.label === 1, row.texts[0]);
  }
});

test('mood: the label is the closing opinion, turned round by a negation', () => {
  const good = new Set(praise.flat());
  const bad = new Set(blame.flat());
  for (const row of drawRows(demoTask('mood'), 300, 1)) {
    const said = first(row);
    const last = said.at(-2)!;
    assert.ok(good.has(last) || bad.has(last), row.texts[0]);
    const negated = (functionWords.negations as readonly string[]).includes(said.at(-3)!);
    assert.equal(good.has(last) !== negated, row.label === 1, row.texts[0]);
  }
});

test('topic: who acts decides', () => {
  for (const row of drawRows(demoTask('topic'), 300, 1)) {
    const agents = topics[row.label]!.agents.flat();
    assert.ok(
      first(row).some((word) => agents.some((agent) => noun(agent, false) === word || noun(agent, true) === word)),
      row.texts[0],
    );
  }
});

test('paraphrase: the same row says the same of who, what and whom, a different one does not', () => {
  const { agents, verbs, things } = {
    agents: topics.flatMap((t) => t.agents),
    verbs: topics.flatMap((t) => t.verbs),
    things: topics.flatMap((t) => t.things),
  };
  const conceptsIn = (text: string): string => {
    const said = text.replace(/ (near|beyond|behind|beside) \S+( \S+)?/, '').split(' ');
    const find = (concepts: readonly (readonly string[])[], forms: (word: string) => string[]): number =>
      concepts.findIndex((concept) => concept.some((word) => forms(word).some((form) => said.includes(form))));
    return [
      find(agents, (w) => [noun(w, false), noun(w, true)]),
      find(verbs, (w) => [verb(w, false), verb(w, true)]),
      find(things, (w) => [noun(w, false), noun(w, true)]),
    ].join();
  };
  let different = 0;
  const rows = drawRows(demoTask('paraphrase'), 300, 1).filter(
    (row) => !/ (near|beyond|behind|beside) /.test(row.texts.join(' ')),
  );
  for (const row of rows) {
    const same = conceptsIn(row.texts[0]) === conceptsIn(row.texts[1]!);
    if (row.label === 1) assert.ok(same, row.texts.join(' | '));
    else if (!same) different++;
  }
  assert.equal(
    different,
    rows.filter((row) => row.label === 0).length,
    'two of four things change, so one of the three does',
  );
});
