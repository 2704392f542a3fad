import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { readRatesFile } from '../../lib/rates/file.ts';
import { jsonCli, runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { run } from '../unit/cli/helpers.ts';

const work = temporaryFolder();
const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'combine.md'), 'utf8');

/** The n-th code block of a language on the page. */
function block(language: string, n = 0): string {
  const blocks = [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))];
  return blocks[n]![1]!;
}

before(async () => {
  await writeFile(join(work, 'qnli-sst2.csv'), block('csv'));
  await writeFile(join(work, 'mrpc-sst2.jsonl'), block('json'));
});

const here = { cwd: work };
const inputs = ['qnli-sst2.csv', 'mrpc-sst2.jsonl'];

test("the documentation's example gives what it says, a file with its provenance, and a drawing", async () => {
  const args = ['combine', ...inputs, '--output', 'both.rates.json', '--svg', 'both.svg'];
  const { code, stdout, stderr } = await runCli(args, here);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, block('text'));
  assert.match(stderr, /qnli-sst2\.csv: 1 of 4 rows left out \(1 pruned\)/);
  const { rates, provenance } = JSON.parse(await readFile(join(work, 'both.rates.json'), 'utf8')) as {
    rates: Record<string, number>;
    provenance: { versions: Record<string, string>; inputs: { source: string; sha256: string; used: number }[] };
  };
  assert.deepEqual(Object.keys(provenance.versions), ['lrdist', 'node']);
  assert.deepEqual(
    provenance.inputs.map(({ source, used }) => [source, used]),
    [
      ['qnli-sst2.csv', 3],
      ['mrpc-sst2.jsonl', 2],
    ],
  );
  for (const { sha256 } of provenance.inputs) assert.match(sha256, /^[0-9a-f]{64}$/);
  // By hand: 1e-5, 2e-6, 1e-6 with ranks 2, 1, 0 (scores 1.333, 1.403, 1.403 tied), and 1e-5, 5e-6 with ranks 1, 0.
  const shared = (1 + 1 / 1.8) / 2;
  const first = (-5 * 1.8 ** -2 + shared * (Math.log10(2e-6) - 6)) / (1.8 ** -2 + 2 * shared);
  const second = (-5 / 1.8 + Math.log10(5e-6)) / (1 / 1.8 + 1);
  assert.ok(Math.abs(rates['embeddings']! / 10 ** ((first + second) / 2) - 1) < 1e-9, JSON.stringify(rates));
  assert.match(await readFile(join(work, 'both.svg'), 'utf8'), /^<svg [\s\S]*>flat 2e-5<\/text>[\s\S]*<\/svg>\n$/);
  assert.deepEqual(
    (await readdir(work)).filter((name) => name.endsWith('.tmp')),
    [],
  );

  // The file is a distribution like any other, and --json prints the same.
  const shown = await runCli(['rates', 'show', 'both.rates.json@1e-4', '--layers', '2'], here);
  assert.match(shown.stdout, /both@1e-4 \(2 layers\)/);
  assert.match(shown.stdout, /base 1e-4: the geometric mean of the rates of the encoder layers/);
  const json = await runCli(['combine', ...inputs, '--name', 'both', '--json'], here);
  assert.deepEqual(JSON.parse(json.stdout), JSON.parse(await readFile(join(work, 'both.rates.json'), 'utf8')));
});

test('a file that is there is not replaced without being told', async () => {
  await writeFile(join(work, 'there.rates.json'), 'mine');
  const args = ['combine', ...inputs, '--output', 'there.rates.json'];
  const { code, stderr } = await runCli(args, here);
  assert.equal(code, 2);
  assert.match(stderr, /there\.rates\.json is there already\n.*--overwrite_output\.\n\(ERR_INVALID_OPTION\)/);
  assert.equal(await readFile(join(work, 'there.rates.json'), 'utf8'), 'mine');
  assert.equal((await runCli(['combine', ...inputs, '--output', 'x.json', '--svg', 'there.rates.json'], here)).code, 2);
  assert.equal((await runCli([...args, '--overwrite_output'], here)).code, 0);
  assert.equal((await readRatesFile(join(work, 'there.rates.json'))).name, 'there');
});

test("logs in the style of the paper's authors: ordered rates, three accuracies, a folder for each pair", async () => {
  const rates = (level: number): string => Array.from({ length: 10 }, (_, i) => `${level * (i + 1)}e-06`).join(',');
  const heading = [...Array.from({ length: 10 }, (_, i) => `lr_${i}`), 'acc1', 'acc2', 'acc3'].join(',');
  for (const [folder, level] of [
    ['first', 1],
    ['second', 4],
  ] as const) {
    await mkdir(join(work, folder), { recursive: true });
    await writeFile(
      join(work, folder, 'log_file.csv'),
      `${heading}\n${rates(level)},0.91,0.86,0.90\n${rates(level)},0.51,0.68,0.49\n`,
    );
  }
  const args = [
    'combine',
    `sst2->mrpc=${join(work, 'first', 'log_file.csv')}`,
    `mrpc->sst2=${join(work, 'second', 'log_file.csv')}`,
    '--columns',
    'before=acc1,p_s=acc2,p_o=acc3',
    '--grouping=depth:10',
    '--layers=12',
  ];
  const document = await jsonCli(args);
  const result = Object.values(document['rates'] as Record<string, number>);
  for (const [i, rate] of result.entries()) assert.ok(Math.abs(rate / (2e-6 * (i + 1)) - 1) < 1e-9);
  assert.equal(
    Object.keys(document['rates'] as object).join(),
    'embeddings,layers_0-1,layer_2,layers_3-4,layer_5,layers_6-7,layer_8,layers_9-10,layer_11,heads',
  );
  // Nobody needs to say what the paper's ten groups are, but it is told that nobody did.
  const { stdout, stderr } = await runCli(args.slice(0, 5));
  assert.match(stdout, /^layer_2 +16 +6e-6 /m);
  assert.match(stderr, /unknown, so that mixtures would not be seen: model of 4 rows/);
  assert.match(stderr, /taken for depth:10 of 12 layers/);
});

test('mixtures are refused with what differs', async () => {
  const other = block('csv')
    .replaceAll(',keep,', ',paper,')
    .replaceAll('qnli->', 'qqp->')
    .replaceAll('heldout,2', 'dev,3');
  await writeFile(join(work, 'paper.csv'), other);
  const { code, stdout } = await runCli(['combine', ...inputs, 'paper.csv', '--json'], here);
  assert.equal(code, 1);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; remedy: string } };
  assert.equal(error.code, 'ERR_COMBINE_MIXED');
  for (const text of [
    'protocol: keep (5 rows: qnli-sst2.csv, mrpc-sst2.jsonl); paper (3 rows: paper.csv)',
    'split: heldout (5 rows',
    'epochs: 2 (5 rows',
  ])
    assert.ok(error.message.includes(text), error.message);
  assert.doesNotMatch(error.message, /model:|grouping:/);
  assert.match(error.remedy, /--allow_mixed/);
  const allowed = await runCli(['combine', ...inputs, 'paper.csv', '--allow_mixed'], here);
  assert.equal(allowed.code, 0);
  assert.match(allowed.stderr, /note: mixed protocol: keep/);
});

test('bad input ends with a code and a remedy, and writes nothing', async (t) => {
  const home = process.cwd();
  process.chdir(work);
  t.after(() => process.chdir(home));
  await writeFile(join(work, 'broken.csv'), 'pair,lr_all,score\na->b,1e-5,1\na->b,much,1\n');
  await writeFile(join(work, 'empty.csv'), '');
  await writeFile(join(work, 'none.csv'), 'pair,lr_all,score,state\na->b,1e-5,1,failed\n');
  const cases: readonly [args: readonly string[], exit: number, text: RegExp][] = [
    [[], 2, /ERR_INVALID_OPTION/],
    [['broken.csv'], 1, /broken\.csv:3: expected a number under "lr_all", received "much"\n[\s\S]*ERR_TRIAL_TABLE/],
    [['empty.csv'], 1, /empty\.csv: expected a heading line[\s\S]*ERR_TRIAL_TABLE/],
    [['none.csv'], 1, /no complete trial in none\.csv \(1 row\)[\s\S]*ERR_TRIAL_TABLE/],
    [['missing.csv'], 1, /cannot read the trial table missing\.csv[\s\S]*ERR_READ/],
    [['a->b=missing.csv'], 1, /cannot read the trial table missing\.csv/],
    [['table.xlsx'], 1, /table\.xlsx: expected a \.csv[\s\S]*ERR_TRIAL_TABLE/],
    [['a->b=qnli-sst2.csv'], 1, /has a column "pair"/],
    [[...inputs, '--weight_base', '0.5'], 2, /weight_base: expected a number of at least 1, received 0\.5/],
    [[...inputs, '--top', '0'], 2, /top: expected a whole number/],
    [[...inputs, '--score', 'p_x'], 2, /score: expected objective/],
    [[...inputs, '--columns', 'p_o'], 2, /columns: expected OURS=THEIRS/],
    [[...inputs, '--columns', 'p_o=acc3'], 0, /wrote/],
    [[...inputs, '--repeats', 'never'], 2, /--repeats: expected one of separate, mean/],
    [[...inputs, '--chance', 'a=0.5'], 2, /--chance is for --min_above_chance/],
    [[...inputs, '--min_above_chance', '2'], 2, /--min_above_chance: expected/],
    [[...inputs, '--min_above_chance', '0.1'], 2, /--chance qnli=/],
    [[...inputs, '--baseline', '-1'], 2, /--baseline: expected/],
    [[...inputs, '--grouping', 'depth:10'], 2, /says "layer", not "depth:10"/],
    [[...inputs, '--wieght_base', '2'], 2, /--weight_base/],
  ];
  for (const [i, [args, exit, text]] of cases.entries()) {
    const file = `bad-${i}.rates.json`;
    const { code, stderr } = await run(['combine', ...args, '--output', file]);
    assert.equal(code, exit, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, text);
    assert.equal((await readdir(work)).includes(file), exit === 0, args.join(' '));
  }
  const nowhere = await run(['combine', ...inputs, '--output', 'no/c.rates.json']);
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /ERR_WRITE/);
});
